// Export of a tenant: a copy of a person's data at one backend.
import * as v from "valibot";
import { operation } from "./operation.ts";

const Cursor = v.nullable(v.pipe(v.string(), v.maxLength(256)));

/** One thing that a backend holds about a tenant. */
export const ExportedItem = v.object({
  /** E.g. `flow`, `charge`. */
  kind: v.pipe(v.string(), v.regex(/^[a-z_]{1,32}$/)),
  /** A JSON object without secrets: what the tenant entered, ids, links, times. */
  json: v.pipe(v.string(), v.maxLength(200_000)),
});
export type ExportedItem = v.InferOutput<typeof ExportedItem>;

/** `exportTenant`, a method of every contract: the data of the tenant at one backend, in pages. */
export const ExportTenant = operation({
  /** `cursor`: `next` of the page before; `null`: the first page. */
  input: v.strictObject({ cursor: Cursor }),
  output: v.object({ items: v.pipe(v.array(ExportedItem), v.maxLength(100)), next: Cursor }),
  errors: {},
  timeoutMs: 15_000,
});
