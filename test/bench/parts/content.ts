// No text beside the value.
import * as original from "../../../src/tools/content.ts";

export * from "../../../src/tools/content.ts";

export const json: typeof original.json = () => original.text("");
