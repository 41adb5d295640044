// Scopes of a grant: requested, known, and allowed by the user.
import { describe, expect, it } from "vitest";
import { grantableScopes, grantedScopes } from "../../../../src/oauth/authorization-server/scopes.ts";

describe("scopes", () => {
  it("that can be granted are those requested and known, and always include read", () => {
    expect(grantableScopes(["generate", "admin", "offline_access"])).toEqual(["read", "generate", "offline_access"]);
    expect(grantableScopes([])).toEqual(["read"]);
  });

  it("that are granted are never more than requested", () => {
    expect(grantedScopes(["read", "generate"], [])).toEqual(["read"]);
    expect(grantedScopes(["read"], ["read", "generate", "admin"])).toEqual(["read"]);
    expect(grantedScopes(["generate"], ["generate"])).toEqual(["read", "generate"]);
  });
});
