// Identity tokens of calls that change something: each is accepted once.
import { DurableObject } from "cloudflare:workers";
import { UsedTokenStore } from "../../contracts/rpc/claim-once.ts";
import type { Env } from "./env.ts";

/** One object for all token ids with the same last character; see `guardOf`. */
export class UsedTokens extends DurableObject<Env> {
  readonly #store = new UsedTokenStore(this.ctx.storage.sql);

  /**
   * Returns `true` for the first claim of this id. `expiresAt` is in seconds since the Unix epoch.
   */
  claim(tokenId: string, expiresAt: number): boolean {
    return this.#store.claim(tokenId, expiresAt);
  }
}
