// Selects the writer of a mode. Deterministic: equal assignments give equal artifacts.
import type { Mode } from "../../../contracts/stackbilder.ts";
import { writeArchitecture } from "./architect.ts";
import type { Assignment, Draft } from "./draft.ts";
import { writeProduct } from "./product.ts";
import { writeRisks } from "./risk.ts";
import { writeSprints } from "./sprint.ts";
import { writeTests } from "./tdd.ts";
import { writeExperience } from "./ux.ts";

const WRITERS: Readonly<Record<Mode, (assignment: Assignment) => Draft>> = {
  PRODUCT: writeProduct,
  UX: writeExperience,
  RISK: writeRisks,
  ARCHITECT: writeArchitecture,
  TDD: writeTests,
  SPRINT: writeSprints,
};

/** Writes the artifact of `mode`. */
export function writeArtifact(mode: Mode, assignment: Assignment): Draft {
  return WRITERS[mode](assignment);
}
