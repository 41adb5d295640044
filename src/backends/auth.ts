// The gateway's side of AUTH_SERVICE. The six older methods take positional arguments and answer without an envelope, so they are
// judged here: whatever is thrown, late or malformed becomes one value, and is never mistaken for "wrong password".
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
import { type CallTarget, call, invoke, logFault, type Refusal } from "../../contracts/rpc/call.ts";
import type { Identity, UserId } from "../../contracts/rpc/identity.ts";
import type { InputOf, Operation, OutputOf } from "../../contracts/rpc/operation.ts";
import type { Result } from "../../contracts/rpc/result.ts";
import type { Config } from "../config.ts";
import type { Trace } from "../context.ts";
import type { Env } from "../env.ts";
import { callContext, GATEWAY_IDENTITY } from "./call-context.ts";

/** The auth service gave no usable answer. Already logged; the caller answers 503 and nothing else. */
export const AUTH_UNAVAILABLE = Symbol("auth service unavailable");
export type AuthUnavailable = typeof AUTH_UNAVAILABLE;

/** The auth service, asked on behalf of one request. */
export class AuthService {
  readonly #env: Env;
  readonly #config: Config;
  readonly #trace: Trace;

  constructor(env: Env, config: Config, trace: Trace) {
    this.#env = env;
    this.#config = config;
    this.#trace = trace;
  }

  authenticateUser(email: string, password: string): Promise<SignIn | AuthUnavailable> {
    return this.#ask("authenticateUser", SignIn, () => this.#env.AUTH_SERVICE.authenticateUser(email, password));
  }

  registerUser(name: string, email: string, password: string): Promise<SignIn | AuthUnavailable> {
    return this.#ask("registerUser", SignIn, () => this.#env.AUTH_SERVICE.registerUser(name, email, password));
  }

  exchangeSocialCode(
    code: string,
    proof: { codeVerifier: string; returnUrl: string },
  ): Promise<SignIn | AuthUnavailable> {
    return this.#ask("exchangeSocialCode", SignIn, () => this.#env.AUTH_SERVICE.exchangeSocialCode(code, proof));
  }

  /** The tenant of exactly this user: an answer about somebody else counts as none. */
  async provisionTenant(userId: UserId, source: ProvisionSource): Promise<Tenant | AuthUnavailable> {
    const tenant = await this.#ask("provisionTenant", Tenant, () =>
      this.#env.AUTH_SERVICE.provisionTenant({ userId, source }),
    );
    if (tenant === AUTH_UNAVAILABLE || tenant.userId === userId) return tenant;
    return this.#misdirected("provisionTenant");
  }

  validateApiKey(rawKey: string): Promise<ApiKeyValidation | AuthUnavailable> {
    return this.#ask("validateApiKey", ApiKeyValidation, () => this.#env.AUTH_SERVICE.validateApiKey(rawKey));
  }

  validateJwt(token: string): Promise<JwtValidation | AuthUnavailable> {
    return this.#ask("validateJwt", JwtValidation, () => this.#env.AUTH_SERVICE.validateJwt(token));
  }

  /** The user as of now. `null`: this user does not exist any more. */
  async getUser(userId: UserId): Promise<OutputOf<typeof GetUser> | null | AuthUnavailable> {
    const reply = await this.order("getUser", GATEWAY_IDENTITY, { userId });
    if (reply.ok) return reply.value.userId === userId ? reply.value : this.#misdirected("getUser");
    return reply.error.code === "user_not_found" ? null : AUTH_UNAVAILABLE;
  }

  /** Calls one of the newer methods for `identity`. The reply is a result whatever the auth service does. */
  async order<Name extends keyof (typeof auth)["methods"]>(
    method: Name,
    identity: Identity,
    input: InputOf<(typeof auth)["methods"][Name]>,
  ): Promise<Result<OutputOf<(typeof auth)["methods"][Name]>, Refusal>> {
    const operation: Operation = auth.methods[method];
    const request = {
      audience: auth.audience,
      identity,
      tool: method,
      trace: this.#trace,
      timeoutMs: operation.timeoutMs,
    };
    // The method's name types its input and its value; that all methods are called alike is what the compiler cannot follow.
    const service = this.#env.AUTH_SERVICE as unknown as Record<
      string,
      (context: unknown, input: unknown) => Promise<unknown>
    >;
    const send = async () => service[method]?.(await callContext(this.#config, request, input), input);
    return (await call(operation, send, this.#about(method))) as Result<
      OutputOf<(typeof auth)["methods"][Name]>,
      Refusal
    >; // as above
  }

  async #ask<S extends v.GenericSchema>(
    method: string,
    schema: S,
    send: () => PromiseLike<unknown>,
  ): Promise<v.InferOutput<S> | AuthUnavailable> {
    const reply = await invoke(schema, send, AUTH_TIMEOUT_MS, this.#about(method));
    return reply.ok ? reply.value : AUTH_UNAVAILABLE;
  }

  /** An answer about somebody else. */
  #misdirected(method: string): AuthUnavailable {
    logFault("breach", this.#about(method), { where: "userId" });
    return AUTH_UNAVAILABLE;
  }

  #about(method: string): CallTarget {
    return { method: `auth.${method}`, traceId: this.#trace.traceId };
  }
}
