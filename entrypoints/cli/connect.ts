// `npm run connect`: the set-up of every client for a gateway, ready to paste; with `--check`, a
// walk through everything that a client does, against any MCP server.
import { type ClientSetup, clientSetups, isPublic, type SetupStep } from "../../src/discovery/clients.ts";
import { CliError } from "./cli-error.ts";
import { CHECKS, runChecks } from "./connect/checks.ts";
import { isLoopback } from "./connect/discovery.ts";
import { describeOutcome } from "./connect/outcome.ts";
import { credentialIn, readArguments } from "./options.ts";
import { DEFAULT_ORIGIN } from "./workers.ts";

const USAGE = `Usage: npm run connect [-- options]

Prints the set-up of every MCP client for an endpoint.

  --url URL            the endpoint (default ${DEFAULT_ORIGIN}/mcp); any MCP server over HTTP
  --client NAME        one client only
  --name NAME          name of the server in the client (default stackbilt, or the host's name)
  --check              does what a client does, and names what is wrong
  --token-from VAR     with --check: use the API key or token in this environment variable, no sign-in
  --client-id ID       with --check: a registered client, for a server without registration
  --paid               with --check: also make calls that cost credits, on a gateway that is not local
  --help               show this`;

interface Options {
  readonly url: URL;
  readonly name: string;
  readonly client: string | undefined;
  readonly isCheck: boolean;
  readonly isPaid: boolean;
  readonly clientId: string | undefined;
  readonly token: string | undefined;
}

/** Prints the set-up, or the outcome of the checks. Throws a `CliError` for any fault. */
export async function run(args: readonly string[]): Promise<void> {
  const options = readOptions(args);
  if (options === "help") return console.log(USAGE);
  if (options.isCheck) return check(options);
  const setups = selectSetups(options);
  console.log(`Endpoint  ${options.url}\n\n${setups.map((setup) => describeSetup(setup, options.url)).join("\n\n")}`);
  if (isLoopback(options.url.hostname)) await warnUnlessServed(options);
}

/** Looks for an endpoint on this machine, so that a port that is not the gateway's is noticed. */
async function warnUnlessServed({ url, isPaid, clientId, token }: Options): Promise<void> {
  const options = { url, isPaid, clientId, token, say: console.log };
  for await (const { outcome } of runChecks(options, CHECKS.slice(0, 1)))
    if (outcome.state === "failed") console.error(`\nThis does not work yet. ${outcome.problem} ${outcome.remedy}`);
}

async function check({ url, isPaid, clientId, token }: Options): Promise<void> {
  console.log(`Checking ${url}\n`);
  const width = Math.max(...CHECKS.map(({ name }) => name.length));
  let failures = 0;
  for await (const { name, outcome } of runChecks({ url, isPaid, clientId, token, say: console.log })) {
    if (outcome.state === "failed") failures += 1;
    console.log(describeOutcome(name.padEnd(width), outcome));
  }
  if (failures > 0) throw new CliError(`\n${failures} ${failures === 1 ? "check" : "checks"} failed.`);
  console.log("\nEverything that was checked works.");
}

function selectSetups({ url, name, client }: Options): readonly ClientSetup[] {
  const setups = clientSetups({ url: url.href, name });
  if (client === undefined) return setups;
  const wanted = client.toLowerCase();
  const found = setups.filter((setup) => setup.id === wanted || setup.name.toLowerCase() === wanted);
  if (found.length > 0) return found;
  throw new CliError(`There is no client "${client}". Clients: ${setups.map(({ id }) => id).join(", ")}.\n\n${USAGE}`);
}

function describeSetup({ name, isHosted, steps, installUrl }: ClientSetup, url: URL): string {
  const isReachable = !isHosted || isPublic(url.href);
  const lines = isReachable
    ? steps.map(describeStep)
    : ["Connects from its vendor's servers: it needs a gateway with a public https address."];
  if (installUrl !== undefined) lines.push(`Or open ${installUrl}`);
  return [name, ...lines.join("\n").split("\n")].join("\n  ");
}

function describeStep(step: SetupStep): string {
  if (step.kind === "text") return step.text;
  if (step.kind === "command") return step.command;
  return `In ${step.path}:\n${step.content}`;
}

const OPTIONS = {
  url: { type: "string" },
  client: { type: "string" },
  name: { type: "string" },
  check: { type: "boolean" },
  "token-from": { type: "string" },
  "client-id": { type: "string" },
  paid: { type: "boolean" },
} as const;

function readOptions(args: readonly string[]): Options | "help" {
  return readArguments({ args, usage: USAGE, options: OPTIONS }, (values) => {
    const url = endpointOf(values.url ?? `${DEFAULT_ORIGIN}/mcp`);
    const name = values.name ?? (values.url === undefined ? "stackbilt" : nameOf(url));
    if (!/^[A-Za-z0-9-]{1,40}$/.test(name)) throw new Error("--name takes letters, digits and hyphens");
    const { check: isCheck = false, paid: isPaid = false, client, "client-id": clientId, "token-from": from } = values;
    const token = from === undefined ? undefined : credentialIn("--token-from", from);
    const isCheckOnly = isPaid || clientId !== undefined || from !== undefined;
    if (isCheckOnly && !isCheck) throw new Error("--paid, --client-id and --token-from need --check");
    if (isCheck && (client ?? values.name) !== undefined) throw new Error("--check takes no --client and no --name");
    return { url, name, client, isCheck, isPaid, clientId, token };
  });
}

function endpointOf(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error("--url takes an http or https address");
  if (url.username !== "" || url.password !== "") throw new Error("--url takes no password: use --token-from");
  url.hash = "";
  return url;
}

/** The end of a host that many owners share. */
const SHARED = /(?:\.[^.]+\.workers\.dev|\.(?:co|com|org|net|ac|gov)\.[a-z]{2}|\.[a-z][a-z0-9-]*)$/;

/** A name for the server of a host: `mcp.example.com` is `example`, an address is `local`. */
function nameOf({ hostname }: URL): string {
  if (!SHARED.test(hostname)) return "local";
  return hostname.replace(SHARED, "").split(".").at(-1)?.slice(0, 40) || "local";
}
