// The repository's folder. A module of its own, which commands can load while a contract is broken.
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../..", import.meta.url));
