// No validation of the arguments.
import type * as original from "../../../src/pipeline/validate.ts";

export const validate: typeof original.validate = (_operation, args) => ({ ok: true, input: args });
