// The reference audit store: takes what arrives on the platform's event queue, keeps it in one hash
// chain a tenant, and answers the gateway over RPC. Every export is an entrypoint. It has no HTTP
// interface.
import { WorkerEntrypoint } from "cloudflare:workers";
import { type AuditContract, audit } from "../../contracts/audit.ts";
import type { Identity } from "../../contracts/rpc/identity.ts";
import { ok } from "../../contracts/rpc/result.ts";
import { type IncomingCall, serve, serveDescription } from "../../contracts/rpc/serve.ts";
import { version } from "../../package.json";
import { consume } from "./consume.ts";
import { type Env, retentionMs } from "./env.ts";
import { eraseTenant } from "./erasure.ts";
import { chainOf } from "./messages.ts";
import { exportRecords, findTrace, listActivity } from "./read.ts";
import { deleteBefore } from "./retention.ts";
import { guardOf } from "./used-tokens.ts";
import { verifyChain } from "./verify.ts";

export class AuditEntrypoint extends WorkerEntrypoint<Env> implements AuditContract {
  listActivity(call: unknown, input: unknown) {
    return serve(audit, "listActivity", this.#incoming(call, input), async ({ limit }, identity) => {
      const chainId = chainIdOfTenant(identity);
      return ok({ activity: chainId === null ? [] : await listActivity(this.env.DB, chainId, limit) });
    });
  }

  findTrace(call: unknown, input: unknown) {
    return serve(audit, "findTrace", this.#incoming(call, input), async ({ traceId }, identity) => {
      const chainId = chainIdOfTenant(identity);
      return ok({ records: chainId === null ? [] : await findTrace(this.env.DB, chainId, traceId) });
    });
  }

  verify(call: unknown, input: unknown) {
    return serve(audit, "verify", this.#incoming(call, input), async ({ keys }, identity) => {
      const chainId = chainIdOfTenant(identity);
      return ok(chainId === null ? NOTHING : await verifyChain(this.env.DB, chainId, keys));
    });
  }

  describe(call: unknown, input: unknown) {
    return serveDescription(audit, this.#incoming(call, input), version);
  }

  eraseTenant(call: unknown, input: unknown) {
    return serve(audit, "eraseTenant", this.#incoming(call, input), async (_, identity) =>
      ok({ isErased: await eraseTenant(this.env.DB, identity) }),
    );
  }

  exportTenant(call: unknown, input: unknown) {
    return serve(audit, "exportTenant", this.#incoming(call, input), async ({ cursor }, identity) => {
      const chainId = chainIdOfTenant(identity);
      return ok(chainId === null ? { items: [], next: null } : await exportRecords(this.env.DB, chainId, cursor));
    });
  }

  #incoming(call: unknown, input: unknown): IncomingCall {
    return { guard: guardOf(this.env), call, input };
  }
}

const NOTHING = { isIntact: true, areSignaturesChecked: false, records: 0, problems: [] };

/** `null` for an identity without a tenant: no caller reads the platform's own chain. */
function chainIdOfTenant({ tenantId }: Identity): string | null {
  return tenantId === null ? null : chainOf(tenantId);
}

export default {
  fetch: () => new Response("Not found", { status: 404 }),
  queue: (batch, { DB }) => consume(batch, DB),
  scheduled: ({ scheduledTime }, env) => deleteBefore(env.DB, new Date(scheduledTime - retentionMs(env)).toISOString()),
} satisfies ExportedHandler<Env>;
