// The Worker that makes RPC calls for tests, because functions and streams cannot cross from Node
// into workerd, but HTTP can. Its binding BACKEND is the entrypoint under test. It responds with
// JSON lines: each progress report as it arrives, then the reply.
import { toBase64url } from "../../contracts/rpc/encoding.ts";

/** One RPC call. A progress callback is added to the call context, which is the first argument. */
export interface CallRequest {
  readonly method: string;
  readonly args: readonly unknown[];
  /** `null` for no callback. It replies "cancel" to the first report with at least `cancelAt`. */
  readonly progress: { readonly cancelAt: number | null } | null;
}

type Report = { progress: number };
type Method = (...args: unknown[]) => Promise<unknown>;

export default {
  async fetch(request: Request, env: { BACKEND: Record<string, Method> }): Promise<Response> {
    const call = await request.json<CallRequest>();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const write = (line: object) => writer.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
    const run = async () => {
      try {
        await write({ reply: await toJson(await invoke(call, env.BACKEND, (update) => write({ update }))) });
      } catch (error) {
        await write({ thrown: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
      }
      await writer.close();
    };
    // Not awaited: the client reads the lines while the call runs, and backpressure would block the
    // writer of an unread response.
    void run();
    return new Response(readable, { headers: { "content-type": "application/x-ndjson" } });
  },
};

function invoke(
  call: CallRequest,
  backend: Record<string, Method>,
  forward: (update: Report) => Promise<void>,
): Promise<unknown> {
  const args = [...call.args];
  if (call.progress) {
    const { cancelAt } = call.progress;
    const progress = async (update: Report) => {
      await forward(update);
      return cancelAt !== null && update.progress >= cancelAt ? "cancel" : "continue";
    };
    args[0] = { ...(args[0] as object), progress };
  }
  // biome-ignore lint/style/noNonNullAssertion: an RPC stub has every method name; the call fails if the entrypoint has no such method
  return backend[call.method]!(...args);
}

/** Converts the reply to JSON: a stream becomes `{base64url}` of all its bytes. */
async function toJson(reply: unknown): Promise<unknown> {
  if (reply instanceof ReadableStream) {
    const bytes = new Uint8Array(await new Response(reply).arrayBuffer());
    return { base64url: toBase64url(bytes) };
  }
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) return reply;
  const fields = Object.entries(reply).map(async ([name, field]) => [name, await toJson(field)] as const);
  return Object.fromEntries(await Promise.all(fields));
}
