// Sealed text: bound to its context and to a known key.
import { describe, expect, it } from "vitest";
import { importSealingKey, seal, unseal } from "../../../src/crypto/seal.ts";

const key = (kid: string, byte: number) => importSealingKey(kid, new Uint8Array(32).fill(byte));

describe("sealed text", () => {
  it("opens only unchanged, for the context it was sealed for, under a known key", async () => {
    const ring = [await key("00000001", 1), await key("00000002", 2)] as const;
    const sealed = await seal([ring[1]], "words", "cookie-a");
    expect(await unseal(ring, sealed, "cookie-a")).toBe("words");
    expect(await unseal(ring, sealed, "cookie-b")).toBeNull();
    expect(await unseal([ring[0]], sealed, "cookie-a")).toBeNull();
    expect(await unseal(ring, `${sealed.slice(0, -2)}AA`, "cookie-a")).toBeNull();
    expect(await unseal([await key("00000002", 9)], sealed, "cookie-a")).toBeNull();
    expect(await unseal(ring, "", "cookie-a")).toBeNull();
  });
});
