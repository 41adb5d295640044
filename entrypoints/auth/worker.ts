// Entrypoints of the auth Worker: `AuthEntrypoint` with the methods that other Workers call over a
// service binding, and the default `fetch` with the social bridge, which browsers open. Every
// export, and every method that is not #private, is reachable from outside.
import { WorkerEntrypoint } from "cloudflare:workers";
import * as v from "valibot";
import {
  type ApiKeyValidation,
  type AuthContract,
  auth,
  type JwtValidation,
  type SignIn,
  type Tenant,
} from "../../contracts/auth.ts";
import { serve, serveDescription } from "../../contracts/rpc/serve.ts";
import { version } from "../../package.json";
import { mintToken, validateJwt } from "./access-tokens.ts";
import { createApiKey, listApiKeys, revokeApiKey, validateApiKey } from "./api-keys.ts";
import { configuredProvider } from "./configured-provider.ts";
import { logCrash } from "./crash-log.ts";
import { deliverRevocations } from "./revocations.ts";
import { type Env, settingsOf } from "./settings.ts";
import { socialBridge } from "./social-bridge.ts";
import { exchangeCode } from "./social-codes.ts";
import { findUser, ProvisionRequest, provision } from "./tenants.ts";
import { guardOf } from "./used-tokens.ts";
import { authenticate, register } from "./users.ts";

/**
 * The first six methods receive no identity token, so each validates its arguments itself. They
 * throw `internal` if they cannot decide: a failed database must not look like a wrong password.
 */
export class AuthEntrypoint extends WorkerEntrypoint<Env> implements AuthContract {
  validateApiKey(rawKey: unknown): Promise<ApiKeyValidation> {
    return runMethod(this.env, "validateApiKey", (now) => validateApiKey(this.env, rawKey, now));
  }

  validateJwt(token: unknown): Promise<JwtValidation> {
    return runMethod(this.env, "validateJwt", (now) => validateJwt(this.env, token, now));
  }

  authenticateUser(email: unknown, password: unknown, options?: unknown): Promise<SignIn> {
    return runMethod(this.env, "authenticateUser", (now) => authenticate(this.env, { email, password, options }, now));
  }

  registerUser(name: unknown, email: unknown, password: unknown): Promise<SignIn> {
    return runMethod(this.env, "registerUser", (now) => register(this.env, { name, email, password }, now));
  }

  provisionTenant(request: unknown): Promise<Tenant> {
    return runMethod(this.env, "provisionTenant", (now) =>
      provision(this.env, v.parse(ProvisionRequest, request), now),
    );
  }

  exchangeSocialCode(code: unknown, proof: unknown): Promise<SignIn> {
    return runMethod(this.env, "exchangeSocialCode", (now) => exchangeCode(this.env, code, proof, now));
  }

  describe(call: unknown, input: unknown): ReturnType<AuthContract["describe"]> {
    return runMethod(this.env, "describe", (now) =>
      serveDescription(auth, { guard: guardOf(this.env, now), call, input }, version),
    );
  }

  getUser(call: unknown, input: unknown): ReturnType<AuthContract["getUser"]> {
    return runMethod(this.env, "getUser", (now) =>
      serve(auth, "getUser", { guard: guardOf(this.env, now), call, input }, ({ userId }, { subject }) =>
        findUser(this.env, subject, userId),
      ),
    );
  }

  createApiKey(call: unknown, input: unknown): ReturnType<AuthContract["createApiKey"]> {
    return runMethod(this.env, "createApiKey", (now) =>
      serve(auth, "createApiKey", { guard: guardOf(this.env, now), call, input }, (input, identity) =>
        createApiKey(this.env, identity, input, now),
      ),
    );
  }

  listApiKeys(call: unknown, input: unknown): ReturnType<AuthContract["listApiKeys"]> {
    return runMethod(this.env, "listApiKeys", (now) =>
      serve(auth, "listApiKeys", { guard: guardOf(this.env, now), call, input }, (_, identity) =>
        listApiKeys(this.env, identity),
      ),
    );
  }

  revokeApiKey(call: unknown, input: unknown): ReturnType<AuthContract["revokeApiKey"]> {
    return runMethod(this.env, "revokeApiKey", (now) =>
      serve(auth, "revokeApiKey", { guard: guardOf(this.env, now), call, input }, ({ keyId }, identity) =>
        revokeApiKey(this.env, identity, keyId, now),
      ),
    );
  }

  mintToken(call: unknown, input: unknown): ReturnType<AuthContract["mintToken"]> {
    return runMethod(this.env, "mintToken", (now) =>
      serve(auth, "mintToken", { guard: guardOf(this.env, now), call, input }, (input, identity) =>
        mintToken(this.env, identity, input, now),
      ),
    );
  }
}

export default {
  fetch: (request, env) => socialBridge(request, env, configuredProvider),
  scheduled: (_, env) => deliverRevocations(env),
} satisfies ExportedHandler<Env>;

/**
 * Runs a method with the current time. An error is logged here, once, and the caller receives only
 * `internal`.
 */
async function runMethod<T>(
  env: Env,
  method: keyof AuthContract,
  work: (nowSeconds: number) => Promise<T>,
): Promise<T> {
  try {
    settingsOf(env);
    return await work(Math.floor(Date.now() / 1000));
  } catch (error) {
    logCrash(method, error);
    throw new Error("internal");
  }
}
