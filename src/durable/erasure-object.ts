// The deletion of one account: a mark that survives whatever fails, and the steps in their order.
// First nothing opens the account any more, then each Worker deletes what it has, the auth Worker
// last. Every step may be repeated; the alarm repeats all of them until they have succeeded.
import { DurableObject } from "cloudflare:workers";
import { BACKENDS, type BackendName } from "../../contracts/backends.ts";
import { logCrash, logError, logInfo } from "../../contracts/log.ts";
import { withDeadline } from "../../contracts/rpc/deadlines.ts";
import { type Identity, type TenantId, testTenantOf, type UserId } from "../../contracts/rpc/identity.ts";
import { recordAccess } from "../audit/recorder.ts";
import { auditLogOf } from "../audit/sinks.ts";
import { AuthService } from "../backends/auth.ts";
import type { CallerContext } from "../backends/call-context.ts";
import { eraseAt } from "../backends/erasure.ts";
import { configOf } from "../config.ts";
import { continueTrace, requestContext } from "../context.ts";
import type { Env } from "../env.ts";
import { deleteStoredGrants } from "../oauth/authorization-server/grants.ts";
import { deleteUserCredentials } from "../oauth/resource-server/credential-cache.ts";
import { grantObjectOf } from "./grant-object.ts";
import { userObjectOf } from "./user-object.ts";

/** The account, and the trace of the request that deletes it. */
export interface AccountToErase {
  readonly userId: UserId;
  readonly tenantId: TenantId;
  readonly traceId: string;
}

interface Erasure extends AccountToErase {
  /** Failures in a row. */
  readonly failures: number;
  /** True after every step has succeeded once. */
  readonly isRepeat: boolean;
}

/** The longest that the user waits for the first pass. */
const FIRST_PASS_MS = 10_000;
/**
 * Time until the second pass, which is the last: longer than a call that was under way, its
 * identity token and its credential in a cache, so that nothing of it is left either.
 */
const SECOND_PASS_MS = 180_000;
/** Wait after the first failure, which doubles with each further one, and the longest wait. */
const FIRST_RETRY_MS = 2_000;
const LONGEST_RETRY_MS = 3_600_000;
const KEY = "erasure";
/** Later than every sign-in. */
const FOR_EVER_MS = Number.MAX_SAFE_INTEGER;

type Step = () => Promise<unknown>;

/** One object for each account, named by user id. It deletes itself at the end. */
export class ErasureObject extends DurableObject<Env> {
  #pass: Promise<boolean> | null = null;
  /** True once the first stage has succeeded in this instance. */
  #isClosed = false;

  /**
   * Marks the account for deletion and begins. `deleted`: every step has succeeded. `closed`: no
   * credential works any more, and the rest follows by itself. `begun`: API keys follow as well.
   */
  async start(account: AccountToErase): Promise<"deleted" | "closed" | "begun"> {
    if (this.#erasure()) return this.#isClosed ? "closed" : "begun";
    this.#put({ ...account, failures: 0, isRepeat: false });
    // For the case that the first pass dies with its object.
    await this.ctx.storage.setAlarm(Date.now() + 2 * FIRST_PASS_MS);
    const { userId, tenantId, traceId } = account;
    const context = requestContext(this.env, this.ctx, continueTrace(traceId));
    await recordAccess(context, { type: "account.deleted", subject: userId, tenantId, clientId: null });
    const isDone = await withDeadline(() => this.#run(), FIRST_PASS_MS);
    if (isDone === true) return "deleted";
    return this.#isClosed ? "closed" : "begun";
  }

  override async alarm(): Promise<void> {
    await this.#run();
  }

  /** One pass at a time; a second caller joins it. */
  async #run(): Promise<boolean> {
    this.#pass ??= this.#runPass().finally(() => {
      this.#pass = null;
    });
    return this.#pass;
  }

  /** Takes every step, and schedules the next pass. False: a step failed. */
  async #runPass(): Promise<boolean> {
    const erasure = this.#erasure();
    if (!erasure) return true;
    const { traceId, isRepeat } = erasure;
    const failed = await this.#failedStep(erasure);
    if (failed !== null) {
      const failures = erasure.failures + 1;
      const retryAfterMs = Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS);
      logError("account.erasure_delayed", { where: failed, failures, retryAfterMs, traceId });
      this.#put({ ...erasure, failures });
      await this.ctx.storage.setAlarm(Date.now() + retryAfterMs);
      return false;
    }
    if (isRepeat) {
      logInfo("account.erased", { traceId });
      await this.ctx.storage.deleteAll();
      return true;
    }
    this.#put({ ...erasure, failures: 0, isRepeat: true });
    await this.ctx.storage.setAlarm(Date.now() + SECOND_PASS_MS);
    return true;
  }

  /** Name of the first step that failed; `null` if none did. */
  async #failedStep(erasure: Erasure): Promise<string | null> {
    for (const stage of stagesOf(this.env, erasure)) {
      const steps = Object.entries(stage).map(async ([name, step]) =>
        (await isDone(step, name, erasure)) ? null : name,
      );
      const failed = (await Promise.all(steps)).find((name) => name !== null);
      if (failed !== undefined) return failed;
      this.#isClosed = true;
    }
    return null;
  }

  #erasure(): Erasure | undefined {
    return this.ctx.storage.kv.get<Erasure>(KEY);
  }

  #put(erasure: Erasure): void {
    this.ctx.storage.kv.put(KEY, erasure);
  }
}

/** True if the step has succeeded. */
async function isDone(step: Step, name: string, { traceId }: Erasure): Promise<boolean> {
  try {
    return (await step()) !== false;
  } catch (error) {
    logCrash("account.step_failed", { where: name, traceId }, error);
    return false;
  }
}

/** The steps of each stage run at once; a stage begins when the one before has succeeded. */
function stagesOf(env: Env, account: Erasure): readonly Readonly<Record<string, Step>>[] {
  const { userId, tenantId, traceId } = account;
  const context: CallerContext = { env, config: configOf(env), trace: continueTrace(traceId) };
  const identities = [testTenantOf(tenantId), tenantId].map(
    (tenant): Identity => ({
      ...{ subject: userId, tenantId: tenant, tier: "free", scopes: ["read", "generate"], clientId: "gateway" },
    }),
  );
  const own = identities[1] as Identity; // of two
  const erase = (backend: BackendName) => async () => {
    for (const identity of identities) if (!(await eraseAt(context, backend, identity))) return false;
    return true;
  };
  const others = (Object.keys(BACKENDS) as BackendName[]).filter(
    (backend) => backend !== "AUTH_SERVICE" && backend !== "AUDIT",
  );
  return [
    { access: () => endAccess(env, userId), account: () => closeAccount(context, own) },
    { settlement: () => settleOpenCalls(env, tenantId) },
    Object.fromEntries(others.map((backend) => [backend, erase(backend)])),
    {
      grants: () => deleteStoredGrants(env, userId),
      audit: async () => {
        await Promise.all(identities.map((identity) => auditLogOf(env, identity.tenantId).erase()));
        await auditLogOf(env, null).eraseSubject(userId);
      },
    },
    { AUDIT: erase("AUDIT") },
    { AUTH_SERVICE: erase("AUTH_SERVICE") },
  ];
}

/** Ends each session, grant and token of the user, also those that a call makes just now. */
async function endAccess(env: Env, userId: UserId): Promise<void> {
  const grantIds = await userObjectOf(env, userId).endEverything(FOR_EVER_MS);
  deleteUserCredentials(configOf(env), userId);
  await Promise.all(grantIds.map((grantId) => grantObjectOf(env, { userId, grantId }).revoke({ userId, grantId })));
}

async function closeAccount(context: CallerContext, identity: Identity): Promise<boolean> {
  return (await new AuthService(context).call("closeAccount", identity, {})).ok;
}

/** Settles what has an outcome. Calls without one end, uncharged, with their work. */
async function settleOpenCalls(env: Env, tenantId: TenantId): Promise<void> {
  await withDeadline(() => auditLogOf(env, tenantId).settleNow(), FIRST_PASS_MS / 2);
}

/** The object of this user's deletion. */
export function erasureObjectOf({ ERASURES }: Env, userId: UserId): DurableObjectStub<ErasureObject> {
  return ERASURES.get(ERASURES.idFromName(userId));
}
