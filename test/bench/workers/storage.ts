// A fake of KV, of the queue and of the objects of users, behind the gateway's real bindings. It
// implements the protocol of each as far as the gateway uses it, keeps values in memory and counts,
// at the least possible cost.
import { WorkerEntrypoint } from "cloudflare:workers";
import type { TokenState } from "../../../src/durable/user-object.ts";
import type { StorageCounts } from "../counts.ts";

const values = new Map<string, string>();
const counts: StorageCounts = { kvReads: 0, kvWrites: 0, objects: 0, messages: 0 };

/** KV: the key is the path. */
export const kv: ExportedHandler = {
  async fetch(request) {
    const { url, method } = request;
    const key = decodeURIComponent(url.slice(url.indexOf("/", 8) + 1).split("?", 1)[0] ?? "");
    if (method === "GET") {
      counts.kvReads++;
      const value = values.get(key);
      return value === undefined ? new Response(null, { status: 404 }) : new Response(value);
    }
    counts.kvWrites++;
    if (method === "DELETE") values.delete(key);
    else values.set(key, await request.text());
    return new Response(null);
  },
};

/** The response that a producer expects. */
const ACCEPTED = JSON.stringify({
  metadata: { metrics: { backlogCount: 0, backlogBytes: 0, oldestMessageTimestamp: 0 } },
});

/** The queue: one message, or a batch. */
export const queue: ExportedHandler = {
  async fetch(request) {
    counts.messages += Number(request.headers.get("CF-Queue-Batch-Count") ?? 1);
    await request.arrayBuffer();
    return new Response(ACCEPTED);
  },
};

/** The object of every user, in which nothing has ended. */
export class UserEntrypoint extends WorkerEntrypoint {
  tokenState(): TokenState {
    return { hasEnded: false, endedUntilMs: 0, isListed: true };
  }
}

/**
 * For the benchmark itself: `GET /counts`; `POST /objects` counts a request to a Durable Object;
 * `GET /entries?about=TEXT` and `PUT /entries` copy values from one system to the next.
 */
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/counts") return Response.json(counts);
    if (pathname === "/objects") {
      counts.objects++;
      return new Response(null);
    }
    if (request.method === "PUT") {
      const entries: [string, string][] = await request.json();
      for (const [key, value] of entries) values.set(key, value);
      return new Response(null);
    }
    const about = searchParams.get("about") ?? "";
    return Response.json(Array.from(values).filter(([key]) => key.includes(about)));
  },
} satisfies ExportedHandler;
