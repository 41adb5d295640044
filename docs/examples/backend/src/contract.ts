// The contract of the notes backend: the tools that clients see, and what each takes and returns.
import { type ContractOf, contract } from "@stackbilt/contracts/rpc/contract";
import { operation } from "@stackbilt/contracts/rpc/operation";
import { id, words } from "@stackbilt/contracts/text";
import * as v from "valibot";

const NoteId = v.pipe(
  id(/^[0-9a-f-]{36}$/, "an id as notes_write returned it"),
  v.description("The note's id, as returned by notes_write."),
);

export const Note = v.object({ noteId: NoteId, text: v.string() });
export type Note = v.InferOutput<typeof Note>;

export const WriteNote = operation({
  input: v.strictObject({ text: v.pipe(words(2000), v.description("The text of the note.")) }),
  output: Note,
  errors: {},
  timeoutMs: 10_000,
  changes: true,
});

export const ReadNote = operation({
  input: v.strictObject({ noteId: NoteId }),
  output: Note,
  errors: { note_not_found: "No note with this id belongs to you. Use the noteId that notes_write returned, exactly." },
  timeoutMs: 10_000,
});

export const notes = contract({
  audience: "notes",
  prefix: "notes",
  methods: {
    /** Stores a note. Calls with the same idempotency key store one. */
    writeNote: WriteNote,
    readNote: ReadNote,
  },
  tools: { notes_write: "writeNote", notes_read: "readNote" },
  internal: [],
});
export type NotesContract = ContractOf<typeof notes>;
