// Ids of tasks (MCP extension `io.modelcontextprotocol/tasks`). An id is the sealed description of
// the work, bound to its owner, so the gateway stores no tasks and no other user can use an id.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { RequestContext } from "../context.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";

/** The work behind a task. */
export interface TaskWork {
  readonly tool: string;
  /** The backend's own ids for the work. */
  readonly ref: Readonly<Record<string, string>>;
  /** SHA-256, base64url, of the call's arguments. Identifies the call. */
  readonly inputDigest: string;
  readonly createdAtMs: number;
}

/** Lifetime of a task from its creation, in milliseconds. */
export const TASK_TTL_MS = 86_400_000;

/** The user and tenant that the work belongs to, through whichever of their clients. */
type Owner = Pick<Identity, "subject" | "tenantId">;
type Context = Pick<RequestContext, "config">;

export async function sealTask(context: Context, owner: Owner, work: TaskWork): Promise<string> {
  return seal(await keyRingOf(context.config, "task"), JSON.stringify(work), await sealContext(context, owner));
}

/**
 * The work behind an id; `null` if the id is invalid, another owner's, or older than `TASK_TTL_MS`.
 */
export async function openTask(
  context: Context,
  owner: Owner,
  taskId: string,
  nowMs = Date.now(),
): Promise<TaskWork | null> {
  const plain = await unseal(await keyRingOf(context.config, "task"), taskId, await sealContext(context, owner));
  if (plain === null) return null;
  const work = JSON.parse(plain) as TaskWork; // only the gateway can seal
  return work.createdAtMs + TASK_TTL_MS > nowMs ? work : null;
}

async function sealContext({ config }: Context, { subject, tenantId }: Owner): Promise<string> {
  return `task|${await digestInput({ issuer: config.issuer, subject, tenantId })}`;
}
