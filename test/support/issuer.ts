// Issues API keys and JWTs to users of a running system: calls the real auth Worker over RPC with
// tokens signed as the gateway signs them.
import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { type ApiKey, auth, type KeyEnvironment } from "../../contracts/auth.ts";
import type { Identity, Scope, TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import { signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { deriveKey } from "../../entrypoints/auth/derived-key.ts";
import { deriveIdentityKey, importRootKey } from "../../src/crypto/keys.ts";
import { type System, type SystemOptions, useSystem } from "./system.ts";

/** A user of the system with their tenant. */
export interface Owner {
  readonly userId: UserId;
  readonly tenantId: TenantId;
  readonly tier: Tier;
}

/** An owner, and the address of their account. */
export type NewOwner = Owner & { readonly email: string };

/** A key with its secret value. */
export type NewKey = ApiKey & { readonly key: string };

export interface Issuer {
  readonly system: System;
  /** The root secret of the gateway, and that of the auth Worker. */
  readonly secrets: readonly string[];
  /** The auth Worker's database. */
  db(): Promise<D1Database>;
  /** The user of an access token of the gateway. */
  ownerOf(accessToken: string): Promise<Owner>;
  /** A new user of a plan, without a way to sign in. */
  addOwner(tier: Tier): Promise<NewOwner>;
  createKey(owner: Owner, scopes: readonly Scope[], environment?: KeyEnvironment): Promise<NewKey>;
  revokeKey(owner: Owner, keyId: string): Promise<void>;
  mintToken(owner: Owner, scopes: readonly Scope[]): Promise<string>;
  /**
   * A JWT under the auth Worker's key with claims or a header that the auth Worker would not issue.
   */
  forge(owner: Owner, claims?: object, header?: object): Promise<string>;
}

type AuthMethod = keyof (typeof auth)["methods"];

/** `useSystem`, with functions that issue credentials in it. */
export function useIssuer(options?: SystemOptions): Issuer {
  const system = useSystem(options);

  const callAuth = <Value>(method: AuthMethod, identity: Partial<Identity>, input: object) =>
    callAsGateway<Value>(system, { method, identity, input });
  const as = ({ userId, tenantId, tier }: Owner) => ({ subject: userId, tenantId, tier });

  const authSecret = () => system.secretOf("auth", "BETTER_AUTH_SECRET");
  const db = async () => (await system.worker("auth").getEnv()).DB as D1Database;

  return {
    system,
    get secrets() {
      return [system.secretOf("gateway", "SERVICE_BINDING_SECRET"), authSecret()];
    },
    db,
    ownerOf: (accessToken) => callAuth<Owner>("getUser", {}, { userId: accessToken.split(":")[0] }),
    async addOwner(tier) {
      const [userId, tenantId] = [randomUUID() as UserId, randomUUID().replaceAll("-", "") as TenantId];
      const email = `owner-${userId}@example.com`;
      const at = new Date().toISOString();
      const database = await db();
      await database.batch([
        database
          .prepare("INSERT INTO user VALUES (?, 'Owner', ?, 1, NULL, ?, ?, NULL, 0, NULL)")
          .bind(userId, email, at, at),
        database
          .prepare("INSERT INTO tenants (id, user_id, tier, source, created_at) VALUES (?, ?, ?, 'oauth', 1)")
          .bind(tenantId, userId, tier),
      ]);
      return { userId, tenantId, tier, email };
    },
    createKey: (owner, scopes, environment = "live") =>
      callAuth<NewKey>("createApiKey", as(owner), { name: "a key", environment, scopes, expiresInDays: null }),
    revokeKey: async (owner, keyId) => void (await callAuth("revokeApiKey", as(owner), { keyId })),
    async mintToken(owner, scopes) {
      return (await callAuth<{ token: string }>("mintToken", as(owner), { audience: `${system.origin}/mcp`, scopes }))
        .token;
    },
    forge: ({ userId }, claims, header) =>
      signJwt(authSecret(), `${system.origin}/mcp`, { sub: userId, ...claims }, header),
  };
}

interface AuthCall {
  readonly method: AuthMethod;
  /** Default: the gateway itself. */
  readonly identity: Partial<Identity>;
  readonly input: object;
}

/** Calls the auth Worker with a token that is signed under the gateway's root secret. */
async function callAsGateway<Value>(system: System, { method, identity, input }: AuthCall): Promise<Value> {
  const root = await importRootKey(system.secretOf("gateway", "SERVICE_BINDING_SECRET"));
  const key = await deriveIdentityKey(root, auth.audience);
  const traceId = randomUUID().replaceAll("-", "");
  const caller: Identity = {
    subject: identity.subject ?? "gateway",
    tenantId: identity.tenantId ?? null,
    tier: identity.tier ?? "free",
    scopes: ["read", "generate"],
    clientId: "gateway",
  };
  const signed = { audience: auth.audience, method, input, idempotencyKey: undefined };
  const nowMs = Date.now();
  const call = {
    identity: await signIdentity(key, caller, signed, Math.floor(nowMs / 1000)),
    traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`,
    deadlineMs: nowMs + 5_000,
  };
  const body = JSON.stringify({ method, args: [call, input], progress: null });
  const response = await system.worker("issuer").fetch("/", { method: "POST", body });
  const { reply, thrown } = JSON.parse(await response.text()) as { reply?: Result<Value>; thrown?: string };
  if (!reply?.ok) throw new Error(`${method}: ${JSON.stringify(reply?.error ?? thrown)}`);
  return reply.value;
}

/** A JWT under the auth Worker's key. `claims` and `header` override the valid ones. */
async function signJwt(secret: string, audience: string, claims: object, header: object = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  const validClaims = {
    iss: new URL(audience).origin,
    aud: audience,
    scope: "read generate",
    iat: now,
    exp: now + 3600,
    jti: randomUUID(),
    client_id: "gateway",
  };
  return new SignJWT({ ...validClaims, ...claims })
    .setProtectedHeader({ alg: "HS256", typ: "at+jwt", ...header })
    .sign(await deriveKey(secret, "access-token"));
}
