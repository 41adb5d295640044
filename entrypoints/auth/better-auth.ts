// Better Auth's core on D1: its tables, ids, hooks and password hash. Its HTTP endpoints are never served and its sessions never
// made, because browser sessions belong to the gateway; later plugins find their tables and options here.
import type { BetterAuthOptions } from "better-auth";
import { type Env, settingsOf } from "./settings.ts";

/** Better Auth's options, apart from the database. */
export function authOptions(secret: string, baseURL: string) {
  return {
    secret,
    baseURL,
    user: {
      additionalFields: {
        /** A disabled user keeps nothing: no sign-in, no refresh, no key. */
        disabledAt: { type: "date", required: false, input: false },
        /** Grows with everything that must end the user's browser sessions. */
        sessionVersion: { type: "number", required: true, defaultValue: 0, input: false },
      },
    },
    advanced: {
      // The schema check asks the database at each start of an isolate; the migrations are tested against it instead. A join reads
      // a user and their accounts at once, so that an address that nobody has costs no read less.
      database: { validateSchema: false, joins: true },
    },
    logger: { disabled: true },
    telemetry: { enabled: false },
  } satisfies BetterAuthOptions;
}

/** Makes Better Auth's context. Imported on first use: loading it takes ten times as long as the rest of this Worker. */
async function makeStore(env: Env) {
  const { betterAuth } = await import("better-auth");
  const { secret, baseUrl } = settingsOf(env);
  const { internalAdapter, password } = await betterAuth({ ...authOptions(secret, baseUrl), database: env.DB })
    .$context;
  return { users: internalAdapter, password };
}

/** Better Auth's rows and its password hash (scrypt). */
type Store = Awaited<ReturnType<typeof makeStore>>;

/** Values, not promises: a promise that belongs to another request must not be awaited in a Worker. */
const stores = new WeakMap<Env, Store>();

/** One an isolate. */
export async function storeOf(env: Env): Promise<Store> {
  const known = stores.get(env);
  if (known) return known;
  const store = await makeStore(env);
  stores.set(env, store);
  return store;
}
