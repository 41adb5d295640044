// Sealed text and proofs: bound to their context and to a known key, and spelled in one way.
import { env as bound } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { isProofFor, proofFor } from "../../../src/crypto/csrf.ts";
import { importSealingKey, seal, unseal } from "../../../src/crypto/seal.ts";
import type { Env } from "../../../src/env.ts";
import { newContext } from "../context.ts";

const ALPHABET = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"];

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

  it("opens in its canonical spelling only", async () => {
    const ring = [await key("00000001", 1)] as const;
    const [kid, iv, body = ""] = (await seal(ring, "words!", "cookie-a")).split(".");
    // 22 bytes: the last letter has two bits that are not used.
    expect(body).toHaveLength(30);
    expect(await unseal(ring, `${kid}.${iv}.${body}`, "cookie-a")).toBe("words!");
    for (const letter of ALPHABET.filter((one) => one !== body.at(-1)))
      expect(await unseal(ring, `${kid}.${iv}.${body.slice(0, -1)}${letter}`, "cookie-a"), letter).toBeNull();
    for (const other of [`${body}=`, `${body}==`, ` ${body}`, `${body}\n`])
      expect(await unseal(ring, `${kid}.${iv}.${other}`, "cookie-a"), JSON.stringify(other)).toBeNull();
  });
});

describe("the proof of a form", () => {
  it("is accepted in its canonical spelling only", async () => {
    const { config } = newContext(bound as unknown as Env).context;
    const proof = await proofFor(config, "step", "action");
    expect(await isProofFor(config, proof, "step", "action")).toBe(true);
    for (const letter of ALPHABET.filter((one) => one !== proof.at(-1)))
      expect(await isProofFor(config, proof.slice(0, -1) + letter, "step", "action"), letter).toBe(false);
    for (const other of [`${proof}=`, `${proof}\n`, ` ${proof}`])
      expect(await isProofFor(config, other, "step", "action"), JSON.stringify(other)).toBe(false);
  });
});
