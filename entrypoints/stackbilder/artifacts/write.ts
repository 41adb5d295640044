// From a mode to its artifact. Deterministic: the same assignment gives the same text.
import type { Mode } from "../../../contracts/stackbilder.ts";
import { architect } from "./architect.ts";
import type { Assignment, Draft } from "./draft.ts";
import { product } from "./product.ts";
import { risk } from "./risk.ts";
import { sprint } from "./sprint.ts";
import { tdd } from "./tdd.ts";
import { ux } from "./ux.ts";

const WRITERS: Readonly<Record<Mode, (assignment: Assignment) => Draft>> = {
  PRODUCT: product,
  UX: ux,
  RISK: risk,
  ARCHITECT: architect,
  TDD: tdd,
  SPRINT: sprint,
};

/** Writes the artifact of `mode`. */
export function writeArtifact(mode: Mode, assignment: Assignment): Draft {
  return WRITERS[mode](assignment);
}
