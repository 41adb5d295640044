// The notes backend. Each method is one `serve`, which verifies the identity token that the gateway
// signed for exactly this call, parses the input, and only then runs the handler.
import { WorkerEntrypoint } from "cloudflare:workers";
import type { Identity } from "@stackbilt/contracts/rpc/identity";
import { fail, ok } from "@stackbilt/contracts/rpc/result";
import { type IncomingCall, serve, serveDescription } from "@stackbilt/contracts/rpc/serve";
import { type NotesContract, notes } from "./contract.ts";
import type { NotesObject } from "./notes-object.ts";

export { NotesObject } from "./notes-object.ts";

export interface Env {
  /** Keys that verify identity tokens: `kid:base64url[,kid:base64url]`. */
  readonly IDENTITY_KEYS: string;
  readonly NOTES: DurableObjectNamespace<NotesObject>;
}

/** Notes of one page of `exportTenant`. */
const EXPORTED_AT_ONCE = 100;

export class NotesEntrypoint extends WorkerEntrypoint<Env> implements NotesContract {
  writeNote(call: unknown, input: unknown) {
    return serve(notes, "writeNote", this.#incoming(call, input), async ({ text }, identity, invocation) => {
      const { idempotencyKey, token } = invocation;
      const note = await this.#notesOf(identity).write(text, idempotencyKey, token);
      return note ? ok(note) : fail("unauthenticated");
    });
  }

  readNote(call: unknown, input: unknown) {
    return serve(notes, "readNote", this.#incoming(call, input), async ({ noteId }, identity) => {
      const note = await this.#notesOf(identity).read(noteId);
      return note ? ok(note) : fail("note_not_found");
    });
  }

  describe(call: unknown, input: unknown) {
    return serveDescription(notes, this.#incoming(call, input), "1.0.0");
  }

  eraseTenant(call: unknown, input: unknown) {
    return serve(notes, "eraseTenant", this.#incoming(call, input), async (_, identity, { token }) => {
      const isErased = await this.#notesOf(identity).erase(token);
      return isErased ? ok({ isErased }) : fail("unauthenticated");
    });
  }

  exportTenant(call: unknown, input: unknown) {
    return serve(notes, "exportTenant", this.#incoming(call, input), async ({ cursor }, identity) => {
      const page = await this.#notesOf(identity).page(cursor ?? "", EXPORTED_AT_ONCE);
      const next = page.length < EXPORTED_AT_ONCE ? null : (page.at(-1)?.noteId ?? null);
      return ok({ items: page.map((note) => ({ kind: "note", json: JSON.stringify(note) })), next });
    });
  }

  #incoming(call: unknown, input: unknown): IncomingCall {
    return { guard: { identityKeys: this.env.IDENTITY_KEYS }, call, input };
  }

  /** The notes of the tenant, or of the subject if a sibling Worker calls without one. */
  #notesOf({ tenantId, subject }: Identity): DurableObjectStub<NotesObject> {
    const owner = tenantId === null ? `self/${subject}` : `tenant/${tenantId}`;
    return this.env.NOTES.get(this.env.NOTES.idFromName(owner));
  }
}

export default {
  fetch: () => new Response("Not found", { status: 404 }),
} satisfies ExportedHandler<Env>;
