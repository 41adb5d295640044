// Sessions of the older revisions through the whole system: official clients that can be asked, real tokens, the gateway's real door.
import type { ElicitRequest, ElicitResult } from "@modelcontextprotocol/client";
import { describe, expect, it } from "vitest";
import { type Connected, connect, type Mode } from "../support/mcp-clients.ts";
import { useSystem } from "../support/system.ts";

const system = useSystem({ vars: { gateway: { CONFIRM_RISKS: "EXTERNAL_MUTATION" } } });

const OLDER: readonly Mode[] = ["legacy", "older-sdk"];
const DRAW = { name: "image_generate", arguments: { prompt: "a kite over the sea", quality_tier: "draft" } };
const YES: ElicitResult = { action: "accept", content: { confirm: true } };

const sessionOf = ({ client }: Connected) => client.transport?.sessionId;

/** Somebody whose client shows forms, and who answers them with `answer`; `think` may take time, until the question is withdrawn. */
async function somebody(
  mode: Mode,
  answer: ElicitResult,
  think?: (signal: AbortSignal) => Promise<void>,
): Promise<Connected & { readonly asked: ElicitRequest["params"][] }> {
  const connected = await connect(system.origin, mode, { capabilities: { elicitation: {} } });
  const asked: ElicitRequest["params"][] = [];
  const answering = async (
    { params }: ElicitRequest,
    context: { signal?: AbortSignal; mcpReq?: { signal: AbortSignal } },
  ) => {
    asked.push(params);
    const signal = context.signal ?? context.mcpReq?.signal; // each package has it in its own place
    if (signal) await think?.(signal);
    return answer;
  };
  if (mode === "older-sdk") {
    const { ElicitRequestSchema } = await import("@modelcontextprotocol/sdk/types.js");
    connected.client.setRequestHandler(ElicitRequestSchema as never, answering as never); // this package names methods by their schema
  } else connected.client.setRequestHandler("elicitation/create", answering);
  return { ...connected, asked };
}

/** A message sent by hand with this token, in this session. */
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
  it("asks the person, and their yes draws", async () => {
    const person = await somebody(mode, YES);
    const drawn = await person.client.callTool(DRAW);
    expect(drawn.structuredContent).toMatchObject({ status: "completed", quality_tier: "draft" });
    expect(person.asked).toMatchObject([{ mode: "form", message: expect.stringContaining("Generate an image") }]);
    await person.close();
  });

  it("draws nothing after a no", async () => {
    const person = await somebody(mode, { action: "decline" });
    const refused = await person.client.callTool(DRAW);
    expect([refused.isError, refused._meta?.["com.stackbilt/error"]]).toMatchObject([true, { code: "declined" }]);
    await person.close();
  });

  it("closes the question, and draws nothing, when the person cancels the call", async () => {
    const withdrawn = Promise.withResolvers<void>();
    const stop = new AbortController();
    const person = await somebody(mode, YES, (signal) => {
      signal.addEventListener("abort", () => withdrawn.resolve());
      stop.abort("Enough.");
      return withdrawn.promise;
    });
    const { callTool } = person.client as unknown as { callTool(params: object, ...rest: unknown[]): Promise<unknown> };
    // This package takes the shape of the result before the options.
    const rest = [...(mode === "older-sdk" ? [undefined] : []), { signal: stop.signal }];
    await expect(callTool.call(person.client, DRAW, ...rest)).rejects.toThrow("Enough.");
    await withdrawn.promise;
    expect(
      (await person.client.callTool({ name: "image_list_models", arguments: {} })).isError,
      "the next call",
    ).toBeFalsy();
    const [subject = ""] = person.auth.saved?.access_token.split(":") ?? [];
    const calls = system.logs().filter((line) => line.includes('"type":"tool.called"') && line.includes(subject));
    expect(calls.map((line) => line.match(/"outcome":"(\w+)"/)?.[1])).toEqual(["asked", "ok"]);
    await person.close();
  });

  it("hears of each call once it has set a level", async () => {
    const person = await somebody(mode, YES);
    const heard: unknown[] = [];
    person.client.fallbackNotificationHandler = async (message) => {
      heard.push(message);
    };
    await person.client.callTool({ name: "image_list_models", arguments: {} });
    expect(heard).toEqual([]);
    await person.client.setLoggingLevel("info");
    await person.client.callTool({ name: "image_list_models", arguments: {} });
    expect(heard).toMatchObject([
      {
        method: "notifications/message",
        params: { level: "info", data: { tool: "image_list_models", traceId: expect.any(String) } },
      },
    ]);
    await person.close();
  });

  it("gets no session where it can be asked nothing", async () => {
    const connected = await connect(system.origin, mode);
    expect(sessionOf(connected)).toBeUndefined();
    const refused = await connected.client.callTool(DRAW);
    expect(refused._meta?.["com.stackbilt/error"]).toMatchObject({ code: "confirmation_required" });
    await connected.close();
  });
});

describe("a session", () => {
  it("outlives its token, is nobody else's, opens no door by itself, and ends when its client says so", async () => {
    const [ada, eve] = [await somebody("legacy", YES), await somebody("legacy", YES)];
    const [session, token] = [sessionOf(ada), ada.auth.saved?.access_token];
    expect(session).toMatch(/^[\x21-\x7e]{60,200}$/);
    const refreshed = await system.fetch("/token", {
      method: "POST",
      body: new URLSearchParams({
        grant_type: "refresh_token",
        refresh_token: ada.auth.saved?.refresh_token ?? "",
        client_id: ada.auth.clientInformation()?.client_id ?? "",
      }),
    });
    const { access_token: newToken } = (await refreshed.json()) as { access_token: string };
    expect(newToken).not.toBe(token);
    const statuses = async (tokens: (string | undefined)[], method?: string) =>
      Promise.all(tokens.map(async (bearer) => (await send(session, bearer, method)).status));
    const others = [eve.auth.saved?.access_token, "nobody:s:token"];
    expect(await statuses([newToken, ...others])).toEqual([200, 404, 401]);
    expect(await statuses(others, "DELETE")).toEqual([404, 401]);
    expect(await statuses([newToken], "DELETE")).toEqual([204]);
    expect(await statuses([newToken])).toEqual([404]);
    await Promise.all([ada.close(), eve.close()]);
  });

  it("has streams of its own, which live while nothing happens and end with it", async () => {
    const ada = await somebody("legacy", YES);
    const token = ada.auth.saved?.access_token;
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
