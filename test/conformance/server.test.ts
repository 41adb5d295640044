// The official conformance suite against the MCP endpoint, as its own command line runs it: all that it asks of a server in each
// revision, through the gateway's real door, with an access token that a person's sign-in brought. The verdict is the suite's own.
// Behind the door are the suite's tools instead of the product's.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withAddress } from "../support/address.ts";
import { useIssuer } from "../support/issuer.ts";
import type { System } from "../support/system.ts";
import { newAccount, Person } from "../support/user.ts";
import { WireClient } from "../support/wire-client.ts";
import { startProxy } from "./proxy.ts";
import { type Checks, checksIn, newFolder, type Run, run } from "./suite.ts";

const proxy = await startProxy();
const issuer = useIssuer({
  mains: { gateway: "test/conformance/gateway.ts", stackbilder: "test/conformance/backend.ts" },
  vars: { gateway: { API_BASE_URL: proxy.origin } },
});

const REDIRECT = "http://localhost:33418/callback";

beforeAll(async () => {
  proxy.target = issuer.system.origin;
  proxy.bearer = await signIn();
});
afterAll(() => proxy.stop());

/** What the suite says of a revision today. A change in either direction turns the test red. */
interface Standing {
  /** How the command line is told the revision: as what it requires, where the suite has a list of that. */
  readonly options: readonly string[];
  /** Whether all of it is there. */
  readonly isMet: boolean;
  /** Without a fault or a remark. */
  readonly passes: readonly string[];
  /** Not applicable, as the suite says: what it would ask about is optional, and not offered. */
  readonly skips: readonly string[];
  /** By what is not there yet: a scenario, or `scenario:check` where the others of its checks pass. */
  readonly faults: Readonly<Record<string, readonly string[]>>;
}

const CONTENT = ["audio", "embedded-resource", "error", "image", "mixed-content", "simple-text", "with-progress"];
const ALWAYS = [
  ...["tools-list", ...CONTENT.map((kind) => `tools-call-${kind}`), "completion-complete"],
  ...[
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "prompts-get-embedded-resource",
    "prompts-get-with-image",
  ],
  ...["resources-list", "resources-read-text", "resources-read-binary", "resources-templates-read"],
];

const IN_ROUNDS = [
  ...[
    "basic-elicitation",
    "basic-list-roots",
    "basic-sampling",
    "request-state",
    "multiple-input-requests",
    "multi-round",
  ],
  ...[
    "missing-input-response",
    "non-tool-request",
    "result-type",
    "unsupported-methods",
    "tampered-state",
    "capability-check",
  ],
  ...["ignore-extra-params", "validate-input"],
].map((kind) => `input-required-result-${kind}`);

/** The extension `io.modelcontextprotocol/tasks`. */
const TASKS = [
  ...[
    "capability-negotiation",
    "dispatch-and-envelope",
    "lifecycle",
    "mrtr-composition",
    "mrtr-input",
    "request-headers",
  ],
  ...["request-state-removal", "required-task-error", "wire-fields"],
].map((kind) => `tasks-${kind}`);

const SINCE_2025_11_25 = ["dns-rebinding-protection", "json-schema-2020-12"];
const LEGACY = ["server-initialize", "ping"];
const NEEDS_SESSION = [
  ...["logging-set-level", "resources-subscribe", "resources-unsubscribe"],
  ...["tools-call-elicitation", "tools-call-sampling", "tools-call-with-logging"],
];

const STANDINGS: Readonly<Record<string, Standing>> = {
  "2026-07-28": {
    options: ["--requirements", "2026-07-28"],
    isMet: true,
    passes: [
      ...ALWAYS,
      ...SINCE_2025_11_25,
      ...["caching", "sep-2164-resource-not-found", "server-sse-multiple-streams"],
      ...["http-header-validation", "http-custom-header-server-validation"],
      ...["server-stateless", ...IN_ROUNDS, ...TASKS],
    ],
    skips: ["tasks-status-notifications"],
    faults: {},
  },
  "2025-11-25": {
    options: ["--requirements", "2025-11-25"],
    isMet: true,
    passes: [
      ...[...ALWAYS, ...SINCE_2025_11_25, ...LEGACY, ...NEEDS_SESSION],
      ...["elicitation-sep1034-defaults", "elicitation-sep1330-enums", "server-sse-multiple-streams"],
    ],
    skips: ["server-session-lifecycle", "server-sse-polling"],
    faults: {},
  },
  "2025-06-18": {
    options: ["--suite", "all", "--spec-version", "2025-06-18"],
    isMet: true,
    passes: [...ALWAYS, ...LEGACY, ...NEEDS_SESSION],
    skips: ["server-session-lifecycle"],
    faults: {},
  },
};

describe("the suite", () => {
  it.each(Object.entries(STANDINGS))("finds this in the server, revision %s", async (_, standing) => {
    const known = Object.values(standing.faults).flat();
    const { exitCode, output, checks } = await judge(standing.options);
    const found = { isMet: exitCode === 0, passes: [] as string[], skips: [] as string[], faults: new Set<string>() };
    for (const [scenario, list] of Object.entries(checks)) {
      const faults = list
        .filter(({ status }) => status === "FAILURE" || status === "WARNING")
        .map(({ id }) => `${scenario}:${id}`);
      for (const fault of faults) found.faults.add(known.includes(scenario) ? scenario : fault);
      // Beside its own checks, every scenario has one for the schema of all messages.
      const isJudged = list.some(({ id, status }) => status === "SUCCESS" && !id.startsWith("wire-schema-"));
      if (faults.length === 0) found[isJudged ? "passes" : "skips"].push(scenario);
    }
    expect(inOrder(found, found.faults), output).toEqual(inOrder(standing, known));
  });

  it("finds fault where there is some: without the bearer the same run fails", async () => {
    const { bearer } = proxy;
    proxy.bearer = null;
    try {
      const { exitCode, checks } = await judge(["--scenario", "tools-list"]);
      expect(checks["tools-list"]?.[0]).toMatchObject({
        status: "FAILURE",
        errorMessage: expect.stringContaining("Sign in"),
      });
      expect(exitCode).toBe(1);
    } finally {
      proxy.bearer = bearer;
    }
  });
});

/** The order in which the suite runs its scenarios does not matter. */
function inOrder({ isMet, passes, skips }: Pick<Standing, "isMet" | "passes" | "skips">, faults: Iterable<string>) {
  return { isMet, passes: passes.toSorted(), skips: skips.toSorted(), faults: Array.from(faults).toSorted() };
}

/** An access token of somebody whose plan lets a program ask as fast as it can. */
async function signIn(): Promise<string> {
  const through: System = {
    ...issuer.system,
    origin: proxy.origin,
    fetch: (target, init) => fetch(new URL(target, proxy.origin), { ...init, headers: withAddress(init?.headers) }),
  };
  const client = await WireClient.register(through, {
    client_name: "Conformance suite",
    redirect_uris: [REDIRECT],
    token_endpoint_auth_method: "none",
  });
  const account = newAccount();
  await new Person().authorize(client.ask(REDIRECT).url, account);
  const db = await issuer.db();
  await db.prepare("UPDATE tenants SET tier = 'enterprise'").run();
  const ask = client.ask(REDIRECT);
  const answer = await client.redeem(ask, await new Person().authorize(ask.url, account, { isKnown: true }));
  return ((await answer.json()) as { access_token: string }).access_token;
}

/** Runs the suite against the endpoint. */
async function judge(options: readonly string[]): Promise<Run & { readonly checks: Checks }> {
  const folder = newFolder();
  try {
    const ended = await run(["server", "--url", `${proxy.origin}/mcp`, "--output-dir", folder, ...options]);
    return { ...ended, checks: checksIn(folder, "server") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
