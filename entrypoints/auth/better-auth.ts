// Better Auth's core on D1: its tables, ids, hooks and password hash. Its HTTP endpoints are not
// served and its sessions are not created, because browser sessions belong to the gateway. A plugin
// adds its tables and options here.
import type { BetterAuthOptions } from "better-auth";
import { type Env, settingsOf } from "./settings.ts";

/** Better Auth's options without the database. */
export function authOptions(secret: string, baseURL: string) {
  return {
    secret,
    baseURL,
    user: {
      additionalFields: {
        /** Set for a disabled user, whose sign-in, refresh and keys all stop working. */
        disabledAt: { type: "date", required: false, input: false },
        /** Increased by every event that must end the user's browser sessions. */
        sessionVersion: { type: "number", required: true, defaultValue: 0, input: false },
        /** Every sign-in up to this instant has ended, with its sessions, grants and tokens. */
        signedOutAt: { type: "date", required: false, input: false },
      },
    },
    advanced: {
      // The schema check would query the database at each start of an isolate; a test compares the
      // migrations instead. A join reads a user with their accounts in one query, so that an
      // unknown address costs as many reads as a known one.
      database: { validateSchema: false, joins: true },
    },
    logger: { disabled: true },
    telemetry: { enabled: false },
  } satisfies BetterAuthOptions;
}

/**
 * Creates Better Auth's context. The library is imported on first use: loading it takes ten times
 * as long as the rest of this Worker.
 */
async function createStore(env: Env) {
  const { betterAuth } = await import("better-auth");
  const { secret, baseUrl } = settingsOf(env);
  const { internalAdapter, password } = await betterAuth({ ...authOptions(secret, baseUrl), database: env.DB })
    .$context;
  return { users: internalAdapter, password };
}

/** Better Auth's rows and its password hash (scrypt). */
type Store = Awaited<ReturnType<typeof createStore>>;

/** Values, not promises: a Worker must not await a promise that belongs to another request. */
const stores = new WeakMap<Env, Store>();

/** The store of this isolate. */
export async function storeOf(env: Env): Promise<Store> {
  const known = stores.get(env);
  if (known) return known;
  const store = await createStore(env);
  stores.set(env, store);
  return store;
}
