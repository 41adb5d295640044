// A sibling Worker: calls the gateway's tools over RPC, as itself or for a user whose API key the
// request carries. `POST /` with a prompt draws a picture and returns its job, with the address.
import type { GatewayContract, SessionCallOptions, ToolRefusal } from "@stackbilt/contracts/gateway";

export interface Env {
  /** Bound to `GatewayEntrypoint`: see wrangler.toml. */
  readonly GATEWAY: GatewayContract;
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    if (request.method !== "POST") return new Response("Send a prompt with POST.\n", { status: 405 });
    const prompt = await request.text();
    const picture = await env.GATEWAY.session(credentialOf(request)).image_generate({ prompt }, traceOf(request));
    return picture.ok ? Response.json(picture.value) : refusal(picture.error);
  },
};

/**
 * Without a key the sibling acts as itself. With one it acts for the key's owner, within the scopes
 * of its binding.
 */
function credentialOf({ headers }: Request): { readonly apiKey: string } | undefined {
  const apiKey = headers.get("x-api-key");
  return apiKey === null ? undefined : { apiKey };
}

/** Continues the caller's trace, so that the logs of both Workers show one id. */
function traceOf({ headers }: Request): SessionCallOptions {
  const traceparent = headers.get("traceparent");
  return traceparent === null ? {} : { traceparent };
}

/** A refusal is a value, never thrown: a code, a sentence and the gateway's trace id. */
function refusal(error: ToolRefusal): Response {
  return Response.json(error, { status: error.code === "unauthenticated" ? 401 : 502 });
}
