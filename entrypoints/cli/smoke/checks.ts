// The checks of `npm run smoke` that are about this gateway: pages, documents, refusals, backends.
import * as v from "valibot";
import type { Findings, NamedCheck } from "../connect/checks.ts";
import { checkChallenge, checkResource, checkServer } from "../connect/discovery.ts";
import { jsonOf, send } from "../connect/http.ts";
import { Problem, Skip } from "../connect/outcome.ts";
import { REMEDY_OF_HEALTH_TOKEN } from "../production/deployed-system.ts";

/** A page of this origin is never one of the gateway's own. */
const FOREIGN_ORIGIN = "https://not-allowed.invalid";
const PROTOCOL = { "content-type": "application/json", accept: "application/json, text/event-stream" };
const PING = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" });

/** In the order in which a fault would explain the next ones. */
export function gatewayChecks(healthToken: string | undefined): readonly NamedCheck[] {
  return [
    { name: "health", run: checkHealth },
    { name: "front page", run: checkFrontPage },
    { name: "challenge", run: checkSignIn },
    { name: "resource", run: checkResource },
    { name: "authorization", run: checkServer },
    { name: "issuer", run: checkIssuer },
    { name: "bad token", run: checkBadToken },
    { name: "other origins", run: checkForeignOrigin },
    { name: "source maps", run: checkSourceMaps },
    { name: "backends", run: (findings) => checkBackends(findings, healthToken) },
  ];
}

async function checkHealth({ url }: Findings): Promise<string> {
  const reply = await send(new URL("/health", url));
  const { status, version, error_description: reason } = jsonOf(reply, "The state of the gateway");
  if (reply.status !== 200 || status !== "ok")
    throw new Problem(
      `The gateway answers ${reply.status}: ${String(reason ?? reply.text.slice(0, 200))}`,
      "Correct the setting that it names, or look at its log: `npx wrangler tail stackbilt-mcp-gateway`.",
    );
  return `version ${String(version)}`;
}

async function checkFrontPage({ url }: Findings): Promise<string> {
  const { status, headers, text } = await send(new URL("/", url), { headers: { accept: "text/html" } });
  if (status !== 200 || !headers.get("content-type")?.startsWith("text/html"))
    throw new Problem(
      `The front page answers ${status}.`,
      "The gateway serves it at /: is another Worker on this host?",
    );
  if (!text.includes(url.href))
    throw new Problem(`The front page does not name ${url}.`, "Set the domain in production.toml, and deploy again.");
  return `names ${url}`;
}

/** Another server, without a sign-in, may be what answers. */
async function checkSignIn(findings: Findings): Promise<string> {
  const note = await checkChallenge(findings);
  if (findings.needsSignIn) return note;
  throw new Problem("The endpoint serves clients without a sign-in.", "Is another server on this host?");
}

/** The issuer is the host: of another one, clients refuse every sign-in (RFC 9207). */
async function checkIssuer({ url, discovered }: Findings): Promise<string> {
  const { server } = discovered ?? {};
  if (!server) throw new Skip("needs the authorization server");
  const { issuer, authorizationEndpoint, tokenEndpoint } = server;
  const others = [issuer, authorizationEndpoint, tokenEndpoint].filter((one) => new URL(one).origin !== url.origin);
  if (issuer !== url.origin || others.length > 0)
    throw new Problem(
      `The gateway at ${url.origin} names ${others[0] ?? issuer}.`,
      "Set the domain of [gateway] in production.toml to this host, and deploy again.",
    );
  return `${issuer}, as the host`;
}

async function checkBadToken({ url }: Findings): Promise<string> {
  const headers = { ...PROTOCOL, authorization: "Bearer no-token" };
  const { status } = await send(url, { method: "POST", headers, body: PING });
  if (status === 401) return "401";
  const reason = status === 503 ? "The auth Worker does not respond." : "It has to be 401.";
  throw new Problem(
    `A token that was never issued gets ${status}. ${reason}`,
    "Look at the log, and deploy the auth Worker.",
  );
}

async function checkForeignOrigin({ url }: Findings): Promise<string> {
  const headers = { ...PROTOCOL, origin: FOREIGN_ORIGIN };
  const { status, headers: answered } = await send(url, { method: "POST", headers, body: PING });
  const allowed = answered.get("access-control-allow-origin");
  if (status === 403 && allowed === null) return "403 for pages of other origins";
  throw new Problem(
    `A page of another origin gets ${status}${allowed === null ? "" : `, allowed by ${allowed}`}.`,
    "It has to be 403: is a proxy before the gateway that removes Origin, or adds CORS headers?",
  );
}

async function checkSourceMaps({ url }: Findings): Promise<string> {
  for (const file of ["/index.js.map", "/worker.js.map"]) {
    const { status } = await send(new URL(file, url));
    if (status < 300) throw new Problem(`${file} is public.`, "Remove the assets or the proxy that serve it.");
  }
  return "not public";
}

const Health = v.object({
  notes: v.optional(v.array(v.string()), []),
  backends: v.record(
    v.string(),
    v.object({
      isReachable: v.boolean(),
      areKeysEqual: v.nullish(v.boolean()),
      isContractEqual: v.nullish(v.boolean()),
    }),
  ),
});

async function checkBackends({ url }: Findings, healthToken: string | undefined): Promise<string> {
  if (!healthToken) throw new Skip("needs HEALTH_TOKEN");
  const headers = { authorization: `Bearer ${healthToken}` };
  const reply = await send(new URL("/health?deep=1", url), { headers });
  if (reply.status === 401) throw new Problem("The gateway refuses the HEALTH_TOKEN.", REMEDY_OF_HEALTH_TOKEN);
  const health = v.safeParse(Health, jsonOf(reply, "The state of the backends"));
  if (!health.success) throw new Problem(`The state of the backends answers ${reply.status}.`, "Look at the log.");
  const { backends, notes } = health.output;
  const all = Object.entries(backends);
  const unreachable = all.filter(([, { isReachable }]) => !isReachable).map(([name]) => name);
  if (unreachable.length > 0)
    throw new Problem(
      `${unreachable.join(", ")} cannot be reached.`,
      "Deploy the Worker behind it, or correct [[services]].",
    );
  const keyless = all.filter(([, { areKeysEqual }]) => areKeysEqual === false).map(([name]) => name);
  if (keyless.length > 0)
    throw new Problem(
      `${keyless.join(", ")} has other keys.`,
      "Set its IDENTITY_KEYS: docs/operations.md, Keys of a backend.",
    );
  if (reply.status !== 200)
    throw new Problem(`A backend does not serve the gateway: ${notes.join(" ")}`, "Deploy it again.");
  return [`${all.length} serve the gateway`, ...notes].join("; ");
}
