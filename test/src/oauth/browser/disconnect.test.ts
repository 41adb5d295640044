// Ending access on the account page: of one app, or of everything.
import { describe, expect, it, vi } from "vitest";
import { userObjectOf } from "../../../../src/durable/user-object.ts";
import { envWith, type Seen } from "../browser.ts";
import {
  COOKIE,
  env,
  fakeKeyStore,
  keyWith,
  newGrant,
  newUserId,
  signedInBrowser,
  submit,
  useAuditLog,
  words,
} from "../signed-in-user.ts";

/** The ids of the grants on a page. */
const grantIds = ({ text }: Seen) => Array.from(text.matchAll(/name="grantId" value="([^"]*)"/g), ([, id]) => id);

const audit = useAuditLog();

describe("disconnecting an app", () => {
  it("and revoking a key ask once: the form that does it is closed, and says what happens", async () => {
    const user = newUserId();
    await newGrant(user, { name: "Drawing <board>" });
    const over = envWith(fakeKeyStore([keyWith({ name: "Build server" })]).auth);
    const page = await (await signedInBrowser(user, over)).open("/apps");
    for (const [action, subject, form, effect] of [
      ["Disconnect", "Drawing &lt;board&gt;", "/apps/revoke", "It loses its access: at once"],
      ["Revoke", "Build server", "/apps/keys/revoke", "It stops working within 30 seconds"],
    ] as const) {
      const summary = `<summary class="button" aria-label="${action} ${subject}">${action}</summary>`;
      const [, inside = ""] = page.text.split(`<details name="ask">${summary}`);
      const [asked = ""] = inside.split("</details>");
      expect(asked).toContain(`<form method="post" action="${form}">`);
      expect(asked).toContain(`<p>${effect}`);
      expect(asked).toContain(`<button class="bad"><span>${action} <bdi>${subject}</bdi></span></button>`);
      expect(page.text.split(`action="${form}"`)).toHaveLength(2);
    }
    expect(words(page), "nothing that has not been asked for").not.toMatch(/Access ends|A revoked key/);
  });

  it("ends its tokens at once, deletes its approvals, leaves an audit record, and returns to the page", async () => {
    const user = newUserId();
    const [ended, kept] = [await newGrant(user, { name: "Ended" }), await newGrant(user, { name: "Kept" })];
    const approvals = userObjectOf(env, user);
    const approvalOf = (clientId: string) => ({ clientId, scopes: ["read"], metaHash: "a digest" });
    await approvals.storeApproval("ended", approvalOf(ended.client));
    await approvals.storeApproval("kept", approvalOf(kept.client));
    const browser = await signedInBrowser(user);
    const gone = await submit(browser, await browser.open("/apps"), "/apps/revoke", { grantId: ended.grantId });
    expect([gone.status, gone.next]).toEqual([303, "/apps"]);
    expect([await ended.works(), await ended.refresh(), await kept.works(), await kept.refresh()]).toEqual([
      false,
      400,
      true,
      200,
    ]);
    expect([await approvals.findApproval("ended"), await approvals.findApproval("kept")]).toMatchObject([
      null,
      { clientId: kept.client },
    ]);
    expect(grantIds(await browser.open("/apps"))).toEqual([kept.grantId]);
    expect(audit.mock.calls).toMatchObject([
      [{ event: "audit", type: "grant.revoked", subject: user, clientId: ended.client }],
    ]);
  });

  it("a second time, after a minute, shows that it is not connected any more", async () => {
    const user = newUserId();
    await newGrant(user);
    const browser = await signedInBrowser(user);
    const page = await browser.open("/apps");
    await submit(browser, page, "/apps/revoke");
    vi.useFakeTimers({ now: Date.now() + 61_000, toFake: ["Date"] });
    const again = await submit(browser, page, "/apps/revoke");
    vi.useRealTimers();
    expect(again.status).toBe(404);
    expect(words(again)).toContain("Not connected any more");
    expect(audit).toHaveBeenCalledOnce();
  });

  it("of another user changes nothing", async () => {
    const [ada, eve] = [await newGrant(newUserId()), newUserId()];
    await newGrant(eve);
    const browser = await signedInBrowser(eve);
    const page = await browser.open("/apps");
    expect((await submit(browser, page, "/apps/revoke", { grantId: ada.grantId })).status).toBe(404);
    expect([await ada.works(), await ada.refresh()]).toEqual([true, 200]);
    expect(audit).not.toHaveBeenCalled();
  });

  it.each([
    "",
    "x",
    "AAAAAAAAAAAAAAAAA",
    "a:b:c:d:e:f:g:h:",
    "../../../../../../",
    "AAAAAAAAAAAAAAA\n",
    "A".repeat(600),
  ])("needs the id of a grant, not %j", async (grantId) => {
    const user = newUserId();
    await newGrant(user);
    const browser = await signedInBrowser(user);
    expect((await submit(browser, await browser.open("/apps"), "/apps/revoke", { grantId })).status).toBe(404);
  });
});

describe("disconnecting everything", () => {
  it("ends every grant, approval and browser session, and says so", async () => {
    const user = newUserId();
    const apps = [await newGrant(user), await newGrant(user)];
    const other = await newGrant(newUserId());
    await userObjectOf(env, user).storeApproval("one", { clientId: "any-client", scopes: [], metaHash: "a digest" });
    const [browser, elsewhere] = [await signedInBrowser(user), await signedInBrowser(user)];
    const seen = await submit(browser, await browser.open("/apps"), "/apps/revoke-all");
    expect(seen.status).toBe(200);
    expect(words(seen)).toContain(
      "No app has access to your account any more, and you are signed out in every browser.",
    );
    for (const { works, refresh } of apps) expect([await works(), await refresh()]).toEqual([false, 400]);
    expect(await other.works()).toBe(true);
    expect(await userObjectOf(env, user).findApproval("one")).toBeNull();
    expect(browser.cookies.has(COOKIE)).toBe(false);
    expect((await elsewhere.open("/apps")).status).toBe(303);
    expect(audit.mock.calls).toMatchObject([[{ type: "user.revoked", subject: user }]]);
  });
});
