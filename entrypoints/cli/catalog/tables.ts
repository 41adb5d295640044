// Tables of the documents: tools, scopes and log events.
import { LOG_EVENTS, type LogEventEntry } from "../../../contracts/log-events.ts";
import { Scope } from "../../../contracts/rpc/identity.ts";
import { describePrice } from "../../../src/tools/price.ts";
import type { ProductTexts } from "../../../src/tools/product-texts.ts";
import type { ToolDefinition } from "../../../src/tools/tool-definition.ts";
import { table } from "./generated-part.ts";

/** One row per tool. `reference` is the path of docs/tools.md; empty within it. */
export function toolTable(tools: readonly ToolDefinition[], reference: string): string {
  const rows = tools.map(({ name, title, scope, price }) => [
    `[\`${name}\`](${reference}#${name})`,
    title,
    `\`${scope}\``,
    describePrice(price),
  ]);
  return table(["tool", "purpose", "scope", "credits"], rows);
}

const CHOICE: Readonly<Record<Scope, string>> = {
  read: "Always included.",
  generate: "Optional when you allow an app.",
};

/** One row per scope, with its tools. */
export function scopeTable(tools: readonly ToolDefinition[], { allows }: Pick<ProductTexts, "allows">): string {
  const rows = Scope.options.map((scope) => {
    const names = tools.filter((tool) => tool.scope === scope).map(({ name }) => `\`${name}\``);
    return [`\`${scope}\``, `${allows[scope]}. ${CHOICE[scope]}`, names.join(", ")];
  });
  const offline = [
    "`offline_access`",
    "nothing more. Some apps ask for it to stay connected, which every app does.",
    "",
  ];
  return table(["scope", "allows", "tools"], [...rows, offline]);
}

/** One row per log event: errors first, then warnings. */
export function logTable(events: Readonly<Record<string, LogEventEntry>> = LOG_EVENTS): string {
  const rows = (["error", "warn", "info"] as const).flatMap((wanted) =>
    Object.entries(events)
      .filter(([, { level }]) => level === wanted)
      .map(([name, { level, source, meaning, remedy = "" }]) => [`\`${name}\``, level, source, meaning, remedy]),
  );
  return table(["event", "level", "Worker", "meaning", "what to do"], rows);
}
