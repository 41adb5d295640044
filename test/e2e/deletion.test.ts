// Deleting an account in the whole system: access ends at once, every Worker deletes what it has,
// and nothing returns, whatever is under way. test/slow/late-deletion.test.ts has Workers that are
// down.
import { describe, expect, it, vi } from "vitest";
import { chainNameOf } from "../../contracts/audit-record.ts";
import { type TenantId, testTenantOf } from "../../contracts/rpc/identity.ts";
import { EVENTUALLY } from "../support/eventually.ts";
import { accessTokenOf, connect, userIdOf } from "../support/mcp-clients.ts";
import { Person } from "../support/person.ts";
import { databaseOf, storedChain } from "../support/stored-chain.ts";
import { type System, useSystem } from "../support/system.ts";
import { newAccount, type Page } from "../support/user.ts";

/** The entries of the tenant's ledger, and the committed credits. */
async function ledgerOf(system: System, tenantId: string) {
  const storage = await system.worker("auth").getDurableObjectStorage("LedgerObject", { name: tenantId });
  const [sum] = await storage.exec("SELECT sum(amount) AS n FROM entries");
  const [committed] = await storage.exec(
    "SELECT coalesce(sum(credits), 0) AS n FROM reservations WHERE state = 'committed'",
  );
  const open = await storage.exec("SELECT * FROM reservations WHERE state = 'reserved'");
  return { left: Number(sum?.n), committed: Number(committed?.n), open };
}

const isSignIn = ({ url }: Page) => url.pathname === "/login";

const system = useSystem();

describe("an account that is deleted", () => {
  it("loses its access at once and its data everywhere, and its address can register as a new user", async () => {
    const [person, other] = [await Person.signUp(system), await Person.signUp(system)];
    const ids = await person.ids();
    if (!ids) throw new Error("The person has no account.");
    const flow = (await person.call("flow_create", { projectDescription: "A shop for tea." })).structuredContent;
    const image = (await person.call("image_generate", { prompt: "hills", quality_tier: "draft" })).structuredContent;
    const testKey = await person.newKey("test");
    await person.call("flow_create", { projectDescription: "A test shop." }, testKey);
    const kept = (await other.call("flow_create", { projectDescription: "A kiosk." })).structuredContent;

    const deleted = await person.deleteAccount();
    expect(deleted.html).toContain("Your account is deleted");
    for (const key of [person.key, testKey]) expect((await person.post("flow_status", flow, key)).status).toBe(401);
    expect(isSignIn(await person.open("/apps"))).toBe(true);
    expect((await fetch(String(image?.url))).status).toBe(404);

    const DB = await databaseOf(system, "auth");
    for (const table of ["user", "account", "tenants", "api_keys"]) {
      const rows = JSON.stringify((await DB.prepare(`SELECT * FROM ${table}`).all()).results);
      for (const trace of [person.account.email, ids.userId, ids.tenantId]) expect(rows, table).not.toContain(trace);
    }
    expect(await ledgerOf(system, ids.tenantId)).toEqual({ left: 24, committed: 1, open: [] });
    await vi.waitFor(
      async () => expect((await storedChain(system, ids.tenantId)).types).toContain("account.deleted"),
      EVENTUALLY,
    );
    for (const tenantId of [ids.tenantId, testTenantOf(ids.tenantId as TenantId), null]) {
      const { text, problems } = await storedChain(system, tenantId);
      for (const trace of [ids.userId, ids.tenantId, "flowId"]) expect(text).not.toContain(trace);
      expect(problems).toEqual([]);
    }

    const again = await Person.signUp(system, person.account);
    expect((await again.ids())?.tenantId).not.toBe(ids.tenantId);
    expect(await again.call("flow_status", { flowId: flow?.flowId })).toMatchObject({ isError: true });
    const page = (await again.open("/apps")).html;
    expect(page).toContain("0 of 25 credits used");
    expect(page).not.toContain("image_generate");
    expect((await other.call("flow_status", { flowId: kept?.flowId })).structuredContent).toMatchObject({
      status: "draft",
    });
  });

  it("takes an app's tokens and its refresh with it", async () => {
    const account = newAccount();
    const app = await connect(system.origin, "modern", { account });
    const token = accessTokenOf(app);
    const person = await Person.signIn(system, account);
    expect((await person.post("image_list_models", {}, token)).status).toBe(200);
    expect((await person.deleteAccount()).html).toContain("Your account is deleted");
    expect((await person.post("image_list_models", {}, token)).status).toBe(401);
    const { OAUTH_KV } = (await system.worker("gateway").getEnv()) as { OAUTH_KV: KVNamespace };
    const names = (await OAUTH_KV.list()).keys.map(({ name }) => name);
    expect(names.filter((name) => name.includes(userIdOf(app)))).toEqual([]);
    await app.close();
  });

  it("leaves nothing of a paid call that is under way, and no credits", async () => {
    const { IMAGES } = (await system.worker("img-forge").getEnv()) as { IMAGES: R2Bucket };
    const pictures = async () => (await IMAGES.list()).objects.map(({ key }) => key);
    const others = await pictures();
    await Promise.all(
      [0, 150, 400].map(async (delayMs) => {
        const person = await Person.signUp(system);
        const ids = await person.ids();
        const draft = { prompt: "hills", quality_tier: "draft" };
        const page = await person.open("/apps/delete");
        const running = Array.from({ length: 3 }, (_, at) => person.post("image_generate", { ...draft, wait: at > 0 }));
        await new Promise((resolve) => setTimeout(resolve, delayMs));
        const fields = { confirmation: "delete my account", password: person.account.password };
        const deleted = await person.user.submit(page, "/apps/delete", fields);
        expect(deleted.html).toContain("Your account is deleted");
        const texts = await Promise.all(running.map(async (response) => (await response).text()));
        await new Promise((resolve) => setTimeout(resolve, 2_000));
        for (const [url] of texts.join("\n").matchAll(/http[^"\\ ]*\/images\/[-0-9a-f]+\.png/g))
          expect((await fetch(url)).status).toBe(404);
        const { left, committed, open } = await ledgerOf(system, ids?.tenantId ?? "");
        expect([left, open]).toEqual([25 - committed, []]);
        const log = await system.worker("gateway").getDurableObjectStorage("AuditLogObject", {
          name: chainNameOf(ids?.tenantId ?? ""),
        });
        expect(await log.exec("SELECT * FROM open_calls")).toEqual([]);
        await vi.waitFor(async () => {
          const { text, problems, types } = await storedChain(system, ids?.tenantId ?? "");
          expect(types).toContain("account.deleted");
          expect(problems).toEqual([]);
          expect(text).not.toContain(ids?.userId);
        }, EVENTUALLY);
      }),
    );
    expect((await pictures()).filter((key) => !others.includes(key))).toEqual([]);
  });

  it("is deleted once by five equal forms, and not again by a replayed one", async () => {
    const person = await Person.signUp(system);
    const page = await person.open("/apps/delete");
    const fields = { confirmation: "delete my account", password: person.account.password };
    const copies = Array.from({ length: 5 }, () => person.copy());
    const pages = await Promise.all(copies.map((copy) => copy.user.submit(page, "/apps/delete", fields)));
    for (const { html } of pages) expect(html).toContain("Your account is deleted");
    const again = await Person.signUp(system, person.account);
    expect(isSignIn(await person.copy().user.submit(page, "/apps/delete", { ...fields, more: "1" }))).toBe(true);
    expect((await again.post("image_list_models")).status).toBe(200);
  });

  it("stays as it is after a wrong word, a wrong password or a form of another session", async () => {
    const [person, other] = [await Person.signUp(system), await Person.signUp(system)];
    const refusals: [Record<string, string>, number, string][] = [
      [{ confirmation: "yes" }, 400, "Type “delete my account” to confirm."],
      [{ password: "seven green turtles at dawn" }, 401, "The password is wrong."],
      [{ password: "" }, 401, "The password is wrong."],
      [{ csrf: "x" }, 400, "another sign-in"],
    ];
    for (const [fields, status, sentence] of refusals) {
      const page = await person.deleteAccount(fields);
      expect([page.status, page.html.includes(sentence)], sentence).toEqual([status, true]);
    }
    const foreign = await other.open("/apps/delete");
    const { password } = person.account;
    expect(
      (await person.user.submit(foreign, "/apps/delete", { confirmation: "delete my account", password })).status,
    ).toBe(400);
    expect((await person.post("image_list_models")).status).toBe(200);
    expect((await person.open("/apps")).html).toContain(person.account.email);
  });
});
