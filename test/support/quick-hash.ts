// A change of the auth Worker's wrangler.toml for tests that do not test password hashes.
import { appendFileSync } from "node:fs";
import path from "node:path";

/** Makes the Worker of this file hash passwords at a fraction of the cost, in the same format. */
export function useQuickHash(configPath: string): void {
  const fake = JSON.stringify(path.join(import.meta.dirname, "fakes/quick-hash.ts"));
  appendFileSync(configPath, `\n[alias]\n"@better-auth/utils/password" = ${fake}\n`);
}
