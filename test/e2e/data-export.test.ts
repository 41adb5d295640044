// Downloading one's data in the whole system: one JSON file, complete and without
// secrets. What is missing while a Worker is down: test/slow/faults.test.ts.
import { describe, expect, it, vi } from "vitest";
import { EVENTUALLY } from "../support/eventually.ts";
import { Person } from "../support/person.ts";
import { useSystem } from "../support/system.ts";

type Item = Readonly<Record<string, unknown>> & { readonly kind: string };
interface Export {
  readonly connectedApps: readonly object[];
  readonly incomplete: readonly string[];
  readonly [source: string]: unknown;
}

/** The page of the account page's form, and the file in it. */
async function download(person: Person) {
  const page = await person.user.submit(await person.open("/apps"), "/apps/data");
  return { page, file: JSON.parse(page.html) as Export };
}
const itemsOf = (file: Export, source: string) => file[source] as readonly Item[];
const kindsOf = (file: Export, source: string) => [...new Set(itemsOf(file, source).map(({ kind }) => kind))];

describe("the file with one's data", () => {
  const system = useSystem();

  it("has everything of the user, nothing of another one, and no secret", async () => {
    const [person, other] = [await Person.signUp(system), await Person.signUp(system)];
    const testKey = await person.newKey("test");
    await Promise.all(
      Array.from({ length: 15 }, (_, at) =>
        person.call(
          "flow_create",
          { projectDescription: `A shop for tea, number ${at}.`, taskKeywords: ["tea"] },
          testKey,
        ),
      ),
    );
    const flow = (await person.call("flow_create", { projectDescription: 'My own "shop".' })).structuredContent;
    const image = (await person.call("image_generate", { prompt: "my hills", quality_tier: "draft" }))
      .structuredContent;
    await other.call("flow_create", { projectDescription: "A stranger's kiosk." });
    const ids = await person.ids();
    const found = await vi.waitFor(async () => {
      const downloaded = await download(person);
      expect(itemsOf(downloaded.file, "audit").map(({ tool }) => tool)).toContain("image_generate");
      return downloaded;
    }, EVENTUALLY);
    const { page, file } = found;
    expect(page.headers.get("content-disposition")).toMatch(/^attachment; filename="stackbilt-data-[-0-9]{10}\.json"$/);
    expect(page.headers.get("cache-control")).toBe("no-store");
    expect(file.incomplete).toEqual([]);
    expect(kindsOf(file, "auth")).toEqual(["profile", "sign_in_method", "api_key", "charge"]);
    expect(itemsOf(file, "auth")[0]).toMatchObject({
      email: person.account.email,
      name: person.account.name,
      plan: "free",
    });
    expect(itemsOf(file, "auth").at(-1)).toMatchObject({
      tool: "image_generate",
      credits: 1,
      reference: image?.job_id,
    });
    const flows = itemsOf(file, "stackbilder");
    expect(flows.filter(({ isTest }) => isTest)).toHaveLength(15);
    expect(flows.filter(({ isTest }) => !isTest)).toMatchObject([
      { kind: "flow", flowId: flow?.flowId, description: 'My own "shop".', status: "draft" },
    ]);
    expect(itemsOf(file, "img-forge")).toMatchObject([{ kind: "image", prompt: "my hills", url: image?.url }]);
    for (const secret of [
      person.key,
      testKey,
      person.account.password,
      "key_hash",
      "scrypt",
      "salt",
      other.account.email,
    ])
      expect(page.html).not.toContain(secret);
    expect(page.html).not.toContain("kiosk");
    expect(page.html).toContain(ids?.tenantId);
    for (const record of itemsOf(file, "audit")) expect(record).not.toHaveProperty("chain");
  });

  it("needs the signed-in browser and its own form", async () => {
    const person = await Person.signUp(system);
    const page = await person.open("/apps");
    expect((await person.user.submit(page, "/apps/data", { csrf: "x" })).status).toBe(400);
    const anyone = await fetch(new URL("/apps/data", system.origin), { method: "POST", body: new URLSearchParams() });
    expect(new URL(anyone.url).pathname).toBe("/login");
  });
});
