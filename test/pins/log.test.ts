// The log: each line is an event of the one list, which says no more and no less than is logged.
import { describe, expect, it } from "vitest";
import { LOG_EVENTS, type LogEventEntry } from "../../contracts/log-events.ts";
import { FILES, textOf } from "./sources.ts";

const CODE = FILES.filter(
  // The commands and the router of `npm run dev` are never deployed.
  (file) => /^(?:contracts|src|entrypoints)\/.*\.ts$/.test(file) && !/^entrypoints\/(?:cli|local)\//.test(file),
);
const LOG = "contracts/log.ts";

const events = Object.entries<LogEventEntry>(LOG_EVENTS);

/** The files that log an event. */
const usersOf = (event: string) => {
  const use = new RegExp(
    `\\b(?:log(?:Error|Crash|Warning|Info)|lineOf|orUnavailable)\\([^;]*?"${event.replaceAll(".", "\\.")}"`,
  );
  return CODE.filter((file) => use.test(textOf(file)));
};

/** Files that may log an event of this source. */
const PLACES: Readonly<Record<LogEventEntry["source"], RegExp>> = {
  gateway: /^(?:src|entrypoints\/gateway)\/|^contracts\/(?:log|rpc\/call)\.ts$/,
  auth: /^entrypoints\/auth\//,
  stackbilder: /^entrypoints\/stackbilder\//,
  "img-forge": /^entrypoints\/img-forge\//,
  audit: /^entrypoints\/audit\//,
  backends: /^contracts\/rpc\//,
  all: /^contracts\/rpc\/|^entrypoints\/gateway\//,
};

describe("the log", () => {
  it("is written in one file only", () => {
    expect(CODE.filter((file) => /\bconsole\b\s*[.[?]/.test(textOf(file)))).toEqual([LOG]);
  });

  it.each(events)("%s is logged, by the Worker that the list names", (event, { source }) => {
    const users = usersOf(event);
    expect(users.length).toBeGreaterThan(0);
    expect(users.filter((file) => !PLACES[source].test(file))).toEqual([]);
  });

  it("has a list in alphabetical order, with one or two sentences each", () => {
    expect(Object.keys(LOG_EVENTS)).toEqual(Object.keys(LOG_EVENTS).toSorted());
    for (const [event, { meaning, remedy = "None." }] of events) {
      expect(event).toMatch(/^[a-z]+(?:\.[a-z_]+)?$/);
      for (const sentences of [meaning, remedy]) expect(sentences).toMatch(/^[A-Z`].*\.$/);
    }
  });

  it("has no field for credentials, words of a user, or the user", () => {
    const fields = /interface LogFields \{(.*?)^\}/ms.exec(textOf(LOG))?.[1] ?? "";
    const names = Array.from(fields.matchAll(/readonly (\w+)\?:/g), ([, name]) => name);
    expect(names.length).toBeGreaterThan(20);
    const personal =
      /token$|secret|password|authorization|cookie|e?mail|address|subject|user|tenant|client|prompt|input|name$|args/i;
    expect(names.filter((name) => personal.test(name ?? ""))).toEqual([]);
  });

  it("has thrown errors in full only in the bundles that npm run dev makes", () => {
    const SETS = /LOCAL_DEVELOPMENT["']?\s*(?:=(?!==)|:\s*["'`])|isDevelopment: true/;
    const files = FILES.filter(
      (file) => /\.(?:ts|mjs|toml|json|template|example)$/.test(file) && !file.startsWith("test/"),
    );
    expect(files.filter((file) => SETS.test(textOf(file)))).toEqual([
      "entrypoints/cli/dev/plan.ts",
      "entrypoints/cli/workers.ts",
    ]);
  });
});
