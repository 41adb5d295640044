// Mistakes in contracts and tools. Loading them throws one sentence (`DeclarationError`), to which
// this adds the place.
import { ROOT } from "../root.ts";
import { sourcesOf } from "./imports.ts";
import { lineOf, type Problem } from "./problem.ts";

interface Loaded {
  readonly BACKENDS: Readonly<Record<string, { readonly tools: object }>>;
  readonly products: readonly { readonly backend: string }[];
}

/** The first problem of the contracts and tools that `load` loads; `null` if there is none. */
export async function declarationProblem(load: () => Promise<Loaded>): Promise<Problem | null> {
  try {
    return productProblem(await load());
  } catch (error) {
    return problemOf(error);
  }
}

function productProblem({ BACKENDS, products }: Loaded): Problem | null {
  const hasProduct = (binding: string) => products.some(({ backend }) => backend === binding);
  const hasTools = (binding: string) => Object.keys(BACKENDS[binding]?.tools ?? {}).length > 0;
  const missing = Object.keys(BACKENDS).find((binding) => hasTools(binding) && !hasProduct(binding));
  if (missing === undefined) return null;
  const file = "src/tools/catalog.ts";
  const line = lineOf(sourcesOf(ROOT).get(file) ?? "", /^const PRODUCTS\b/);
  return { file, line, sentence: `has no product for ${missing} of contracts/backends.ts: add it to PRODUCTS.` };
}

const OWN_FRAME = /((?:contracts|src\/tools)\/(?!rpc\/|tool-definition|product\.ts|catalog\.ts)[\w-]+\.ts):(\d+)/;

/** The place and sentence of a `DeclarationError`; `null` for any other error. */
export function problemOf(error: unknown): Problem | null {
  if (!(error instanceof Error) || error.name !== "DeclarationError") return null;
  return declarationOf(error.message, error.stack ?? "");
}

/** The same from the message of a `DeclarationError` and its stack, with a place a line. */
export function declarationOf(message: string, stack: string): Problem {
  const [, file = "src/tools/catalog.ts", line = "1"] = OWN_FRAME.exec(stack) ?? [];
  const [kind, name = ""] = message.split(/[ :]/);
  const place = (kind === "Product" ? null : placeOf(name, file)) ?? { file, line: Number(line) };
  return { ...place, sentence: message };
}

/** The property `name` in the file where loading stopped, or else in a contract or a tools file. */
function placeOf(name: string, stopped: string): { readonly file: string; readonly line: number } | null {
  const pattern = new RegExp(`^ {4}${name}(?::|,$)`, "m");
  const files = Array.from(sourcesOf(ROOT)).filter(([file]) => /^(?:src\/tools|contracts)\/[\w-]+\.ts$/.test(file));
  const [found] = files
    .filter(([, text]) => pattern.test(text))
    .toSorted(([a], [b]) => Number(b === stopped) - Number(a === stopped));
  return found ? { file: found[0], line: lineOf(found[1], pattern) } : null;
}
