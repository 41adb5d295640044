// docs/clients.md shows the set-up of src/discovery/clients.ts, and what was seen of each program
// in test/clients/tried.ts.
import { describe, expect, it } from "vitest";
import { DEFAULT_ORIGIN } from "../../entrypoints/cli/workers.ts";
import { clientSetups } from "../../src/discovery/clients.ts";
import { TRIED } from "../clients/tried.ts";
import { textOf } from "./sources.ts";

const page = textOf("docs/clients.md");
const setups = clientSetups({ url: `${DEFAULT_ORIGIN}/mcp`, name: "stackbilt" });

/** The section with this heading; empty if there is none. */
function sectionOf(heading: string): string {
  return page.split(/^## /m).find((section) => section.startsWith(`${heading}\n`)) ?? "";
}

describe("the page about clients", () => {
  it.each(setups.map((setup) => [setup.name, setup] as const))("shows the set-up of %s as it is", (name, { steps }) => {
    const section = sectionOf(name);
    expect(section, `a section "${name}"`).not.toBe("");
    for (const step of steps) {
      if (step.kind === "command") expect(section).toContain(`\`\`\`sh\n${step.command}\n\`\`\``);
      if (step.kind === "file") expect(section).toContain(`\`\`\`json\n${step.content}\n\`\`\``);
    }
  });

  it("has a section and a row for each program that was tried, and no other row with a version", () => {
    const rows = TRIED.map(({ name, version, shown, signOut }) => {
      expect(sectionOf(name), `a section "${name}"`).not.toBe("");
      return `| [${name}](#${name.toLowerCase().replaceAll(" ", "-")}) | ${version} | ${shown} | ${signOut} |`;
    });
    expect(page.split("\n").filter((line) => line.startsWith("| ["))).toEqual(rows);
  });
});
