// An account that is deleted while a Worker is down: access ends at once, the rest when the Worker
// is back.
import { describe, expect, it, vi } from "vitest";
import { EVENTUALLY } from "../support/eventually.ts";
import { Person } from "../support/person.ts";
import { storedChain } from "../support/stored-chain.ts";
import { useSystem } from "../support/system.ts";
import { newAccount, type Page } from "../support/user.ts";

const system = useSystem();
const isSignIn = ({ url }: Page) => url.pathname === "/login";

describe("an account that is deleted while the auth Worker stops answering", () => {
  it("loses its sessions at once, its keys and data as soon as the Worker is back, and the user reads so", async () => {
    const person = await Person.signUp(system, { ...newAccount(), name: "Ada Stays" });
    const deleted = await person.deleteAccount();
    expect(deleted.html).toContain("API keys stop working as soon as a part of the service is back");
    expect(isSignIn(await person.open("/apps"))).toBe(true);
    await vi.waitFor(async () => expect(await person.ids()).toBeNull(), EVENTUALLY);
    expect((await person.post("image_list_models")).status).toBe(401);
  });
});

describe("an account that is deleted while a product Worker is down", () => {
  it("is closed at once, and deleted as soon as the Worker is back", async () => {
    const person = await Person.signUp(system);
    const flow = (await person.call("flow_create", { projectDescription: "A shop for tea that is kept." }))
      .structuredContent;
    const ids = await person.ids();
    const deleted = await person.deleteAccount();
    expect(deleted.html).toContain("Your account is being deleted");
    expect((await person.post("flow_status", flow)).status).toBe(401);
    expect(isSignIn(await person.open("/apps"))).toBe(true);
    expect(system.logs().join("\n")).toContain("account.erasure_delayed");
    await vi.waitFor(async () => expect(await person.ids()).toBeNull(), EVENTUALLY);
    const { problems, text } = await storedChain(system, ids?.tenantId ?? "");
    expect(problems).toEqual([]);
    expect(text).not.toContain(ids?.userId);
    const again = await Person.signUp(system, person.account);
    expect((await again.ids())?.userId).not.toBe(ids?.userId);
  });
});
