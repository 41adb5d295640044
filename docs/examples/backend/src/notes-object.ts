// The Durable Object of one tenant's notes.
import { DurableObject } from "cloudflare:workers";
import { claimToken } from "@stackbilt/contracts/rpc/claim-once";
import type { OneTimeToken } from "@stackbilt/contracts/rpc/identity";
import type { Note } from "./contract.ts";

export class NotesObject extends DurableObject {
  /**
   * Stores a note, or returns that of an earlier call with this idempotency key; `null` if the
   * call's token was used before, or the tenant was erased.
   */
  write(text: string, idempotencyKey: string | undefined, token: OneTimeToken): Note | null {
    const { kv } = this.ctx.storage;
    if (!claimToken(this.ctx.storage, token) || kv.get<true>("erased")) return null;
    const known = idempotencyKey === undefined ? undefined : kv.get<Note>(`key/${idempotencyKey}`);
    if (known) return known;
    const note = { noteId: crypto.randomUUID(), text };
    kv.put(`note/${note.noteId}`, note);
    if (idempotencyKey !== undefined) kv.put(`key/${idempotencyKey}`, note);
    return note;
  }

  /** The note; `null` if the tenant has none with this id. */
  read(noteId: string): Note | null {
    return this.ctx.storage.kv.get<Note>(`note/${noteId}`) ?? null;
  }

  /** At most `limit` notes after the one with the id `after`. */
  page(after: string, limit: number): Note[] {
    const range = { prefix: "note/", startAfter: `note/${after}`, limit };
    return Array.from(this.ctx.storage.kv.list<Note>(range), ([, note]) => note);
  }

  /** Deletes every note and refuses new ones; `false` if the call's token was used before. */
  erase(token: OneTimeToken): boolean {
    const { kv } = this.ctx.storage;
    if (!claimToken(this.ctx.storage, token)) return false;
    for (const [key] of Array.from(kv.list())) kv.delete(key);
    kv.put("erased", true);
    return true;
  }
}
