// Credits, charges with their pictures, and activity on the account page.
import { describe, expect, it } from "vitest";
import type { Charge } from "../../../../contracts/auth.ts";
import { Browser, envWith, quiet, type Seen, throwing } from "../browser.ts";
import { newUserId, signedInBrowser, words } from "../signed-in-user.ts";

/** The id of a finished job. */
const JOB = "6f1c2b3a-8f0e-4b6a-9c55-0d2b7e1f4a66";

describe("the credits on the account page", () => {
  const resetsAt = Date.UTC(2026, 11, 1) / 1000;
  const balance = { tier: "free", allowance: 25, committed: 3, reserved: 1, available: 21, resetsAt } as const;
  const charge = {
    reservationId: "r",
    tool: "image_generate",
    reference: null,
    at: Date.UTC(2026, 10, 27, 6, 5) / 1000,
  };

  const ok = <T>(value: T) => ({ ok: true, value }) as const;
  const images = [{ job_id: JOB, prompt: "A <kite>", size_bytes: 4, completed_at: charge.at }];
  const imgForge = {
    listImages: async (): Promise<unknown> => ok({ images }),
    readImage: async (_: unknown, { job_id }: { job_id: string }): Promise<unknown> => {
      if (job_id !== JOB) return { ok: false, error: { code: "job_not_found" } };
      return ok({ mime_type: "image/png", size_bytes: 4, body: new Response(new Uint8Array([1, 2, 3, 4])).body });
    },
  };

  /** A browser of a user with these answers of the ledger and img-forge. */
  function browserWith(auth: Parameters<typeof envWith>[0], over: Partial<typeof imgForge> = {}): Promise<Browser> {
    return signedInBrowser(newUserId(), envWith(auth, { IMG_FORGE: { ...imgForge, ...over } as never })); // called alike
  }

  /** The account page of such a user. */
  async function pageWith(...answers: Parameters<typeof browserWith>): Promise<Seen> {
    return (await browserWith(...answers)).open("/apps");
  }

  const ledger = (over: object, charges: readonly object[] = []) => ({
    getCredits: async () => ok({ ...balance, ...over }),
    listCharges: async () => ok({ charges: charges as Charge[] }),
  });

  it("are this month's use, what is left and until when, and each charge with its state", async () => {
    const charges = [
      { ...charge, credits: 3, state: "committed" },
      { ...charge, credits: 1, state: "reserved" },
      { ...charge, credits: 1, state: "refunded" },
    ] as const;
    const seen = await pageWith({
      getCredits: async () => ({ ok: true, value: balance }),
      listCharges: async () => ({ ok: true, value: { charges: [...charges] } }),
    });
    expect(words(seen)).toContain(
      "Credits 3 of 25 credits used this month (plan free), and 1 reserved for calls under way. 21 left; renewed 1 Dec 2026 at 00:00 UTC .",
    );
    expect(words(seen)).toContain("image_generate , 3 credits: charged. 27 Nov 2026 at 06:05 UTC");
    expect(words(seen)).toContain("image_generate , 1 credit: under way.");
    expect(words(seen)).toContain("image_generate , 1 credit: returned.");
  });

  it("are missing with a word why if the auth Worker cannot say, and the page still opens", async () => {
    quiet();
    const seen = await pageWith({ getCredits: throwing, listCharges: throwing });
    expect(seen.status).toBe(200);
    expect(words(seen)).toContain("Your credits cannot be shown just now.");
    expect(words(seen)).not.toMatch(/latest charges/i);
  });

  it("say so if only the charges cannot be fetched", async () => {
    quiet();
    const seen = await pageWith({ ...ledger({}), listCharges: throwing });
    expect(words(seen)).toContain("21 left; renewed 1 Dec 2026 at 00:00 UTC . Your charges cannot be shown just now.");
  });

  it.each([
    [
      "all are used",
      { committed: 25, reserved: 0, available: 0 },
      "25 of 25 credits used this month (plan free). None is left; renewed 1 Dec 2026 at 00:00 UTC .",
    ],
    [
      "more are used than there are",
      { committed: 27, reserved: 0, available: -2 },
      "27 of 25 credits used this month (plan free). 2 credits more than the plan has, so none is left; renewed 1 Dec 2026 at 00:00 UTC .",
    ],
    [
      "the plan has none",
      { allowance: 0, committed: 0, reserved: 0, available: 0 },
      "The plan free has no credits: only tools that cost nothing work. Credits are renewed 1 Dec 2026 at 00:00 UTC .",
    ],
    [
      "the plan lost its own",
      { allowance: 0, committed: 1, reserved: 0, available: -1 },
      "1 of 0 credits used this month (plan free). 1 credit more than the plan has, so none is left; renewed 1 Dec 2026",
    ],
  ])("say how many are left and until when if %s", async (_, over, sentence) => {
    expect(words(await pageWith(ledger(over)))).toContain(sentence);
  });

  it("show the picture of a charge where it is still there, from the gateway's own origin", async () => {
    const charges = [
      { ...charge, state: "committed", credits: 1, reference: JOB },
      { ...charge, state: "committed", credits: 3, reference: "0a0b0c0d-0000-4000-8000-000000000000" },
      { ...charge, state: "refunded", credits: 5 },
    ];
    const browser = await browserWith(ledger({}, charges));
    const { text, response } = await browser.open("/apps");
    expect(text.match(/<img[^>]*>/g)).toEqual([
      `<img src="/apps/picture?job=${JOB}" alt="Picture: A &lt;kite&gt;" width="56" height="56" loading="lazy">`,
    ]);
    expect(text).toContain(`<a class="picture" href="/apps/picture?job=${JOB}">`);
    expect(response.headers.get("content-security-policy")).toMatch(/; img-src 'self';/);
    const picture = await browser.open(`/apps/picture?job=${JOB}`);
    expect([picture.status, picture.text]).toEqual([200, "\u0001\u0002\u0003\u0004"]);
    expect(Object.fromEntries(picture.response.headers)).toMatchObject({
      "content-type": "image/png",
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
      "cross-origin-resource-policy": "same-origin",
      "cache-control": "private, max-age=3600",
    });
  });

  it.each(["0a0b0c0d-0000-4000-8000-000000000000", "../../x", ""])("have no picture of the job %j", async (job) => {
    const browser = await browserWith(ledger({}));
    const { status, text } = await browser.open(`/apps/picture?job=${encodeURIComponent(job)}`);
    expect([status, text]).toEqual([404, expect.stringContaining("This picture is not here")]);
  });

  it("show no picture to a browser without a session, or while img-forge fails, and the page still opens", async () => {
    quiet();
    expect((await new Browser(envWith()).open(`/apps/picture?job=${JOB}`)).status).toBe(404);
    const charges = [{ ...charge, state: "committed", credits: 1, reference: JOB }];
    const browser = await browserWith(ledger({}, charges), { listImages: throwing, readImage: throwing });
    const page = await browser.open("/apps");
    expect([page.status, page.text]).toEqual([200, expect.not.stringContaining("<img")]);
    expect(words(page)).toContain("image_generate , 1 credit: charged.");
    expect((await browser.open(`/apps/picture?job=${JOB}`)).status).toBe(503);
  });

  it("wait for img-forge no longer than two seconds", async () => {
    const before = Date.now();
    const page = await pageWith(ledger({}), { listImages: () => new Promise(() => {}) });
    expect(page.status).toBe(200);
    expect(Date.now() - before).toBeLessThan(6_000);
  });
});

describe("the activity on the account page", () => {
  const at = "2026-11-27T06:05:00.000Z";
  const none = { at, traceId: null, clientId: null, tool: null, outcome: null, credits: null };
  const storeWith = (listActivity: () => Promise<unknown>) =>
    envWith({ listApiKeys: async () => ({ ok: true, value: { keys: [] } }) }, { AUDIT: { listActivity } as never }); // called alike

  it("names each call once with its outcome, each change of access, and the client", async () => {
    const activity = [
      { ...none, type: "tool.called", tool: "image_generate", outcome: "ok", clientId: "key:k1" },
      { ...none, type: "tool.started", tool: "image_generate", outcome: "started", clientId: "key:k1" },
      {
        ...none,
        type: "tool.called",
        tool: "flow_create",
        outcome: "rate_limited",
        clientId: "sibling:charter-web/jwt",
      },
      { ...none, type: "key.created", clientId: "key:k1" },
      { ...none, type: "grant.declined", clientId: "unknown" },
      { ...none, type: "session.started" },
    ];
    const own = storeWith(async () => ({ ok: true, value: { activity } }));
    const seen = await (await signedInBrowser(newUserId(), own)).open("/apps");
    expect(words(seen)).toContain(
      "image_generate : ok (API key). 27 Nov 2026 at 06:05 UTC flow_create : rate_limited (charter-web). 27 Nov 2026 at 06:05 UTC API key created. 27 Nov 2026 at 06:05 UTC app denied. 27 Nov 2026 at 06:05 UTC signed in. 27 Nov 2026",
    );
    expect(words(seen)).not.toContain("started");
  });

  it("is missing with a word why if the audit store does not respond, and the page still opens", async () => {
    quiet();
    const seen = await (await signedInBrowser(newUserId(), storeWith(throwing))).open("/apps");
    expect(seen.status).toBe(200);
    expect(words(seen)).toContain("Your activity cannot be shown just now.");
  });
});
