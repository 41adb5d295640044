// The official conformance suite against the MCP endpoint, by its own command line: all its
// scenarios for a server in each revision, with an access token of a user who signed in. The tools
// are the suite's instead of the product's.
import { rmSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { withAddress } from "../support/address.ts";
import { useIssuer } from "../support/issuer.ts";
import type { System } from "../support/system.ts";
import { newAccount, User } from "../support/user.ts";
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

/**
 * The expected results of the suite for a revision. A change in either direction fails the test.
 */
interface Expected {
  /** Options for the revision: its list of requirements, if the suite has one. */
  readonly options: readonly string[];
  /** True if the suite exits with 0. */
  readonly isMet: boolean;
  /** Scenarios without a failure or a warning. */
  readonly passes: readonly string[];
  /** Scenarios that the suite skips: they test optional features that the server does not have. */
  readonly skips: readonly string[];
  /** Failures by reason: a scenario, or `scenario:check` if its other checks pass. */
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

const INPUT_REQUIRED = [
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

const EXPECTED: Readonly<Record<string, Expected>> = {
  "2026-07-28": {
    options: ["--requirements", "2026-07-28"],
    isMet: true,
    passes: [
      ...ALWAYS,
      ...SINCE_2025_11_25,
      ...["caching", "sep-2164-resource-not-found", "server-sse-multiple-streams"],
      ...["http-header-validation", "http-custom-header-server-validation"],
      ...["server-stateless", ...INPUT_REQUIRED, ...TASKS],
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
  it.each(Object.entries(EXPECTED))("passes the server with the expected results, revision %s", async (_, expected) => {
    const known = Object.values(expected.faults).flat();
    const { exitCode, output, checks } = await runSuite(expected.options);
    const found = { isMet: exitCode === 0, passes: [] as string[], skips: [] as string[], faults: new Set<string>() };
    for (const [scenario, list] of Object.entries(checks)) {
      const faults = list
        .filter(({ status }) => status === "FAILURE" || status === "WARNING")
        .map(({ id }) => `${scenario}:${id}`);
      for (const fault of faults) found.faults.add(known.includes(scenario) ? scenario : fault);
      // Each scenario also has a check for the schema of all messages.
      const hasOwnCheck = list.some(({ id, status }) => status === "SUCCESS" && !id.startsWith("wire-schema-"));
      if (faults.length === 0) found[hasOwnCheck ? "passes" : "skips"].push(scenario);
    }
    expect(inOrder(found, found.faults), output).toEqual(inOrder(expected, known));
  });

  it("fails without a credential", async () => {
    const { bearer } = proxy;
    proxy.bearer = null;
    try {
      const { exitCode, checks } = await runSuite(["--scenario", "tools-list"]);
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

/** Sorted results: the order in which the suite runs its scenarios does not matter. */
function inOrder({ isMet, passes, skips }: Pick<Expected, "isMet" | "passes" | "skips">, faults: Iterable<string>) {
  return { isMet, passes: passes.toSorted(), skips: skips.toSorted(), faults: Array.from(faults).toSorted() };
}

/** An access token of a user whose plan has limits that the suite does not reach. */
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
  await new User().authorize(client.authorizationRequest(REDIRECT).url, account);
  const db = await issuer.db();
  await db.prepare("UPDATE tenants SET tier = 'enterprise'").run();
  const request = client.authorizationRequest(REDIRECT);
  const callback = await new User().authorize(request.url, account, { hasAccount: true });
  const response = await client.redeem(request, callback);
  return ((await response.json()) as { access_token: string }).access_token;
}

/** Runs the suite against the endpoint. */
async function runSuite(options: readonly string[]): Promise<Run & { readonly checks: Checks }> {
  const folder = newFolder();
  try {
    const ended = await run(["server", "--url", `${proxy.origin}/mcp`, "--output-dir", folder, ...options]);
    return { ...ended, checks: checksIn(folder, "server") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
