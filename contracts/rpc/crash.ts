// What may be logged about something that was thrown: enough to find the place, nothing that somebody said.

/** Messages that the language runtime writes itself; any other message may quote a person's data or a secret. */
const ENGINE_ERRORS = new Set(["TypeError", "RangeError", "ReferenceError"]);

/** What may be logged about a thrown value: its kind, where it was thrown, and its message only if the engine wrote it. */
export function describeCrash(error: unknown): { error: string; message?: string; at?: string } {
  if (!(error instanceof Error)) return { error: typeof error };
  const frames = (error.stack ?? "").split("\n").filter((line) => /^\s+at /.test(line));
  return {
    error: error.name,
    ...(ENGINE_ERRORS.has(error.name) ? { message: error.message.slice(0, 200) } : {}),
    at: frames
      .slice(0, 4)
      .map((line) => line.trim())
      .join(" < "),
  };
}
