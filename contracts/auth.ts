// What the auth Worker promises: people, tenants, keys and social sign-in. Its first six methods run before there is a caller to
// vouch for; they take plain positional arguments and keep the names and shapes of the platform's existing deployment. Newer
// methods are operations like every other backend's.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { Scope, TenantId, Tier, UserId } from "./rpc/identity.ts";
import { operation } from "./rpc/operation.ts";

/** Why one of the six older methods said no. A newer deployment may know more reasons, so replies are read as any string. */
export const AUTH_ERRORS = [
  "INVALID_CREDENTIALS",
  "EMAIL_EXISTS",
  "TOKEN_EXPIRED",
  "KEY_EXPIRED",
  "KEY_REVOKED",
  "RATE_LIMITED",
  "PAYMENT_DELINQUENT",
  "INVALID_TOKEN",
] as const;
export type AuthError = (typeof AUTH_ERRORS)[number];

const Rejected = v.object({ valid: v.literal(false), error: v.string() });

/** The one schema that a reply claims to fit. (A variant would say the same in ten times the code.) */
const isValid = (reply: unknown) =>
  typeof reply === "object" && reply !== null && "valid" in reply && reply.valid === true;

/** Reply of `validateApiKey`. */
export const ApiKeyValidation = v.lazy((reply) => (isValid(reply) ? KnownKey : Rejected));
const KnownKey = v.object({
  valid: v.literal(true),
  tenant_id: TenantId,
  tier: Tier,
  scopes: v.array(v.string()),
  key_id: v.string(),
  user_id: v.optional(UserId),
});
export type ApiKeyValidation = v.InferOutput<typeof ApiKeyValidation>;

/** Reply of `validateJwt`. `exp` is in seconds since the Unix epoch. */
export const JwtValidation = v.lazy((reply) => (isValid(reply) ? KnownJwt : Rejected));
const KnownJwt = v.object({
  valid: v.literal(true),
  tenant_id: TenantId,
  user_id: UserId,
  tier: Tier,
  scopes: v.array(v.string()),
  aud: v.custom<string | string[]>((aud) => [aud].flat().every((audience) => typeof audience === "string")),
  exp: v.number(),
});
export type JwtValidation = v.InferOutput<typeof JwtValidation>;

/** Reply of `authenticateUser`, `registerUser` and `exchangeSocialCode`. The e-mail of a social sign-in is verified by its provider. */
export const SignIn = v.lazy((reply) => (isValid(reply) ? SignedIn : Rejected));
const SignedIn = v.object({ valid: v.literal(true), userId: UserId, email: v.string(), name: v.string() });
export type SignIn = v.InferOutput<typeof SignIn>;

/** Reply of `provisionTenant`. */
export const Tenant = v.object({
  tenantId: TenantId,
  userId: UserId,
  tier: Tier,
  /** Whether the tenant owes money. */
  delinquent: v.boolean(),
  /** ISO 8601, or milliseconds since the Unix epoch. */
  createdAt: v.custom<string | number>((instant) => typeof instant === "string" || typeof instant === "number"),
});
export type Tenant = v.InferOutput<typeof Tenant>;

/** Through which door a tenant was first needed. */
export type ProvisionSource = "oauth" | "api_key" | "service_binding";

/** Characters that a new password needs at least (NIST SP 800-63B-4, section 3.1.1.2: it is the only factor). */
export const PASSWORD_MIN_CHARACTERS = 15;

/** Shape of an API key; anything else is refused without asking the auth Worker. */
export const API_KEY_PATTERN = /^sb_(live|test)_[A-Za-z0-9_-]{16,128}$/;

/** How long the gateway waits for any answer of the auth Worker, in milliseconds. */
export const AUTH_TIMEOUT_MS = 5_000;

const USER_NOT_FOUND = "This account does not exist any more.";

export const GetUser = operation({
  input: v.strictObject({ userId: UserId }),
  output: v.object({
    userId: UserId,
    tenantId: TenantId,
    email: v.string(),
    name: v.string(),
    tier: Tier,
    /** A disabled user keeps nothing: no sign-in, no refresh. */
    isActive: v.boolean(),
    /** Grows with everything that must end the user's browser sessions: sign-out everywhere, a changed password. */
    sessionVersion: v.pipe(v.number(), v.integer(), v.minValue(0)),
  }),
  errors: { user_not_found: USER_NOT_FOUND },
  timeoutMs: AUTH_TIMEOUT_MS,
});

/** `live`: works for the tenant, and may cost money. `test`: works for a tenant of its own, and reaches nothing that costs money. */
export const KeyEnvironment = v.picklist(["live", "test"]);
export type KeyEnvironment = v.InferOutput<typeof KeyEnvironment>;

/** An API key as its owner may see it again; never the key itself. Instants are seconds since the Unix epoch. */
export const ApiKey = v.object({
  keyId: v.string(),
  name: v.string(),
  environment: KeyEnvironment,
  scopes: v.array(Scope),
  createdAt: v.number(),
  /** `null`: until it is revoked. */
  expiresAt: v.nullable(v.number()),
});
export type ApiKey = v.InferOutput<typeof ApiKey>;

/** Characters that the name of an API key may have. */
export const KEY_NAME_MAX_CHARACTERS = 60;
/** Keys that one person can have at a time. */
export const API_KEYS_MAX = 20;

const Scopes = v.pipe(v.array(Scope), v.minLength(1), v.maxLength(Scope.options.length));

export const CreateApiKey = operation({
  input: v.strictObject({
    name: v.pipe(v.string(), v.minLength(1), v.maxLength(KEY_NAME_MAX_CHARACTERS)),
    environment: KeyEnvironment,
    scopes: Scopes,
    /** `null`: until it is revoked. */
    expiresInDays: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(365))),
  }),
  /** `key` is shown this once: the auth Worker keeps its digest only. */
  output: v.object({ key: v.pipe(v.string(), v.regex(API_KEY_PATTERN)), ...ApiKey.entries }),
  errors: {
    too_many_keys: `You have ${API_KEYS_MAX} keys, which is the most. Revoke one first.`,
    name_not_usable: "Give the key a name that can be read: letters, digits or signs.",
    user_not_found: USER_NOT_FOUND,
  },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

export const ListApiKeys = operation({
  input: v.strictObject({}),
  /** Newest first, without those that have been revoked. */
  output: v.object({ keys: v.array(ApiKey) }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
});

export const RevokeApiKey = operation({
  input: v.strictObject({ keyId: v.pipe(v.string(), v.minLength(1), v.maxLength(64)) }),
  output: v.object({ keyId: v.string() }),
  errors: { key_not_found: "You have no key like that any more." },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

/** A JWT access token (RFC 9068, `at+jwt`) for the person who asks. It lives an hour and cannot be renewed. */
export const MintToken = operation({
  input: v.strictObject({
    /** The one resource that the token is for (RFC 8707). */
    audience: v.pipe(v.string(), v.maxLength(512)),
    scopes: Scopes,
  }),
  output: v.object({ token: v.string(), expiresAt: v.number() }),
  errors: { audience_not_allowed: "Tokens for this resource are not made here.", user_not_found: USER_NOT_FOUND },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

/** The auth Worker's newer methods. None of them is a tool. */
export const auth = contract({
  audience: "auth",
  prefix: "auth",
  methods: {
    /** The user as of now: still active, which tier, which tenant. */
    getUser: GetUser,
    /** Makes a key for the person who asks, who alone can use, see and revoke it. Its name is stored without what cannot be seen. */
    createApiKey: CreateApiKey,
    /** The keys of the person who asks. */
    listApiKeys: ListApiKeys,
    /** Ends a key for good. The gateway may go on taking it for up to 30 seconds. */
    revokeApiKey: RevokeApiKey,
    /** A short-lived bearer for the person who asks. */
    mintToken: MintToken,
  },
  tools: {},
  internal: ["getUser", "createApiKey", "listApiKeys", "revokeApiKey", "mintToken"],
});

/** The auth Worker's six older methods and its newer ones. */
export interface AuthContract extends ContractOf<typeof auth> {
  /** `KEY_REVOKED`, `KEY_EXPIRED`, `RATE_LIMITED`, `PAYMENT_DELINQUENT` or `INVALID_TOKEN` where the key is good for nothing. */
  validateApiKey(rawKey: string): Promise<ApiKeyValidation>;
  /** A JWT of the auth Worker's own. Its audience is the caller's to judge. */
  validateJwt(token: string): Promise<JwtValidation>;
  /** `INVALID_CREDENTIALS` for an unknown e-mail and for a wrong password alike; `RATE_LIMITED` after too many of either. */
  authenticateUser(email: string, password: string): Promise<SignIn>;
  /** `EMAIL_EXISTS` where the address is taken; `INVALID_CREDENTIALS` where name, address or password are not acceptable. */
  registerUser(name: string, email: string, password: string): Promise<SignIn>;
  /** The user's one tenant, made on first need. Idempotent, also in parallel. */
  provisionTenant(request: { userId: UserId; source: ProvisionSource }): Promise<Tenant>;
  /**
   * Trades the one-time code of the social bridge for the user it stands for. The code is good once, for 60 seconds, only with the
   * verifier whose S256 challenge started the bridge (RFC 7636) and only for the same `returnUrl`. `INVALID_TOKEN` otherwise.
   */
  exchangeSocialCode(code: string, proof: { codeVerifier: string; returnUrl: string }): Promise<SignIn>;
}

/** What the social bridge can sign in with. */
export const SOCIAL_PROVIDERS = ["github", "google"] as const;
export const SocialProvider = v.picklist(SOCIAL_PROVIDERS);
export type SocialProvider = v.InferOutput<typeof SocialProvider>;
