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
import type { Identity } from "../../contracts/rpc/identity.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { type IncomingCall, serve, serveDescription } from "../../contracts/rpc/serve.ts";
import { version } from "../../package.json";
import { mintToken, validateJwt } from "./access-tokens.ts";
import { closeAccount, eraseAccount, signInMethodsOf } from "./account-end.ts";
import { exportAccount, exportedCharges } from "./account-export.ts";
import { createApiKey, listApiKeys, revokeApiKey, validateApiKey } from "./api-keys.ts";
import { configuredProvider } from "./configured-provider.ts";
import { logCrash } from "./crash-log.ts";
import type { LedgerObject, LedgerOwner } from "./ledger-object.ts";
import { deliverRevocations } from "./revocations.ts";
import { type Env, settingsOf } from "./settings.ts";
import { socialBridge } from "./social-bridge.ts";
import { exchangeCode } from "./social-codes.ts";
import { findUser, ProvisionRequest, provision } from "./tenants.ts";
import { guardOf } from "./used-tokens.ts";
import { authenticate, register } from "./users.ts";

export { LedgerObject } from "./ledger-object.ts";

/** Charges of one page of `exportTenant`. */
const EXPORTED_AT_ONCE = 100;

/**
 * The first six methods receive no identity token, so each validates its arguments itself. They
 * throw `internal` if they cannot decide: a failed database must not look like a wrong password.
 */
export class AuthEntrypoint extends WorkerEntrypoint<Env> implements AuthContract {
  validateApiKey(rawKey: unknown): Promise<ApiKeyValidation> {
    return runMethod(this.env, "validateApiKey", (now) => validateApiKey(this.env, this.ctx, rawKey, now));
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

  getSignInMethods(call: unknown, input: unknown): ReturnType<AuthContract["getSignInMethods"]> {
    return runMethod(this.env, "getSignInMethods", (now) =>
      serve(auth, "getSignInMethods", { guard: guardOf(this.env, now), call, input }, (_, identity) =>
        signInMethodsOf(this.env, identity),
      ),
    );
  }

  closeAccount(call: unknown, input: unknown): ReturnType<AuthContract["closeAccount"]> {
    return runMethod(this.env, "closeAccount", (now) =>
      serve(auth, "closeAccount", { guard: guardOf(this.env, now), call, input }, async (_, identity) => {
        await closeAccount(this.env, identity);
        return ok({ isClosed: true } as const);
      }),
    );
  }

  eraseTenant(call: unknown, input: unknown): ReturnType<AuthContract["eraseTenant"]> {
    return runMethod(this.env, "eraseTenant", (now) =>
      serve(auth, "eraseTenant", { guard: guardOf(this.env, now), call, input }, async (_, identity) => {
        const owner = ledgerOwnerOf(identity);
        if (!owner) return fail("unauthenticated");
        await this.#ledger(owner).erase();
        await eraseAccount(this.env, identity);
        return ok({ isErased: true });
      }),
    );
  }

  exportTenant(call: unknown, input: unknown): ReturnType<AuthContract["exportTenant"]> {
    return runMethod(this.env, "exportTenant", (now) =>
      serve(auth, "exportTenant", { guard: guardOf(this.env, now), call, input }, async ({ cursor }, identity) => {
        if (cursor === null) return ok({ items: await exportAccount(this.env, identity), next: "0" });
        const owner = ledgerOwnerOf(identity);
        const charges = owner ? await this.#ledger(owner).exported(Number(cursor), EXPORTED_AT_ONCE) : [];
        return ok(exportedCharges(charges, EXPORTED_AT_ONCE));
      }),
    );
  }

  reserveCredits(call: unknown, input: unknown): ReturnType<AuthContract["reserveCredits"]> {
    return runMethod(this.env, "reserveCredits", () =>
      serve(auth, "reserveCredits", this.#ledgerCall(call, input), async (input, identity, { token }) => {
        const owner = ledgerOwnerOf(identity);
        return owner ? this.#ledger(owner).reserve(owner, input, token) : fail("unauthenticated");
      }),
    );
  }

  settleCredits(call: unknown, input: unknown): ReturnType<AuthContract["settleCredits"]> {
    return runMethod(this.env, "settleCredits", () =>
      serve(auth, "settleCredits", this.#ledgerCall(call, input), async (input, identity, { token }) => {
        const owner = ledgerOwnerOf(identity);
        return owner ? this.#ledger(owner).settle(input, token) : fail("unauthenticated");
      }),
    );
  }

  getCredits(call: unknown, input: unknown): ReturnType<AuthContract["getCredits"]> {
    return runMethod(this.env, "getCredits", () =>
      serve(auth, "getCredits", this.#ledgerCall(call, input), async (_, identity) => {
        const owner = ledgerOwnerOf(identity);
        return owner ? this.#ledger(owner).balance(owner) : fail("unauthenticated");
      }),
    );
  }

  listCharges(call: unknown, input: unknown): ReturnType<AuthContract["listCharges"]> {
    return runMethod(this.env, "listCharges", () =>
      serve(auth, "listCharges", this.#ledgerCall(call, input), async (_, identity) => {
        const owner = ledgerOwnerOf(identity);
        return owner ? this.#ledger(owner).charges() : fail("unauthenticated");
      }),
    );
  }

  /** A ledger claims the token of a call itself, where it writes. */
  #ledgerCall(call: unknown, input: unknown): IncomingCall {
    return { guard: { identityKeys: this.env.IDENTITY_KEYS }, call, input };
  }

  #ledger({ tenantId }: LedgerOwner): DurableObjectStub<LedgerObject> {
    return this.env.LEDGERS.get(this.env.LEDGERS.idFromName(tenantId));
  }
}

export default {
  fetch: (request, env) => socialBridge(request, env, configuredProvider),
  scheduled: (_, env) => deliverRevocations(env),
} satisfies ExportedHandler<Env>;

/** The tenant of a call; `null` for the gateway itself. */
function ledgerOwnerOf({ tenantId, tier }: Identity): LedgerOwner | null {
  return tenantId === null ? null : { tenantId, tier };
}

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
