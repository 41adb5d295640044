// The Durable Object of one tenant's ledger, named by the tenant's id. The one-time token of a call
// is claimed where its change is written.
import { DurableObject } from "cloudflare:workers";
import type { ReserveCredits, SettleCredits } from "../../contracts/auth.ts";
import { claimToken } from "../../contracts/rpc/claim-once.ts";
import type { OneTimeToken, TenantId, Tier } from "../../contracts/rpc/identity.ts";
import { isTestTenant } from "../../contracts/rpc/identity.ts";
import type { ParsedInputOf } from "../../contracts/rpc/operation.ts";
import { fail, ok } from "../../contracts/rpc/result.ts";
import { Ledger, type Plan } from "./ledger.ts";
import { type Env, settingsOf } from "./settings.ts";

/** The tenant of a call, as its identity token says. */
export interface LedgerOwner {
  readonly tenantId: TenantId;
  readonly tier: Tier;
}

/** Key of the mark of a tenant that was erased. */
const ERASED = "erased";

export class LedgerObject extends DurableObject<Env> {
  readonly #ledger = new Ledger(this.ctx.storage.sql);

  async reserve(owner: LedgerOwner, input: ParsedInputOf<typeof ReserveCredits>, token: OneTimeToken) {
    if (!claimToken(this.ctx.storage, token) || this.#isErased()) return fail("unauthenticated");
    const now = Date.now();
    const plan = this.#planOf(owner);
    const isReserved = this.#ledger.reserve(input, plan, now);
    const balance = this.#ledger.balance(plan, now);
    await this.#scheduleAlarm();
    return ok({ isReserved, balance });
  }

  /** Leaves the allowance alone: the plan of a late settlement is that of its call. */
  async settle(input: ParsedInputOf<typeof SettleCredits>, token: OneTimeToken) {
    if (!claimToken(this.ctx.storage, token)) return fail("unauthenticated");
    const state = this.#ledger.settle(input, Date.now());
    await this.#scheduleAlarm();
    return ok({ state });
  }

  balance(owner: LedgerOwner) {
    return ok(this.#ledger.balance(this.#planOf(owner), Date.now()));
  }

  charges() {
    return ok({ charges: this.#ledger.charges(Date.now()) });
  }

  /** See `Ledger.exported`. */
  exported(after: number, limit: number) {
    return this.#ledger.exported(after, limit);
  }

  /** Keeps the sums alone, and refuses new reservations. */
  erase(): void {
    this.ctx.storage.transactionSync(() => this.#ledger.erase(Date.now()));
    this.ctx.storage.kv.put(ERASED, true);
  }

  /** Returns credits that were never settled. */
  override async alarm(): Promise<void> {
    this.#ledger.lapse(Date.now());
    await this.#scheduleAlarm();
  }

  /** A tenant of test keys has no credits: its calls never cost any. */
  #planOf({ tenantId, tier }: LedgerOwner): Plan {
    return { tier, allowance: isTestTenant(tenantId) ? 0 : settingsOf(this.env).allowances[tier] };
  }

  #isErased(): boolean {
    return this.ctx.storage.kv.get<true>(ERASED) ?? false;
  }

  async #scheduleAlarm(): Promise<void> {
    const atMs = this.#ledger.nextLeaseEndMs();
    if (atMs !== null) await this.ctx.storage.setAlarm(atMs);
  }
}
