// Identities: users, tenants, plans, scopes, and the verified content of an identity token.
import * as v from "valibot";

export const Tier = v.picklist(["free", "hobby", "pro", "enterprise"]);
export type Tier = v.InferOutput<typeof Tier>;

export const Scope = v.picklist(["read", "generate"]);
export type Scope = v.InferOutput<typeof Scope>;

/** True if `scopes` include `needed`. `generate` includes `read`. */
export function permits(scopes: readonly Scope[], needed: Scope): boolean {
  return scopes.includes(needed) || (needed === "read" && scopes.includes("generate"));
}

declare const brand: unique symbol;
/** Id of a user. It cannot be used as a tenant id. */
export type UserId = string & { readonly [brand]: "UserId" };
/** Id of a tenant, which is billed and which owns flows and images. */
export type TenantId = string & { readonly [brand]: "TenantId" };

const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,128}$/));
export const UserId = id as unknown as v.GenericSchema<string, UserId>; // the brand lives in TypeScript only
export const TenantId = id as unknown as v.GenericSchema<string, TenantId>; // the brand lives in TypeScript only

/** Prefix of the tenant ids of test keys. */
const TEST_TENANT = "test:";

/** The tenant of a user's test keys, which is separate from the live one. */
export function testTenantOf(tenantId: TenantId): TenantId {
  return isTestTenant(tenantId) ? tenantId : (`${TEST_TENANT}${tenantId}` as TenantId); // the brand lives in TypeScript only
}

/** True for a tenant of test keys: nothing of it is billed. */
export function isTestTenant(tenantId: TenantId | null): boolean {
  return tenantId?.startsWith(TEST_TENANT) ?? false;
}

/**
 * The subject of a call. `tenantId` is `null` only for the gateway itself, before there is a user.
 */
export interface Identity {
  /**
   * A user id, `key:<id>` for an API key without a user, `sibling:<name>` for a bound Worker that
   * acts as itself, or `gateway`.
   */
  readonly subject: string;
  readonly tenantId: TenantId | null;
  readonly tier: Tier;
  readonly scopes: readonly Scope[];
  /**
   * The client of the call: an OAuth client's id, `key:<id>` for an API key, `jwt` for a JWT;
   * `sibling:<name>` for a sibling that acts as itself, followed by `/` and one of the others if it
   * presents a credential.
   */
  readonly clientId: string;
}

/** The identity behind a verified token, and the marks of that token. */
export interface VerifiedIdentity extends Identity {
  readonly token: OneTimeToken;
}

/** A token that counts once if its call changes something; see `claim-once.ts`. */
export interface OneTimeToken {
  /** Unique per token. */
  readonly id: string;
  /** Seconds since the Unix epoch. */
  readonly expiresAt: number;
}
