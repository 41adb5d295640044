// The auth Worker's two doors: `AuthEntrypoint`, the methods that other Workers call over a service binding, and the default
// `fetch`, the social bridge that browsers visit. Every export and every method that is not #private can be reached from outside.
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
import { serve } from "../../contracts/rpc/serve.ts";
import { judgeJwt, mintToken } from "./access-tokens.ts";
import { createApiKey, judgeApiKey, listApiKeys, revokeApiKey } from "./api-keys.ts";
import { configuredProvider } from "./configured-provider.ts";
import { logCrash } from "./crash-log.ts";
import { type Env, settingsOf } from "./settings.ts";
import { socialBridge } from "./social-bridge.ts";
import { exchangeCode } from "./social-codes.ts";
import { findUser, ProvisionRequest, provision } from "./tenants.ts";
import { guardOf } from "./used-tokens.ts";
import { authenticate, register } from "./users.ts";

/**
 * The six older methods have no caller to vouch for their arguments, so each judges them itself. They throw a bare `internal` where
 * they cannot know the answer: a database that is down must not read as a wrong password.
 */
export class AuthEntrypoint extends WorkerEntrypoint<Env> implements AuthContract {
  validateApiKey(rawKey: unknown): Promise<ApiKeyValidation> {
    return answer(this.env, "validateApiKey", (now) => judgeApiKey(this.env, rawKey, now));
  }

  validateJwt(token: unknown): Promise<JwtValidation> {
    return answer(this.env, "validateJwt", (now) => judgeJwt(this.env, token, now));
  }

  authenticateUser(email: unknown, password: unknown): Promise<SignIn> {
    return answer(this.env, "authenticateUser", (now) => authenticate(this.env, email, password, now));
  }

  registerUser(name: unknown, email: unknown, password: unknown): Promise<SignIn> {
    return answer(this.env, "registerUser", (now) => register(this.env, name, email, password, now));
  }

  provisionTenant(request: unknown): Promise<Tenant> {
    return answer(this.env, "provisionTenant", (now) => provision(this.env, v.parse(ProvisionRequest, request), now));
  }

  exchangeSocialCode(code: unknown, proof: unknown): Promise<SignIn> {
    return answer(this.env, "exchangeSocialCode", (now) => exchangeCode(this.env, code, proof, now));
  }

  getUser(call: unknown, input: unknown): ReturnType<AuthContract["getUser"]> {
    return answer(this.env, "getUser", (now) =>
      serve(auth, "getUser", guardOf(this.env, now), call, input, ({ userId }, caller) =>
        findUser(this.env, caller.subject, userId, now),
      ),
    );
  }

  createApiKey(call: unknown, input: unknown): ReturnType<AuthContract["createApiKey"]> {
    return answer(this.env, "createApiKey", (now) =>
      serve(auth, "createApiKey", guardOf(this.env, now), call, input, (order, caller) =>
        createApiKey(this.env, caller, order, now),
      ),
    );
  }

  listApiKeys(call: unknown, input: unknown): ReturnType<AuthContract["listApiKeys"]> {
    return answer(this.env, "listApiKeys", (now) =>
      serve(auth, "listApiKeys", guardOf(this.env, now), call, input, (_, caller) => listApiKeys(this.env, caller)),
    );
  }

  revokeApiKey(call: unknown, input: unknown): ReturnType<AuthContract["revokeApiKey"]> {
    return answer(this.env, "revokeApiKey", (now) =>
      serve(auth, "revokeApiKey", guardOf(this.env, now), call, input, ({ keyId }, caller) =>
        revokeApiKey(this.env, caller, keyId, now),
      ),
    );
  }

  mintToken(call: unknown, input: unknown): ReturnType<AuthContract["mintToken"]> {
    return answer(this.env, "mintToken", (now) =>
      serve(auth, "mintToken", guardOf(this.env, now), call, input, (order, caller) =>
        mintToken(this.env, caller, order, now),
      ),
    );
  }
}

export default {
  fetch: (request, env) => socialBridge(request, env, configuredProvider),
} satisfies ExportedHandler<Env>;

/** Runs `work` with the current time. Whatever goes wrong is logged here, once; what crosses the binding tells nothing about it. */
async function answer<T>(env: Env, method: keyof AuthContract, work: (nowSeconds: number) => Promise<T>): Promise<T> {
  try {
    settingsOf(env);
    return await work(epochSeconds());
  } catch (error) {
    logCrash(method, error);
    throw new Error("internal");
  }
}

function epochSeconds(): number {
  return Math.floor(Date.now() / 1000);
}
