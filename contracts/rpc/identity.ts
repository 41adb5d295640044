// Who calls: users, tenants, plans, scopes, and the statement that an identity token carries.
import * as v from "valibot";

/** The backends that an identity token can be meant for. */
export type Audience = "auth" | "stackbilder" | "img-forge";

export const Tier = v.picklist(["free", "hobby", "pro", "enterprise"]);
export type Tier = v.InferOutput<typeof Tier>;

export const Scope = v.picklist(["read", "generate"]);
export type Scope = v.InferOutput<typeof Scope>;

declare const brand: unique symbol;
/** Names a person. Not a tenant: the two are never interchangeable. */
export type UserId = string & { readonly [brand]: "UserId" };
/** Names what is billed and what owns flows and images. */
export type TenantId = string & { readonly [brand]: "TenantId" };

const id = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_.:-]{1,128}$/));
export const UserId = id as unknown as v.GenericSchema<string, UserId>; // the brand lives in TypeScript only
export const TenantId = id as unknown as v.GenericSchema<string, TenantId>; // the brand lives in TypeScript only

/** What the tenant ids of test keys begin with. */
const TEST_TENANT = "test:";

/** Where a test key works: a tenant of its own, beside the live one, which it cannot reach. */
export function testTenantOf(tenantId: TenantId): TenantId {
  return isTestTenant(tenantId) ? tenantId : (`${TEST_TENANT}${tenantId}` as TenantId); // the brand lives in TypeScript only
}

/** Whether everything about this tenant is for trying out only, and nothing is billed. */
export function isTestTenant(tenantId: TenantId | null): boolean {
  return tenantId?.startsWith(TEST_TENANT) ?? false;
}

/** Who asks. `tenantId` is `null` only where the gateway speaks for itself, before there is a user. */
export interface Identity {
  /** A user id, `key:<id>` for an API key that is nobody's own, `sibling:<name>` for a bound Worker that acts as itself, or `gateway`. */
  readonly subject: string;
  readonly tenantId: TenantId | null;
  readonly tier: Tier;
  readonly scopes: readonly Scope[];
  /**
   * Through what the subject asks: an OAuth client's id, `key:<id>` for an API key, `jwt` for a JWT; `sibling:<name>` for a sibling
   * that acts as itself, followed by `/` and one of the others where it shows a credential.
   */
  readonly clientId: string;
}

/** One signed statement: this identity calls this tool with this input, now. */
export interface VerifiedIdentity extends Identity {
  readonly audience: Audience;
  /** The tool's name, or the method's name where no tool is involved. */
  readonly tool: string;
  readonly traceId: string;
  /** Unique for each token, so that a backend can refuse a replay. */
  readonly tokenId: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
}
