// Sessions of the older revisions: official clients with capabilities, and real tokens.
import type { ElicitRequest, ElicitResult } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { auditEventsIn } from "../support/audit-log.ts";
import {
  accessTokenOf,
  type Connected,
  callTool,
  clientIdOf,
  connect,
  type Mode,
  userIdOf,
} from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem("confirming");

const OLDER: readonly Mode[] = ["legacy", "older-sdk"];
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over the sea", quality_tier: "draft" } };
const YES: ElicitResult = { action: "accept", content: { confirm: true } };

const sessionOf = ({ client }: Connected) => client.transport?.sessionId;

/**
 * A client with forms, whose user responds to each with `response`, once `wait` has returned. Its
 * signal is aborted if the form is cancelled. `forms`: those shown so far.
 */
async function connectWithForms(
  mode: Mode,
  response: ElicitResult,
  wait?: (signal: AbortSignal) => Promise<void>,
): Promise<Connected & { readonly forms: ElicitRequest["params"][] }> {
  const connected = await connect(system.origin, mode, { capabilities: { elicitation: {} } });
  const forms: ElicitRequest["params"][] = [];
  const handler = async (
    { params }: ElicitRequest,
    context: { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } },
  ) => {
    forms.push(params);
    const signal = context.signal ?? context.mcpReq?.signal; // each package has its own place for it
    if (signal) await wait?.(signal);
    return response;
  };
  if (mode === "older-sdk") {
    const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
    // The older package identifies a method by its schema.
    connected.client.setRequestHandler(ElicitRequestSchema as never, handler as never);
  } else connected.client.setRequestHandler("elicitation/create", handler);
  return { ...connected, forms };
}

/** Sends a ping, or another HTTP method, with this session and this token. */
function send(session: string | undefined, token: string | undefined, method = "POST"): Promise<Response> {
  return system.fetch("/mcp", {
    method,
    headers: {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept: "application/json, text/event-stream",
      "mcp-protocol-version": "2025-11-25",
      ...(session === undefined ? {} : { "mcp-session-id": session }),
    },
    ...(method === "POST" && { body: JSON.stringify({ jsonrpc: "2.0", id: 1, method: "ping" }) }),
  });
}

describe.each(OLDER)("the %s client", (mode) => {
  it("asks its user, and an accepted form draws the picture", async () => {
    const user = await connectWithForms(mode, YES);
    const drawn = await user.client.callTool(DRAW);
    expect(drawn.structuredContent).toMatchObject({ status: "completed", quality_tier: "draft" });
    expect(user.forms).toMatchObject([{ mode: "form", message: expect.stringContaining("Generate an image") }]);
    await user.close();
  });

  it("draws nothing after a declined form", async () => {
    const user = await connectWithForms(mode, { action: "decline" });
    const refused = await user.client.callTool(DRAW);
    expect([refused.isError, refused._meta?.["com.stackbilt/error"]]).toMatchObject([true, { code: "declined" }]);
    await user.close();
  });

  it("gets the form cancelled, and draws nothing, if its user cancels the call", async () => {
    const cancelled = Promise.withResolvers<void>();
    const stop = new AbortController();
    const user = await connectWithForms(mode, YES, (signal) => {
      signal.addEventListener("abort", () => cancelled.resolve());
      stop.abort("Enough.");
      return cancelled.promise;
    });
    const { callTool: call } = user.client as unknown as {
      callTool(params: object, ...rest: unknown[]): Promise<unknown>;
    };
    // The older package takes the schema of the result before the options.
    const rest = [...(mode === "older-sdk" ? [undefined] : []), { signal: stop.signal }];
    await expect(call.call(user.client, DRAW, ...rest)).rejects.toThrow("Enough.");
    await cancelled.promise;
    await callTool(user, "image_list_models");
    const calls = auditEventsIn(system.logs()).filter(
      ({ type, subject }) => type === "tool.called" && subject === userIdOf(user),
    );
    expect(calls).toMatchObject([{ outcome: "asked" }, { outcome: "ok" }]);
    await user.close();
  });

  it("gets a log message of each call once it has set a level", async () => {
    const user = await connectWithForms(mode, YES);
    const notifications: unknown[] = [];
    user.client.fallbackNotificationHandler = async (message) => {
      notifications.push(message);
    };
    await user.client.callTool({ name: "image_list_models", arguments: {} });
    expect(notifications).toEqual([]);
    await user.client.setLoggingLevel("info");
    await user.client.callTool({ name: "image_list_models", arguments: {} });
    expect(notifications).toMatchObject([
      {
        method: "notifications/message",
        params: { level: "info", data: { tool: "image_list_models", traceId: expect.any(String) } },
      },
    ]);
    await user.close();
  });

  it("gets no session if it has no capability", async () => {
    const connected = await connect(system.origin, mode);
    expect(sessionOf(connected)).toBeUndefined();
    const refused = await connected.client.callTool(DRAW);
    expect(refused._meta?.["com.stackbilt/error"]).toMatchObject({ code: "confirmation_required" });
    await connected.close();
  });
});

describe("a session", () => {
  it("outlives its token, is not found for another user, is no credential, and ends by DELETE", async () => {
    const [ada, eve] = [await connectWithForms("legacy", YES), await connectWithForms("legacy", YES)];
    const [session, token] = [sessionOf(ada), accessTokenOf(ada)];
    expect(session).toMatch(/^[\x21-\x7e]{60,200}$/);
    const refreshed = await system.fetch("/token", {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: ada.auth.saved?.refresh_token ?? "",
        client_id: clientIdOf(ada),
      }),
    });
    const { access_token: newToken } = (await refreshed.json()) as { access_token: string };
    expect(newToken).not.toBe(token);
    const statuses = async (tokens: (string | undefined)[], method?: string) =>
      Promise.all(tokens.map(async (bearer) => (await send(session, bearer, method)).status));
    const others = [accessTokenOf(eve), "u_unknown:s:token"];
    expect(await statuses([newToken, ...others])).toEqual([200, 404, 401]);
    expect(await statuses(others, "DELETE")).toEqual([404, 401]);
    expect(await statuses([newToken], "DELETE")).toEqual([204]);
    expect(await statuses([newToken])).toEqual([404]);
    await Promise.all([ada.close(), eve.close()]);
  });

  it("has streams of its own, which stay open while they are idle and end with it", async () => {
    const ada = await connectWithForms("legacy", YES);
    const token = accessTokenOf(ada);
    const stream = await send(sessionOf(ada), token, "GET");
    expect([stream.status, stream.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    const reader = stream.body?.getReader();
    expect(new TextDecoder().decode((await reader?.read())?.value)).toMatch(/^:.*\n\n$/);
    expect((await send(undefined, token, "GET")).status).toBe(405);
    await send(sessionOf(ada), token, "DELETE");
    expect(await reader?.read()).toMatchObject({ done: true });
    await ada.close();
  });
});
