// The auth Worker on its own database, with functions that create users in it.
import { randomUUID } from "node:crypto";
import path from "node:path";
import { beforeAll } from "vitest";
import { auth, type SignIn, type Tenant } from "../../contracts/auth.ts";
import { CONFIGS, ROOT, writeAdaptedConfig } from "../../entrypoints/cli/workers.ts";
import { type Backend, type CallOptions, startBackend } from "./backend.ts";
import { useQuickHash } from "./quick-hash.ts";
import { endRuntimesWithProcess } from "./runtimes.ts";

export type AuthWorker = Backend<typeof auth>;

/** A secret that is not a known placeholder. */
export const SECRET = "kX9vQ2mN8rT4wZ7pL1sD6fG3hJ5bC0aY";
export const PASSWORD = "seven green turtles";

/**
 * Starts the Worker as it is deployed (`worker.ts`) or as it runs on a developer's machine
 * (`local.ts`). The caller stops it.
 */
export function startAuth(
  secrets: Record<string, string>,
  main: "worker.ts" | "local.ts" = "worker.ts",
): Promise<AuthWorker> {
  return start(main === "local.ts" ? writeConfig(main) : CONFIGS.auth, secrets);
}

function start(configPath: string, secrets: Record<string, string>): Promise<AuthWorker> {
  return startBackend({ contract: auth, configPath, entrypoint: "AuthEntrypoint", secrets, d1: "DB" });
}

/** Writes a config with another main module. Returns its path. */
function writeConfig(main: string): string {
  const configPath = `.test/auth-${process.env.VITEST_POOL_ID}/${main}/wrangler.toml`;
  writeAdaptedConfig("auth", path.join(ROOT, configPath), { main });
  return configPath;
}

/** An unused e-mail address. */
export const newEmail = () => `${randomUUID()}@example.com`;

/** A user with a tenant, and the options of a call in their name. */
export interface Owner {
  readonly userId: string;
  readonly tenantId: string;
  readonly email: string;
  readonly as: CallOptions;
}

export interface AuthFixture {
  /** The Worker, available in tests and hooks. */
  readonly backend: AuthWorker;
  readonly db: D1Database;
  /** Calls a method with positional arguments. */
  call<T = SignIn>(method: string, ...args: unknown[]): Promise<T>;
  register(email: string, password?: string, name?: string): Promise<SignIn>;
  signIn(email: string, password?: string): Promise<SignIn>;
  /** Signs up a user with `PASSWORD`. */
  newUser(): Promise<{ userId: string; email: string }>;
  /** Signs up a user with `PASSWORD` and provisions their tenant. */
  newOwner(): Promise<Owner>;
  /** Disables an account, as an operator does. */
  disable(userId: string): Promise<void>;
}

/** The Worker that the files of this process share. It ends with the process. */
let shared: Promise<AuthWorker> | undefined;

function startShared(): Promise<AuthWorker> {
  endRuntimesWithProcess();
  const configPath = writeConfig("worker.ts");
  useQuickHash(path.join(ROOT, configPath));
  return start(configPath, { BETTER_AUTH_SECRET: SECRET });
}

/**
 * The deployed Worker, with a quick hash, for all tests of a file. Other files use it too, with
 * users of their own.
 */
export function useAuth(): AuthFixture {
  let backend: AuthWorker;
  let db: D1Database;
  beforeAll(async () => {
    shared ??= startShared();
    backend = await shared;
    db = (await backend.worker.getEnv()).DB;
  });

  const call = <T = SignIn>(method: string, ...args: unknown[]) => backend.invoke(method, ...args) as Promise<T>;
  const register = (email: string, password = PASSWORD, name = "Ada") => call("registerUser", name, email, password);
  const newUser = async () => {
    const email = newEmail();
    const user = await register(email);
    if (!user.valid) throw new Error(`The sign-up was refused: ${user.error}`);
    return { userId: user.userId, email };
  };
  return {
    get backend() {
      return backend;
    },
    get db() {
      return db;
    },
    call,
    register,
    signIn: (email, password = PASSWORD) => call("authenticateUser", email, password),
    newUser,
    async newOwner() {
      const user = await newUser();
      const { tenantId } = await call<Tenant>("provisionTenant", { userId: user.userId, source: "oauth" });
      return { ...user, tenantId, as: { tenant: tenantId, identity: { subject: user.userId } } };
    },
    async disable(userId) {
      await db.prepare("UPDATE user SET disabledAt = '2026-01-01T00:00:00.000Z' WHERE id = ?").bind(userId).run();
    },
  };
}
