// A sibling Worker that a test drives over HTTP: it makes the call that the request describes,
// through a real service binding. docs/examples/sibling is what a sibling looks like.
import { RpcTarget } from "cloudflare:workers";
import type {
  CallToolOptions,
  GatewayContract,
  GatewaySession,
  PresentedCredential,
  ToolName,
} from "../../contracts/gateway.ts";

/** One binding for each set of rights: the `props` of a binding fix what a sibling may do. */
export interface SiblingEnv {
  /** `{caller: "charter-web", scopes: ["read", "generate"]}` */
  readonly GATEWAY: GatewayContract;
  /** `{caller: "charter-web", scopes: ["read"]}` */
  readonly READER: GatewayContract;
  /** Props without a `caller`. */
  readonly UNNAMED: GatewayContract;
}

/** A call that a test describes: of `tool`, or the list of tools where `tool` is absent. */
export interface SiblingCall {
  readonly through: keyof SiblingEnv;
  /** Default: `callTool` and `listTools`. With a session, `options.credential` opens it. */
  readonly by?: "session";
  /** The call is explained, not made. */
  readonly isExplained?: boolean;
  /** Narrows the session. */
  readonly only?: readonly string[];
  readonly tool?: string;
  readonly input?: unknown;
  readonly options?: Omit<CallToolOptions, "onProgress">;
  /** Of a list. */
  readonly credential?: PresentedCredential;
  /** Names a value of `HOSTILE` that replaces an argument. */
  readonly hostile?: { readonly replaces: "input" | "options" | "credential"; readonly value: string };
}

/** Calls one after the other in one session that stays open, each after a reply of its address. */
export interface OpenSession {
  readonly through: keyof SiblingEnv;
  readonly credential: PresentedCredential;
  /** Narrows the session, and disposes the wide one before the first step. */
  readonly only?: readonly ToolName[];
  readonly steps: readonly { readonly awaits?: string; readonly tool: string; readonly input: unknown }[];
}

type AnyMethod = (...args: readonly unknown[]) => Promise<object>;
/** A session as code without types sees it. */
type AnySession = Record<string, AnyMethod> & Pick<GatewaySession, "tools">;

class Target extends RpcTarget {
  apiKey(): string {
    return "x";
  }
}

/** Values that cross a binding, and that no tool takes. */
const HOSTILE: Readonly<Record<string, () => unknown>> = {
  function: () => () => "x",
  "function in a field": () => ({ prompt: () => "x", traceparent: () => "x" }),
  "RPC target": () => new Target(),
  "RPC target in a field": () => ({ prompt: new Target(), traceparent: new Target() }),
  stream: () => new ReadableStream(),
  bytes: () => new Uint8Array(100_000),
  date: () => new Date(0),
  "big integer": () => ({ prompt: 1n, traceparent: 1n }),
  map: () => new Map([["prompt", "x"]]),
  error: () => new Error("x"),
  response: () => new Response("x"),
  list: () => [{ prompt: "x" }],
  text: () => "prompt",
};

export default {
  async fetch(request: Request, env: SiblingEnv): Promise<Response> {
    const call = (await request.json()) as SiblingCall | OpenSession;
    return Response.json("steps" in call ? await callInTurn(env, call) : await callOnce(env, call));
  },
};

async function callOnce(env: SiblingEnv, call: SiblingCall): Promise<object> {
  const { through, by, tool, input, options, hostile } = call;
  const { replaces, value = "" } = hostile ?? {};
  const made = HOSTILE[value]?.();
  const given = "credential" in call ? call.credential : options?.credential;
  const credential = replaces === "credential" ? (made as PresentedCredential) : given; // not one
  if (tool === undefined) {
    return by === "session" ? sessionOf(env, call, credential).tools() : env[through].listTools(credential);
  }
  if (call.isExplained)
    return by === "session"
      ? ((await sessionOf(env, call, credential).explain?.(tool, input)) ?? {})
      : env[through].explain(tool as ToolName, input as never, credential); // a tool and an input that may not exist
  const progress: number[] = [];
  const onProgress = (update: { progress: number }) => {
    progress.push(update.progress);
    return "continue" as const;
  };
  const { credential: _, ...others } = options ?? {};
  const usual = { ...others, ...(by !== "session" && credential !== undefined && { credential }), onProgress };
  const args = [replaces === "input" ? made : input, replaces === "options" ? made : usual] as const;
  // Casts, because tests name tools and inputs that no contract has.
  const result =
    by === "session"
      ? await sessionOf(env, call, credential)[tool]?.(...args)
      : await env[through].callTool(tool as ToolName, args[0] as never, args[1] as never);
  return { ...result, progress };
}

/** A session as a promise: nothing waits for it before its method is called. */
function sessionOf(env: SiblingEnv, { through, only }: SiblingCall, credential?: PresentedCredential): AnySession {
  const session = env[through].session(credential);
  return (only ? session.only(...(only as ToolName[])) : session) as unknown as AnySession;
}

async function callInTurn(env: SiblingEnv, { through, credential, only, steps }: OpenSession): Promise<object[]> {
  const wide = await env[through].session(credential);
  using session = (only ? await wide.only(...only) : wide) as unknown as AnySession & Disposable;
  if (only) wide[Symbol.dispose]();
  const replies: object[] = [];
  for (const { awaits, tool, input } of steps) {
    if (awaits !== undefined) await (await fetch(awaits)).arrayBuffer();
    replies.push((await session[tool]?.(input)) ?? {});
  }
  return replies;
}
