// Makes API keys and JWTs for people of a system, as their own page would: asks the real auth Worker over RPC, in the gateway's name.
import { randomUUID } from "node:crypto";
import { SignJWT } from "jose";
import { type ApiKey, auth, type KeyEnvironment } from "../../contracts/auth.ts";
import type { Identity, Scope, TenantId, Tier, UserId } from "../../contracts/rpc/identity.ts";
import { signIdentity } from "../../contracts/rpc/identity-token.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { deriveKey } from "../../entrypoints/auth/derived-key.ts";
import { randomSecret } from "../../entrypoints/cli/local-secrets.ts";
import { deriveIdentityKey, importRootKey } from "../../src/crypto/keys.ts";
import { type System, type SystemOptions, useSystem } from "./system.ts";

/** A person of the system, as the auth Worker knows them. */
export interface Owner {
  readonly userId: UserId;
  readonly tenantId: TenantId;
  readonly tier: Tier;
}

/** A key as it is shown once. */
export type NewKey = ApiKey & { readonly key: string };

export interface Issuer {
  readonly system: System;
  /** The auth Worker's database. */
  db(): Promise<D1Database>;
  /** Whose access token this is. */
  ownerOf(accessToken: string): Promise<Owner>;
  createKey(owner: Owner, scopes: readonly Scope[], environment?: KeyEnvironment): Promise<NewKey>;
  revokeKey(owner: Owner, keyId: string): Promise<void>;
  mintToken(owner: Owner, scopes: readonly Scope[]): Promise<string>;
  /** A JWT under the auth Worker's own key, spoiled on purpose: one that the auth Worker would not have made. */
  forge(owner: Owner, claims?: object, header?: object): Promise<string>;
}

const WORKER = "issuer";

/** A system for all tests of the calling file, and a way to make credentials in it. */
export function useIssuer(options: SystemOptions = {}): Issuer {
  const [root, secret] = [randomSecret(), randomSecret()];
  const system = useSystem({
    ...options,
    secrets: { gateway: { SERVICE_BINDING_SECRET: root }, auth: { BETTER_AUTH_SECRET: secret } },
    also: [
      {
        name: WORKER,
        main: "test/support/backend-caller.ts",
        services: [{ binding: "BACKEND", service: "stackbilt-auth", entrypoint: "AuthEntrypoint" }],
      },
      ...(options.also ?? []),
    ],
  });

  async function ask<Value>(
    method: keyof (typeof auth)["methods"],
    { subject, tenantId, tier }: Partial<Identity>,
    input: object,
  ) {
    const key = await deriveIdentityKey(await importRootKey(root), auth.audience);
    const traceId = randomUUID().replaceAll("-", "");
    const identity = {
      subject: subject ?? "gateway",
      tenantId: tenantId ?? null,
      tier: tier ?? "free",
      scopes: [],
      clientId: "gateway",
    };
    const statement = {
      identity,
      issuer: system.origin,
      audience: auth.audience,
      tool: method,
      traceId,
      nonce: randomUUID(),
    };
    const nowMs = Date.now();
    const call = {
      identity: await signIdentity(key, statement, input, Math.floor(nowMs / 1000)),
      traceparent: `00-${traceId}-${traceId.slice(0, 16)}-01`,
      deadlineMs: nowMs + 5_000,
    };
    const body = JSON.stringify({ method, args: [call, input], progress: null });
    const answer = await system.worker(WORKER).fetch("/", { method: "POST", body });
    const { reply, thrown } = JSON.parse(await answer.text()) as { reply?: Result<Value>; thrown?: string };
    if (!reply?.ok) throw new Error(`${method}: ${JSON.stringify(reply?.error ?? thrown)}`);
    return reply.value;
  }
  const as = ({ userId, tenantId, tier }: Owner) => ({ subject: userId, tenantId, tier });

  return {
    system,
    db: async () => (await system.worker("stackbilt-auth").getEnv()).DB as D1Database,
    ownerOf: (accessToken) => ask<Owner>("getUser", {}, { userId: accessToken.split(":")[0] }),
    createKey: (owner, scopes, environment = "live") =>
      ask<NewKey>("createApiKey", as(owner), { name: "a key", environment, scopes, expiresInDays: null }),
    revokeKey: async (owner, keyId) => void (await ask("revokeApiKey", as(owner), { keyId })),
    async mintToken(owner, scopes) {
      return (await ask<{ token: string }>("mintToken", as(owner), { audience: `${system.origin}/mcp`, scopes })).token;
    },
    async forge({ userId }, claims = {}, header = {}) {
      const now = Math.floor(Date.now() / 1000);
      const good = {
        iss: system.origin,
        sub: userId,
        aud: `${system.origin}/mcp`,
        scope: "read generate",
        iat: now,
        exp: now + 3600,
      };
      const jwt = new SignJWT({ ...good, jti: randomUUID(), client_id: "gateway", ...claims });
      return jwt
        .setProtectedHeader({ alg: "HS256", typ: "at+jwt", ...header })
        .sign(await deriveKey(secret, "access-token"));
    },
  };
}
