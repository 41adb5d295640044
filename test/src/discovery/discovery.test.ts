// Public documents for clients that are not connected: the server card and the catalog of cards
// (SEP-2127), the proof for the MCP registry, and the keys of the audit log.
import { createExecutionContext } from "cloudflare:test";
import { describe, expect, it } from "vitest";
import {
  CHECKPOINT_KEYS_PATH,
  type CheckpointKey,
  signCheckpoint,
  verifyCheckpoint,
} from "../../../contracts/audit-record.ts";
import gateway from "../../../entrypoints/gateway/index.ts";
import { version } from "../../../package.json";
import { configOf } from "../../../src/config.ts";
import { checkpointKeysOf } from "../../../src/crypto/key-ring.ts";
import type { Env } from "../../../src/env.ts";
import { LEGACY_VERSIONS, MODERN_VERSIONS } from "../../../src/mcp/era.ts";
import { envWith, ORIGIN } from "../oauth/browser.ts";

const CARD = "/mcp/server-card";
const CATALOG = "/.well-known/ai-catalog.json";
const PROOF = "/.well-known/mcp-registry-auth";
/** Replaces every binding. Throws on any use. */
const unused = new Proxy(
  {},
  {
    get(_, key) {
      throw new Error(`The binding's ${String(key)} is used.`);
    },
  },
) as never;

async function get(
  path: string,
  init: RequestInit<IncomingRequestCfProperties> = {},
  settings: Partial<Env> = {},
): Promise<Response> {
  const bound = Object.entries(envWith({}, settings)).map(([name, value]) => [
    name,
    typeof value === "object" ? unused : value,
  ]);
  const env = Object.fromEntries(bound) as Env;
  return gateway.fetch(
    new Request<unknown, IncomingRequestCfProperties>(ORIGIN + path, init),
    env,
    createExecutionContext(),
  );
}

describe("the keys of the audit log's checkpoints", () => {
  it("are the public ones of the current and the previous secret, and verify what is signed", async () => {
    const previous = { SERVICE_BINDING_SECRET_PREVIOUS: "the root secret before a rotation, 32 bytes" };
    const response = await get(CHECKPOINT_KEYS_PATH, {}, previous);
    expect(response.headers.get("content-type")).toBe("application/jwk-set+json");
    const { keys } = await response.json<{ keys: CheckpointKey[] }>();
    const kid = expect.stringMatching(/^[0-9a-f]{8}$/);
    const x = expect.stringMatching(/^[\w-]{43}$/);
    const key = { kty: "OKP", crv: "Ed25519", x, kid, alg: "EdDSA", use: "sig" };
    expect(keys).toEqual([key, key]);
    const [before] = await checkpointKeysOf(
      configOf(envWith({}, { SERVICE_BINDING_SECRET: previous.SERVICE_BINDING_SECRET_PREVIOUS })),
    );
    const statement = { chainId: "c".repeat(22), sequence: 1, hash: "h".repeat(43), at: "2026-11-27T00:00:00.000Z" };
    const checkpoint = await signCheckpoint(statement, before);
    expect(await verifyCheckpoint(checkpoint, keys)).toBe("valid");
    expect(await verifyCheckpoint(checkpoint, keys.slice(0, 1))).toBe("unknown_key");
  });
});

describe("the server card", () => {
  it.each([CARD, "/.well-known/mcp/server-card.json"])(
    "at %s has the server's name, endpoint and protocol versions",
    async (path) => {
      const response = await get(path);
      expect(response.headers.get("content-type")).toBe("application/mcp-server-card+json");
      expect(await response.json()).toEqual({
        $schema: "https://static.modelcontextprotocol.io/schemas/v1/server-card.schema.json",
        name: `${new URL(ORIGIN).hostname.split(".").toReversed().join(".")}/stackbilt-mcp-gateway`,
        title: "Stackbilt",
        description: expect.stringMatching(/^.{1,100}$/),
        version,
        websiteUrl: `${ORIGIN}/`,
        icons: [{ src: `${ORIGIN}/favicon.svg`, mimeType: "image/svg+xml", sizes: ["any"] }],
        remotes: [
          {
            type: "streamable-http",
            url: `${ORIGIN}/mcp`,
            supportedProtocolVersions: [...MODERN_VERSIONS, ...LEGACY_VERSIONS],
          },
        ],
      });
    },
  );

  it("is listed in the host's catalog", async () => {
    const response = await get(CATALOG);
    expect(response.headers.get("content-type")).toBe("application/ai-catalog+json");
    const { hostname } = new URL(ORIGIN);
    expect(await response.json()).toEqual({
      specVersion: "1.0",
      entries: [
        {
          identifier: `urn:air:${hostname}:mcp:stackbilt-mcp-gateway`,
          type: "application/mcp-server-card+json",
          url: ORIGIN + CARD,
        },
      ],
    });
  });

  it("is cacheable for an hour, and not sent again to a client that has it", async () => {
    const response = await get(CARD);
    expect(response.headers.get("cache-control")).toBe("public, max-age=3600");
    const etag = response.headers.get("etag") ?? "";
    expect(etag).toMatch(/^"[\w-]{43}"$/);
    const again = await get(CARD, { headers: { "if-none-match": `"another", ${etag}` } });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    expect((await get(CARD, { headers: { "if-none-match": '"another"' } })).status).toBe(200);
    expect((await get(CATALOG)).headers.get("etag")).not.toBe(etag);
  });

  it("can be read by any web page", async () => {
    const response = await get(CARD, { headers: { origin: "https://anywhere.example" } });
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    expect(response.headers.get("access-control-expose-headers")).toBe("ETag");
    const preflight = await get(CARD, { method: "OPTIONS", headers: { origin: "https://anywhere.example" } });
    expect([preflight.status, preflight.headers.get("access-control-allow-headers")]).toEqual([
      204,
      "Content-Type, If-None-Match",
    ]);
  });
});

describe("the proof for the MCP registry", () => {
  const proof = `v=MCPv1; k=ed25519; p=${"A".repeat(43)}=`;

  it("is the value of the variable, as plain text", async () => {
    const response = await get(PROOF, { headers: { accept: "text/plain" } }, { MCP_REGISTRY_AUTH: proof });
    expect([response.status, response.headers.get("content-type"), await response.text()]).toEqual([
      200,
      "text/plain",
      proof,
    ]);
    const p384 = `v=MCPv1; k=ecdsap384; p=${"A".repeat(66)}==`;
    expect(await (await get(PROOF, {}, { MCP_REGISTRY_AUTH: p384 })).text()).toBe(p384);
  });

  it("does not exist if the variable is empty or missing", async () => {
    for (const settings of [{}, { MCP_REGISTRY_AUTH: "" }]) expect((await get(PROOF, {}, settings)).status).toBe(404);
  });

  it("is refused if the variable is not a proof, such as a key that was pasted there", async () => {
    for (const text of [
      "-----BEGIN PRIVATE KEY-----",
      "f".repeat(64),
      `${proof} ${"f".repeat(64)}`,
      `${proof}\n${proof}`,
    ]) {
      const response = await get(PROOF, {}, { MCP_REGISTRY_AUTH: text });
      const body = await response.text();
      expect([response.status, body.includes("MCP_REGISTRY_AUTH must be")]).toEqual([500, true]);
      expect(body).not.toContain(text.slice(-20));
    }
  });
});
