// The id of a task (MCP extension `io.modelcontextprotocol/tasks`): all that the gateway must know of work that goes on after its call
// was answered. It is sealed and bound to whom the work belongs to, so nothing is stored here, and nobody else can use it.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { configOf } from "../config.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";
import type { Env } from "../env.ts";

/** The work behind a task. */
export interface TaskWork {
  readonly tool: string;
  /** What its backend calls it. */
  readonly ref: Readonly<Record<string, string>>;
  /** SHA-256, base64url, of the call's arguments: tells which call the task is of. */
  readonly inputDigest: string;
  readonly createdAtMs: number;
}

/** How long a task can be asked about after its creation, in milliseconds. */
export const TASK_TTL_MS = 86_400_000;

/** The task's id, for its owner. */
export async function sealTask(env: Env, owner: Owner, work: TaskWork): Promise<string> {
  return seal(await keyRingOf(configOf(env), "task"), JSON.stringify(work), await contextOf(env, owner));
}

/** The work behind an id; `null` where it is no id of ours, another owner's, or too old. */
export async function openTask(env: Env, owner: Owner, taskId: string, nowMs = Date.now()): Promise<TaskWork | null> {
  const plain = await unseal(await keyRingOf(configOf(env), "task"), taskId, await contextOf(env, owner));
  if (plain === null) return null;
  const work = JSON.parse(plain) as TaskWork; // nobody else can seal
  return work.createdAtMs + TASK_TTL_MS > nowMs ? work : null;
}

/** Whose work it is, whichever of their apps asks. */
type Owner = Pick<Identity, "subject" | "tenantId">;

async function contextOf(env: Env, { subject, tenantId }: Owner): Promise<string> {
  return `task|${await digestInput({ issuer: configOf(env).issuer, subject, tenantId })}`;
}
