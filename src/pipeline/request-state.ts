// What the gateway must know again when a request that it could not finish comes back (MCP 2026-07-28, basic/patterns/mrtr). It
// travels through the client, so it is sealed, and bound to who asked, for what, with which arguments, and for how long.
import { digestInput } from "../../contracts/rpc/encoding.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { configOf } from "../config.ts";
import { keyRingOf } from "../crypto/key-ring.ts";
import { seal, unseal } from "../crypto/seal.ts";
import { claimOnce } from "../durable/one-time-mark.ts";
import type { Env } from "../env.ts";

/** The request that a state belongs to. Whatever differs when it comes back, the state is not good for it. */
export interface StateBinding {
  readonly caller: Pick<Identity, "subject" | "tenantId" | "clientId">;
  /** As on the wire: `tools/call`. */
  readonly method: string;
  /** The tool or prompt, and anything else that must still be what it was. */
  readonly target: readonly string[];
  readonly args: unknown;
}

/** A state that came back as it was made. */
export interface OpenedState {
  /** Names this one state. */
  readonly id: string;
  /** What was sealed. */
  readonly kept: string;
}

/** How long somebody has to answer. */
const LIFETIME_SECONDS = 600;

/** Seals `kept` for the next time that this very request comes. */
export async function sealState(env: Env, round: StateBinding, kept = "", nowMs = Date.now()): Promise<string> {
  const state = { id: crypto.randomUUID(), expiresAt: Math.floor(nowMs / 1000) + LIFETIME_SECONDS, kept };
  return seal(await keyRingOf(configOf(env), "state"), JSON.stringify(state), await contextOf(env, round));
}

/** What was sealed for this very request; `null` where it was made for another or by somebody else, or came too late. */
export async function openState(
  env: Env,
  round: StateBinding,
  sealed: string,
  nowMs = Date.now(),
): Promise<OpenedState | null> {
  const plain = await unseal(await keyRingOf(configOf(env), "state"), sealed, await contextOf(env, round));
  if (plain === null) return null;
  const { expiresAt, id, kept } = JSON.parse(plain) as OpenedState & { expiresAt: number }; // nobody else can seal
  return expiresAt * 1000 > nowMs ? { id, kept } : null;
}

/** `true` for the one request that may use this state. Throws where storage fails. */
export async function useUpState(env: Env, { id }: OpenedState): Promise<boolean> {
  return claimOnce(env, `state|${id}`);
}

async function contextOf(
  env: Env,
  { caller: { subject, tenantId, clientId }, method, target, args }: StateBinding,
): Promise<string> {
  return `state|${await digestInput({ issuer: configOf(env).issuer, subject, tenantId, clientId, method, target, args })}`;
}
