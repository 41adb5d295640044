// Step three, for tools whose risk the settings name: has the person behind the call said yes to exactly this call? Where not, they
// are asked, and the call comes again with their answer. A yes is good once.
import type { Identity } from "../../contracts/rpc/identity.ts";
import { summarize } from "../audit/redact.ts";
import { configOf } from "../config.ts";
import type { Env } from "../env.ts";
import { digestOf } from "../tools/digest.ts";
import { effectOf } from "../tools/risk.ts";
import type { ToolDefinition } from "../tools/tool-definition.ts";
import { openState, type StateBinding, sealState, useUpState } from "./request-state.ts";

/** A person whom the door can ask. */
export interface Person {
  /** What they said when they were asked; `null`: nothing yet, or nothing that can be read. */
  readonly answer: "yes" | "no" | null;
  /** What their answer belongs to, as it came back. */
  readonly state: string | undefined;
}

/** What a person is to be asked. The call must come again with `state` and their answer. */
export interface Asked {
  readonly state: "asked";
  readonly question: string;
  readonly requestState: string;
}

/** Whether the call may go on. `state_refused`: what came back was made for another call, was changed, used before, or is too old. */
export type Confirmation = "good" | "declined" | "confirmation_required" | "state_refused" | Asked;

/** Judges one call, its arguments valid. `person` is `null` where nobody can be asked. Throws where storage fails. */
export async function confirmCall(
  env: Env,
  tool: ToolDefinition,
  args: unknown,
  caller: Identity,
  person: Person | null,
): Promise<Confirmation> {
  const isNeeded = configOf(env).confirmRisks.has(tool.risk);
  if (!isNeeded && person?.state === undefined) return "good";
  if (person === null) return "confirmation_required";
  const round: StateBinding = { caller, method: "tools/call", target: [tool.name, await digestOf(tool)], args };
  const opened = person.state === undefined ? null : await openState(env, round, person.state);
  if (opened === null && person.state !== undefined) return "state_refused";
  // An answer without a state was given to no question of ours.
  if (opened === null || person.answer === null) {
    if (!isNeeded) return "good";
    return { state: "asked", question: questionFor(tool, args), requestState: await sealState(env, round) };
  }
  if (!(await useUpState(env, opened))) return "state_refused";
  return person.answer === "yes" ? "good" : "declined";
}

const MAX_ARGUMENTS_LENGTH = 1_000;

/** Words of ours only: what a model wrote is shown by its length, so that it cannot talk the person into anything. */
function questionFor(tool: ToolDefinition, args: unknown): string {
  const shown = JSON.stringify(summarize(args));
  const clipped = shown.length > MAX_ARGUMENTS_LENGTH ? `${shown.slice(0, MAX_ARGUMENTS_LENGTH)}…` : shown;
  return `Allow one call of "${tool.title}" (${tool.name})?\n\nArguments: ${clipped}\n\nEffect: ${effectOf(tool)}`;
}
