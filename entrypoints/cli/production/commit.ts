// The commit of the code that is deployed: in the plan, and with the version at Cloudflare, so that
// `npm run place` and a rollback can start from it.
import { execFileSync } from "node:child_process";
import { ROOT } from "../root.ts";
import { PRODUCTION_FILE } from "./settings.ts";

/** Such as `commit 71fa26e1 of main`; `null` without git. Settings of production are not code. */
export function commitOf(root = ROOT): string | null {
  const git = (...args: readonly string[]) =>
    execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = git("rev-parse", "--short=8", "HEAD");
    const branch = git("branch", "--show-current") || "no branch";
    const changes = git("status", "--porcelain", "--", ".", `:(exclude)${PRODUCTION_FILE}`);
    return `commit ${commit} of ${branch}${changes === "" ? "" : ", with changes that are not committed"}`;
  } catch {
    return null;
  }
}
