// Loggable description of a thrown value: enough to find the place, no user data.

/**
 * Errors whose messages the language runtime writes. Any other message may quote user data or a
 * secret.
 */
const ENGINE_ERRORS = new Set(["TypeError", "RangeError", "ReferenceError"]);

/**
 * The kind of a thrown value, the place where it was thrown, and the message if the engine wrote
 * it.
 */
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
