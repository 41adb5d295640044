// The checks of the MCP endpoint itself, with the official client.
import type { Client } from "@modelcontextprotocol/client";
import { SERVER } from "../../../src/discovery/server-card.ts";
import type { Findings } from "./checks.ts";
import { isLoopback } from "./discovery.ts";
import { Problem, Skip } from "./outcome.ts";

const TIMEOUT_MS = 60_000;
/** Time after which a call is cancelled: it runs by then, and is not done. */
const CANCEL_AFTER_MS = 150;
const PICTURE_TOOL = "image_generate";
const PICTURE = { prompt: "A small green check mark on white paper", quality_tier: "draft" };

export async function listTools(findings: Findings): Promise<string> {
  const client = connected(findings);
  if (!client.getServerCapabilities()?.tools) throw new Skip("the server has no tools");
  const { tools } = await attempt("The tools cannot be listed", () => client.listTools());
  findings.tools = tools;
  const names = tools.slice(0, 4).map(({ name }) => name);
  return `${tools.length} ${tools.length === 1 ? "tool" : "tools"}: ${names.join(", ")}${tools.length > names.length ? ", …" : ""}`;
}

/** A tool that reads and needs no argument: it is safe to call on any server. */
export async function callCheapTool(findings: Findings): Promise<string> {
  const client = connected(findings);
  const tool = findings.tools?.find(
    ({ annotations, inputSchema }) => annotations?.readOnlyHint === true && (inputSchema.required ?? []).length === 0,
  );
  if (!tool) throw new Skip("no tool that only reads and needs no argument");
  const { name } = tool;
  const result = await attempt(`${name} failed`, () =>
    client.callTool({ name, arguments: {} }, { timeout: TIMEOUT_MS }),
  );
  if (result.isError)
    throw new Problem(`${name} returns an error: ${textOf(result.content)}`, "Call it by hand with these credentials.");
  return `${name} returns ${result.structuredContent === undefined ? "content" : "structured content"}`;
}

/** Draws a picture on a gateway that can: it costs one credit. */
export async function drawPicture(findings: Findings): Promise<string> {
  const client = connected(findings);
  requirePictures(findings);
  const result = await attempt("The picture failed", () =>
    client.callTool({ name: PICTURE_TOOL, arguments: PICTURE }, { timeout: TIMEOUT_MS }),
  );
  if (result.isError)
    throw new Problem(`No picture: ${textOf(result.content)}`, "See the account page for the credits and the plan.");
  const image = (result.content as readonly { type: string; mimeType?: string }[]).find(({ type }) => type === "image");
  if (!image) throw new Problem("The result has no picture in it.", "Look at the Workers' logs by the trace id.");
  const { url } = (result.structuredContent ?? {}) as { url?: string };
  return `${image.mimeType ?? "an image"}${url === undefined ? "" : `, ${url}`}`;
}

/** A cancelled call ends, and the server still answers. */
export async function cancelCall(findings: Findings): Promise<string> {
  const client = connected(findings);
  requirePictures(findings);
  const began = Date.now();
  const arguments_ = { ...PICTURE, prompt: "A picture that will be cancelled" };
  const call = client.callTool(
    { name: PICTURE_TOOL, arguments: arguments_ },
    { signal: AbortSignal.timeout(CANCEL_AFTER_MS), timeout: TIMEOUT_MS },
  );
  const isCancelled = await call.then(
    () => false,
    () => true,
  );
  const tookMs = Date.now() - began;
  await attempt("After a cancelled call, the server does not answer", () => client.listTools());
  return isCancelled ? `a call ended ${tookMs} ms after it began` : "the call was done before it could be cancelled";
}

function connected({ client }: Findings): Client {
  if (!client) throw new Skip("needs a connection");
  return client;
}

/** On this product on this machine, credits are no money. */
function requirePictures({ tools, url, isPaid, client }: Findings): void {
  if (!tools?.some(({ name }) => name === PICTURE_TOOL)) throw new Skip("no tool that draws");
  const isLocalGateway = isLoopback(url.hostname) && client?.getServerVersion()?.name === SERVER.name;
  if (!isLocalGateway && !isPaid) throw new Skip("costs a credit: --paid does it");
}

async function attempt<T>(what: string, send: () => Promise<T>): Promise<T> {
  try {
    return await send();
  } catch (error) {
    throw new Problem(`${what}: ${(error as Error).message}`, "Look at the server's logs."); // the client throws errors only
  }
}

function textOf(content: unknown): string {
  const parts = Array.isArray(content) ? (content as readonly { text?: string }[]) : [];
  return (
    parts
      .flatMap(({ text }) => text ?? [])
      .join(" ")
      .slice(0, 200) || "no text"
  );
}
