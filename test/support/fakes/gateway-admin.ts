// A gateway that records each `revokeUser` call and fails as long as it is told to. `GET /` returns
// the calls so far; `POST /` sets the behaviour: "confirm", "refuse", "throw" or "hold", which
// replies after the next change. Users named `refused_...` are always refused.
import { WorkerEntrypoint } from "cloudflare:workers";

const calls: unknown[] = [];
let behaviour = "confirm";

export class GatewayAdminEntrypoint extends WorkerEntrypoint {
  async revokeUser(userId: unknown, options: unknown) {
    calls.push({ userId, options });
    while (behaviour === "hold") await scheduler.wait(10);
    if (behaviour === "throw") throw new Error("The gateway is gone.");
    return behaviour === "refuse" || String(userId).startsWith("refused_")
      ? { ok: false, error: { code: "internal" } }
      : { ok: true, value: { revokedGrants: 1 } };
  }

  override async fetch(request: Request): Promise<Response> {
    if (request.method === "POST") behaviour = await request.text();
    return Response.json(calls);
  }
}

export default GatewayAdminEntrypoint;
