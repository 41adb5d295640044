// Calls to AUTH_SERVICE. Its six older methods take positional arguments and return no `Result`, so
// their replies are checked here: a throw, a timeout or a malformed reply becomes one value and is
// never mistaken for "wrong password".
import type * as v from "valibot";
import {
  ApiKeyValidation,
  AUTH_TIMEOUT_MS,
  auth,
  type GetUser,
  JwtValidation,
  type ProvisionSource,
  SignIn,
  Tenant,
} from "../../contracts/auth.ts";
import {
  type CallTarget,
  call,
  type Fault,
  faultOf,
  invoke,
  logFault,
  type Refusal,
} from "../../contracts/rpc/call.ts";
import type { Identity, TenantId, UserId } from "../../contracts/rpc/identity.ts";
import type { InputOf, Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import { wellFormed } from "../../contracts/rpc/well-formed.ts";
import { type Admission, type Breaker, breakerOf, PAUSED } from "./breaker.ts";
import { type CallerContext, callContext, GATEWAY_IDENTITY } from "./call-context.ts";

/** No usable reply. The fault is logged already; the response is 503 and never 401. */
export const AUTH_UNAVAILABLE = Symbol("auth service unavailable");
export type AuthUnavailable = typeof AUTH_UNAVAILABLE;

type Methods = (typeof auth)["methods"];
type RpcMethods = Record<string, (context: unknown, input: unknown) => Promise<unknown>>;

/** Methods of the ledger, one object a tenant: one that hangs must not end the sign-ins of all. */
const OF_ONE_TENANT: ReadonlySet<string> = new Set<keyof Methods>([
  "reserveCredits",
  "settleCredits",
  "getCredits",
  "listCharges",
]);

/** The auth Worker, called on behalf of one request. */
export class AuthService {
  readonly #context: CallerContext;

  constructor(context: CallerContext) {
    this.#context = context;
  }

  /** `knownBrowser`: the browser's name if this account has signed in there, else `null`. */
  authenticateUser(email: string, password: string, knownBrowser: string | null): Promise<SignIn | AuthUnavailable> {
    const send = () =>
      knownBrowser === null
        ? this.#binding.authenticateUser(email, password)
        : this.#binding.authenticateUser(email, password, { knownBrowser });
    return this.#invoke("authenticateUser", SignIn, send);
  }

  registerUser(name: string, email: string, password: string): Promise<SignIn | AuthUnavailable> {
    const send = () => this.#binding.registerUser(name, email, password);
    return this.#invoke("registerUser", SignIn, send);
  }

  exchangeSocialCode(
    code: string,
    proof: { codeVerifier: string; returnUrl: string },
  ): Promise<SignIn | AuthUnavailable> {
    const send = () => this.#binding.exchangeSocialCode(code, proof);
    return this.#invoke("exchangeSocialCode", SignIn, send);
  }

  /** The tenant of exactly this user. A reply about another user counts as none. */
  async provisionTenant(userId: UserId, source: ProvisionSource): Promise<Tenant | AuthUnavailable> {
    const send = () => this.#binding.provisionTenant({ userId, source });
    const tenant = await this.#invoke("provisionTenant", Tenant, send);
    if (tenant === AUTH_UNAVAILABLE || tenant.userId === userId) return tenant;
    return this.#breach("provisionTenant");
  }

  validateApiKey(rawKey: string): Promise<ApiKeyValidation | AuthUnavailable> {
    const send = () => this.#binding.validateApiKey(rawKey);
    return this.#invoke("validateApiKey", ApiKeyValidation, send);
  }

  validateJwt(token: string): Promise<JwtValidation | AuthUnavailable> {
    const send = () => this.#binding.validateJwt(token);
    return this.#invoke("validateJwt", JwtValidation, send);
  }

  /** The current state of a user; `null` if the user does not exist any more. */
  async getUser(userId: UserId): Promise<OutputOf<typeof GetUser> | null | AuthUnavailable> {
    const reply = await this.call("getUser", GATEWAY_IDENTITY, { userId });
    if (reply.ok) return reply.value.userId === userId ? reply.value : this.#breach("getUser");
    return reply.error.code === "user_not_found" ? null : AUTH_UNAVAILABLE;
  }

  /** The tenant of a user; `null` also if the auth Worker does not respond. */
  async tenantOf(userId: UserId): Promise<TenantId | null> {
    const user = await this.getUser(userId);
    return user === AUTH_UNAVAILABLE ? null : (user?.tenantId ?? null);
  }

  /**
   * Calls a method of the contract for `identity`. Whatever the Worker does, the promise resolves
   * to a result.
   */
  async call<Name extends keyof Methods>(
    method: Name,
    identity: Identity,
    input: InputOf<Methods[Name]>,
  ): Promise<Result<OutputOf<Methods[Name]>, Refusal>> {
    const operation: Operation = auth.methods[method];
    const { timeoutMs } = operation;
    const parameters = { audience: auth.audience, method, input, identity, timeoutMs, idempotencyKey: undefined };
    // The name types input and output; the compiler cannot follow that all methods are called
    // alike.
    const methods = this.#binding as unknown as RpcMethods;
    const send = async () => methods[method]?.(await callContext(this.#context, parameters), input);
    const breaker = this.#breakerOf(method);
    const admission = breaker.enter();
    if (admission === null) return { ok: false, error: PAUSED };
    const result = await call(operation, send, this.#target(method));
    this.#leave(breaker, admission, result.ok ? null : faultOf(result.error));
    return result as Result<OutputOf<Methods[Name]>, Refusal>; // as above
  }

  get #binding() {
    return this.#context.env.AUTH_SERVICE;
  }

  async #invoke<S extends v.GenericSchema>(
    method: string,
    schema: S,
    send: () => PromiseLike<unknown>,
  ): Promise<v.InferOutput<S> | AuthUnavailable> {
    const breaker = this.#breakerOf(method);
    const admission = breaker.enter();
    if (admission === null) return AUTH_UNAVAILABLE;
    const reply = await invoke(schema, send, AUTH_TIMEOUT_MS, this.#target(method));
    this.#leave(breaker, admission, reply.ok ? null : reply.fault);
    return reply.ok ? wellFormed(reply.value) : AUTH_UNAVAILABLE;
  }

  /** A breaker of its own, which never opens, for a question to the object of one tenant. */
  #breakerOf(method: string): Breaker {
    return breakerOf(OF_ONE_TENANT.has(method) ? undefined : this.#binding);
  }

  /**
   * Only timeouts count: every other fault is known at once, and a stranger who can cause one with
   * an input must not end the sign-ins of others.
   */
  #leave(breaker: Breaker, admission: Admission, fault: Fault | null): void {
    const { traceId } = this.#context.trace;
    breaker.leave(admission, fault === "timeout", { backend: "AUTH_SERVICE", traceId });
  }

  /** A reply about another user than the one asked for breaks the contract. */
  #breach(method: string): AuthUnavailable {
    logFault("breach", this.#target(method), { where: "userId" });
    return AUTH_UNAVAILABLE;
  }

  #target(method: string): CallTarget {
    const { trace, deadlines } = this.#context;
    return { method: `auth.${method}`, traceId: trace.traceId, deadlines };
  }
}
