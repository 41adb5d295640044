// Contract of the auth Worker: users, tenants, keys and social sign-in. Its six older methods run
// before there is an identity to sign; they take plain positional arguments and keep the names and
// shapes of the platform's existing deployment. Newer methods are operations, as in every backend.
import * as v from "valibot";
import { type ContractOf, contract } from "./rpc/contract.ts";
import { Scope, TenantId, Tier, UserId } from "./rpc/identity.ts";
import { operation } from "./rpc/operation.ts";

/**
 * Error codes of the six older methods. A newer deployment may have more, so replies accept any
 * string.
 */
export const AUTH_ERRORS = [
  "INVALID_CREDENTIALS",
  "EMAIL_EXISTS",
  "NAME_NOT_USABLE",
  "EMAIL_NOT_USABLE",
  "WEAK_PASSWORD",
  "TOKEN_EXPIRED",
  "KEY_EXPIRED",
  "KEY_REVOKED",
  "RATE_LIMITED",
  "PAYMENT_DELINQUENT",
  "INVALID_TOKEN",
] as const;
export type AuthError = (typeof AUTH_ERRORS)[number];

const Rejected = v.object({ valid: v.literal(false), error: v.string() });

/**
 * Selects the schema that a reply claims to fit. A valibot variant does the same in ten times the
 * code.
 */
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

/**
 * Reply of `authenticateUser`, `registerUser` and `exchangeSocialCode`. The e-mail address of a
 * social sign-in is verified by its provider.
 */
export const SignIn = v.lazy((reply) => (isValid(reply) ? SignedIn : Rejected));
const SignedIn = v.object({ valid: v.literal(true), userId: UserId, email: v.string(), name: v.string() });
export type SignIn = v.InferOutput<typeof SignIn>;

/** `knownBrowser`: a name of the browser, in which this account has signed in before. */
export interface SignInOptions {
  readonly knownBrowser?: string;
}

/** Reply of `provisionTenant`. */
export const Tenant = v.object({
  tenantId: TenantId,
  userId: UserId,
  tier: Tier,
  /** True if the tenant has an unpaid bill. */
  delinquent: v.boolean(),
  /** ISO 8601, or milliseconds since the Unix epoch. */
  createdAt: v.custom<string | number>((instant) => typeof instant === "string" || typeof instant === "number"),
});
export type Tenant = v.InferOutput<typeof Tenant>;

/** The kind of credential for which a tenant is first needed. */
export type ProvisionSource = "oauth" | "api_key" | "service_binding";

/** Minimum length of a new password (NIST SP 800-63B-4, section 3.1.1.2: it is the only factor). */
export const PASSWORD_MIN_CHARACTERS = 15;

/** Shape of an API key. Any other text is refused without a call to the auth Worker. */
export const API_KEY_PATTERN = /^sb_(live|test)_[A-Za-z0-9_-]{16,128}$/;

/** Milliseconds that the gateway waits for a reply of the auth Worker. */
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
    /** A disabled user can neither sign in nor refresh a token. */
    isActive: v.boolean(),
    /** True if the tenant has an unpaid bill. Default: for an auth Worker that is older. */
    isDelinquent: v.optional(v.boolean(), false),
    /**
     * Increases whenever the user's browser sessions must end: sign-out everywhere, a changed
     * password.
     */
    sessionVersion: v.pipe(v.number(), v.integer(), v.minValue(0)),
    /**
     * Sessions, grants and tokens of a sign-in at or before this instant have ended. Milliseconds
     * since the Unix epoch; 0: none has.
     */
    signedOutAtMs: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0)), 0),
  }),
  errors: { user_not_found: USER_NOT_FOUND },
  timeoutMs: AUTH_TIMEOUT_MS,
});

/**
 * `live`: a key for the user's tenant; calls may cost money. `test`: a key for a separate tenant;
 * it cannot reach anything that costs money.
 */
export const KeyEnvironment = v.picklist(["live", "test"]);
export type KeyEnvironment = v.InferOutput<typeof KeyEnvironment>;

/**
 * An API key as shown to its owner, without the key itself. Instants are seconds since the Unix
 * epoch.
 */
export const ApiKey = v.object({
  keyId: v.string(),
  name: v.string(),
  environment: KeyEnvironment,
  scopes: v.array(Scope),
  createdAt: v.number(),
  /** `null`: valid until it is revoked. */
  expiresAt: v.nullable(v.number()),
  /** The beginning of the key, by which its owner recognizes it; `null` if it is not known. */
  prefix: v.optional(v.nullable(v.string()), null),
  /** The last use, up to ten minutes early; `null` if none is known. */
  lastUsedAt: v.optional(v.nullable(v.number()), null),
});
export type ApiKey = v.InferOutput<typeof ApiKey>;

/** Maximum length of an API key's name. */
export const KEY_NAME_MAX_CHARACTERS = 60;
/** Maximum number of API keys per user. */
export const API_KEYS_MAX = 20;

/** Sign-in providers of the social bridge. */
export const SOCIAL_PROVIDERS = ["github", "google"] as const;
export const SocialProvider = v.picklist(SOCIAL_PROVIDERS);
export type SocialProvider = v.InferOutput<typeof SocialProvider>;

const Scopes = v.pipe(v.array(Scope), v.minLength(1), v.maxLength(Scope.options.length));

export const CreateApiKey = operation({
  input: v.strictObject({
    name: v.pipe(v.string(), v.minLength(1), v.maxLength(KEY_NAME_MAX_CHARACTERS)),
    environment: KeyEnvironment,
    scopes: Scopes,
    /** `null`: valid until it is revoked. */
    expiresInDays: v.nullable(v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(365))),
  }),
  /** `key` is returned only here: the auth Worker stores its digest. */
  output: v.object({ key: v.pipe(v.string(), v.regex(API_KEY_PATTERN)), ...ApiKey.entries }),
  errors: {
    too_many_keys: `You have ${API_KEYS_MAX} keys, which is the maximum. Revoke one first.`,
    name_not_usable: "Give the key a name with visible characters: letters, digits or signs.",
    user_not_found: USER_NOT_FOUND,
  },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

export const ListApiKeys = operation({
  input: v.strictObject({}),
  /** Newest first, without revoked keys. */
  output: v.object({ keys: v.array(ApiKey) }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
});

export const RevokeApiKey = operation({
  input: v.strictObject({ keyId: v.pipe(v.string(), v.minLength(1), v.maxLength(64)) }),
  output: v.object({ keyId: v.string() }),
  errors: { key_not_found: "You do not have this key. It may have been revoked already." },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

/**
 * A JWT access token (RFC 9068, `at+jwt`) for the user. It is valid for one hour and cannot be
 * renewed.
 */
export const MintToken = operation({
  input: v.strictObject({
    /** The one resource for which the token is valid (RFC 8707). */
    audience: v.pipe(v.string(), v.maxLength(512)),
    scopes: Scopes,
  }),
  output: v.object({ token: v.string(), expiresAt: v.number() }),
  errors: {
    audience_not_allowed: "This service does not issue tokens for this resource.",
    user_not_found: USER_NOT_FOUND,
  },
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

export const GetSignInMethods = operation({
  input: v.strictObject({}),
  output: v.object({ methods: v.array(v.picklist(["password", ...SOCIAL_PROVIDERS])) }),
  errors: { user_not_found: USER_NOT_FOUND },
  timeoutMs: AUTH_TIMEOUT_MS,
});

export const CloseAccount = operation({
  input: v.strictObject({}),
  output: v.object({ isClosed: v.literal(true) }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

const Credits = v.pipe(v.number(), v.integer());
/** A reservation that is not settled within this time returns its credits. Milliseconds. */
export const LEASE_MS = 15 * 60_000;
/** Names a reservation: the id of the call that it is for. */
const ReservationId = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{8,128}$/));

/** The credits of a tenant in the current period, a calendar month in UTC. Whole credits. */
export const Balance = v.object({
  tier: Tier,
  /** Credits that the plan includes this period. */
  allowance: Credits,
  /** Credits of calls that succeeded. */
  committed: Credits,
  /** Credits of calls that are under way. */
  reserved: Credits,
  /**
   * `allowance` less `committed` less `reserved`. Negative after a change to a smaller plan, or a
   * charge that came late.
   */
  available: Credits,
  /** The start of the next period, in seconds since the Unix epoch. */
  resetsAt: v.pipe(v.number(), v.integer()),
});
export type Balance = v.InferOutput<typeof Balance>;

export const ReserveCredits = operation({
  input: v.strictObject({
    reservationId: ReservationId,
    /** The tool that is called. */
    tool: v.pipe(v.string(), v.minLength(1), v.maxLength(64)),
    credits: v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(1_000)),
  }),
  /** `isReserved` is false if less than `credits` is left; nothing was taken then. */
  output: v.object({ isReserved: v.boolean(), balance: Balance }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

export const SettleCredits = operation({
  input: v.strictObject({
    reservationId: ReservationId,
    outcome: v.picklist(["commit", "refund"]),
    /** The backend's own id of the work, e.g. of an image job, for the list of charges. */
    reference: v.optional(v.pipe(v.string(), v.minLength(1), v.maxLength(128))),
  }),
  /** `unknown`: there is no such reservation. */
  output: v.object({ state: v.picklist(["committed", "refunded", "unknown"]) }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
  changes: true,
});

export const GetCredits = operation({
  input: v.strictObject({}),
  output: Balance,
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
});

/** A charge, or a reservation that may become one. */
export const Charge = v.object({
  reservationId: v.string(),
  tool: v.string(),
  credits: Credits,
  state: v.picklist(["reserved", "committed", "refunded"]),
  /** The backend's own id of the work; `null` if it has none. */
  reference: v.nullable(v.string()),
  /** Time of the reservation, in seconds since the Unix epoch. */
  at: v.pipe(v.number(), v.integer()),
});
export type Charge = v.InferOutput<typeof Charge>;

export const ListCharges = operation({
  input: v.strictObject({}),
  /** Of this period and the last one, newest first. */
  output: v.object({ charges: v.pipe(v.array(Charge), v.maxLength(50)) }),
  errors: {},
  timeoutMs: AUTH_TIMEOUT_MS,
});

/** The auth Worker's newer methods. None of them is a tool. */
export const auth = contract({
  audience: "auth",
  prefix: "auth",
  methods: {
    /**
     * The current state of a user: active or not, plan, tenant. Only reads: `user_not_found` also
     * for a user without a tenant, who has no credential yet.
     */
    getUser: GetUser,
    /**
     * Creates an API key for the user, who alone can use, see and revoke it. The name is stored
     * without invisible characters.
     */
    createApiKey: CreateApiKey,
    /** The user's API keys. */
    listApiKeys: ListApiKeys,
    /** Revokes a key permanently. The gateway may accept it for up to 30 more seconds. */
    revokeApiKey: RevokeApiKey,
    /** Issues a short-lived bearer token for the user. */
    mintToken: MintToken,
    /** The ways in which the user can sign in. */
    getSignInMethods: GetSignInMethods,
    /**
     * Ends each key, token and sign-in of the user, who can make no new one: the first step of
     * `eraseTenant`, which deletes the account. May be repeated, also after that.
     */
    closeAccount: CloseAccount,
    /**
     * Reserves credits of the tenant and plan that the identity token names. A reservation that
     * exists is renewed, and takes nothing more; one that was refunded is made anew. If it is not
     * settled within 15 minutes, its credits return.
     */
    reserveCredits: ReserveCredits,
    /**
     * Settles a reservation. The first outcome counts, except that `commit` also charges a
     * reservation whose 15 minutes are over. May be repeated.
     */
    settleCredits: SettleCredits,
    /** The tenant's credits this period. */
    getCredits: GetCredits,
    /** The tenant's latest charges. */
    listCharges: ListCharges,
  },
  tools: {},
  internal: [
    "getUser",
    "createApiKey",
    "listApiKeys",
    "revokeApiKey",
    "mintToken",
    "getSignInMethods",
    "closeAccount",
    "reserveCredits",
    "settleCredits",
    "getCredits",
    "listCharges",
  ],
});

/** The auth Worker's six older methods and its newer ones. */
export interface AuthContract extends ContractOf<typeof auth> {
  /**
   * Validates an API key. Errors: `KEY_REVOKED`, `KEY_EXPIRED`, `RATE_LIMITED`,
   * `PAYMENT_DELINQUENT`, `INVALID_TOKEN`.
   */
  validateApiKey(rawKey: string): Promise<ApiKeyValidation>;
  /** Validates a JWT that the auth Worker issued. The caller must check its audience. */
  validateJwt(token: string): Promise<JwtValidation>;
  /**
   * Checks a password. Errors: `INVALID_CREDENTIALS` for an unknown e-mail address and for a wrong
   * password alike; `RATE_LIMITED` after too many of either. The attempts of a known browser are
   * counted apart, so that others' attempts do not slow it.
   */
  authenticateUser(email: string, password: string, options?: SignInOptions): Promise<SignIn>;
  /**
   * Creates a user. Errors, in the order of the checks: `NAME_NOT_USABLE`, `EMAIL_NOT_USABLE`,
   * `WEAK_PASSWORD`, none of which depends on other accounts; `EMAIL_EXISTS`. An older auth Worker
   * returns `INVALID_CREDENTIALS` for the first three.
   */
  registerUser(name: string, email: string, password: string): Promise<SignIn>;
  /** Returns the user's one tenant; creates it at first. Idempotent, also for parallel calls. */
  provisionTenant(request: { userId: UserId; source: ProvisionSource }): Promise<Tenant>;
  /**
   * Exchanges the one-time code of the social bridge for its user. A code is valid once, for 60
   * seconds, with the verifier whose S256 challenge started the bridge (RFC 7636), and for the same
   * `returnUrl`. Error: `INVALID_TOKEN`.
   */
  exchangeSocialCode(code: string, proof: { codeVerifier: string; returnUrl: string }): Promise<SignIn>;
}
