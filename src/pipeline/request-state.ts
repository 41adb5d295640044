// Request state (MCP 2026-07-28, basic/patterns/mrtr): what the gateway must know again when the
// client repeats a request that needed input. The client carries it, so it is sealed, and bound to
// the identity, the method, the target, the arguments and a lifetime.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import type { RequestContext } from "../context.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";
import { claimOnce } from "../durable/one-time-mark.ts";

/**
 * The request that a state belongs to. A state that is returned with any other value is
 * refused.
 */
export interface StateBinding {
  readonly identity: Pick<Identity, "subject" | "tenantId" | "clientId">;
  /** As on the wire: `tools/call`. */
  readonly method: string;
  /** The tool or prompt, and anything else that must not have changed. */
  readonly target: readonly string[];
  readonly args: unknown;
}

/** A valid state. */
export interface RequestState {
  /** Unique. Names the one-time mark. */
  readonly id: string;
  readonly payload: string;
}

/** The user has this long to respond, in seconds. */
const LIFETIME_SECONDS = 600;

type Context = Pick<RequestContext, "env" | "config">;

/** Seals `payload` for the repetition of exactly this request. */
export async function sealState(
  context: Context,
  binding: StateBinding,
  payload = "",
  nowMs = Date.now(),
): Promise<string> {
  const expiresAt = Math.floor(nowMs / 1000) + LIFETIME_SECONDS;
  const state = { id: crypto.randomUUID(), expiresAt, payload };
  return seal(await keyRingOf(context.config, "state"), JSON.stringify(state), await sealContext(context, binding));
}

/** The state if it was sealed for exactly this request and has not expired; otherwise `null`. */
export async function openState(
  context: Context,
  binding: StateBinding,
  sealed: string,
  nowMs = Date.now(),
): Promise<RequestState | null> {
  const plain = await unseal(await keyRingOf(context.config, "state"), sealed, await sealContext(context, binding));
  if (plain === null) return null;
  // Only the gateway can seal.
  const { expiresAt, id, payload } = JSON.parse(plain) as RequestState & { expiresAt: number };
  return expiresAt * 1000 > nowMs ? { id, payload } : null;
}

/**
 * True for the first request that uses this state, false for any other. Throws if storage fails.
 */
export async function claimState({ env }: Context, { id }: RequestState): Promise<boolean> {
  return claimOnce(env, `state|${id}`);
}

async function sealContext({ config }: Context, { identity, method, target, args }: StateBinding): Promise<string> {
  const { subject, tenantId, clientId } = identity;
  return `state|${await digestInput({ issuer: config.issuer, subject, tenantId, clientId, method, target, args })}`;
}
