// GET /health for a monitor: the gateway responds. With `?deep=1` and HEALTH_TOKEN, an operator
// also sees the state of each backend.
import { digestText } from "../../contracts/rpc/encoding.ts";
import { backendsHealth, isHealthy, noteOf } from "../../src/backends/health.ts";
import type { RequestContext } from "../../src/context.ts";
import { addressOf, consume, overrunOf } from "../../src/limits/rate-limits.ts";
import { tooManyRequests } from "../../src/mcp/json-rpc.ts";
import type { Implementation } from "../../src/mcp/schema.ts";

/**
 * 200 if every backend serves this gateway, with notes about other versions, 503 if one does not,
 * 401 without the token, 429 after too many tries.
 */
export async function health(
  request: Request,
  context: RequestContext,
  { name, version }: Implementation,
): Promise<Response> {
  const gateway = { name, version };
  if (new URL(request.url).searchParams.get("deep") !== "1") return Response.json({ status: "ok", ...gateway });
  if (!(await isOperator(request, context))) {
    const retryAfterSeconds = await consume(context, "foreignBearer", addressOf(request));
    if (retryAfterSeconds > 0) return tooManyRequests(overrunOf("foreignBearer", retryAfterSeconds));
    const error_description = "Send the gateway's HEALTH_TOKEN as a bearer token, or leave ?deep=1 out.";
    const headers = { "www-authenticate": "Bearer", "cache-control": "no-store" };
    return Response.json({ error: "unauthorized", error_description }, { status: 401, headers });
  }
  const backends = await backendsHealth(context);
  const isWell = Object.values(backends).every(isHealthy);
  const notes = Object.entries(backends).flatMap(([backend, state]) => noteOf(backend, state) ?? []);
  const body = { status: isWell ? "ok" : "degraded", ...gateway, notes, backends };
  return Response.json(body, { status: isWell ? 200 : 503, headers: { "cache-control": "no-store" } });
}

/** Digests are compared, so that the time reveals nothing about the token. */
async function isOperator({ headers }: Request, { env }: RequestContext): Promise<boolean> {
  const token = /^Bearer (.+)$/i.exec(headers.get("authorization") ?? "")?.[1];
  if (!env.HEALTH_TOKEN || token === undefined) return false;
  return (await digestText(token)) === (await digestText(env.HEALTH_TOKEN));
}
