// The Worker that makes RPC calls for tests: functions and streams cannot cross from Node into workerd, HTTP can. It is bound to one
// entrypoint as BACKEND, and answers each call with JSON lines: every progress report as it arrives, then the reply.
import { toBase64url } from "../../contracts/rpc/encoding.ts";

/** One RPC call to make. A call context is the first argument; `progress` says whether to put a callback into it. */
export interface CallOrder {
  readonly method: string;
  readonly args: readonly unknown[];
  /** `null`: no callback. The first report of at least `cancelAt` is answered with "cancel". */
  readonly progress: { readonly cancelAt: number | null } | null;
}

type Report = { progress: number };
type Method = (...args: unknown[]) => Promise<unknown>;

export default {
  async fetch(request: Request, env: { BACKEND: Record<string, Method> }): Promise<Response> {
    const order = await request.json<CallOrder>();
    const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>();
    const writer = writable.getWriter();
    const write = (line: object) => writer.write(new TextEncoder().encode(`${JSON.stringify(line)}\n`));
    const run = async () => {
      try {
        await write({ reply: await plain(await make(order, env.BACKEND, (update) => write({ update }))) });
      } catch (error) {
        await write({ thrown: error instanceof Error ? `${error.name}: ${error.message}` : String(error) });
      }
      await writer.close();
    };
    // Not awaited: the lines are read while the call runs, and an unread response would hold the writer back.
    void run();
    return new Response(readable, { headers: { "content-type": "application/x-ndjson" } });
  },
};

function make(
  order: CallOrder,
  backend: Record<string, Method>,
  tell: (update: Report) => Promise<void>,
): Promise<unknown> {
  const args = [...order.args];
  if (order.progress) {
    const { cancelAt } = order.progress;
    const progress = async (update: Report) => {
      await tell(update);
      return cancelAt !== null && update.progress >= cancelAt ? "cancel" : "continue";
    };
    args[0] = { ...(args[0] as object), progress };
  }
  // biome-ignore lint/style/noNonNullAssertion: an RPC stub answers to every name; the far side says if there is no such method
  return backend[order.method]!(...args);
}

/** The reply as JSON can hold it: a stream becomes `{base64url}` of all its bytes. */
async function plain(reply: unknown): Promise<unknown> {
  if (reply instanceof ReadableStream) {
    const bytes = new Uint8Array(await new Response(reply).arrayBuffer());
    return { base64url: toBase64url(bytes) };
  }
  if (typeof reply !== "object" || reply === null || Array.isArray(reply)) return reply;
  const fields = Object.entries(reply).map(async ([name, field]) => [name, await plain(field)] as const);
  return Object.fromEntries(await Promise.all(fields));
}
