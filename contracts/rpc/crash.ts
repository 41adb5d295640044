// Loggable description of a thrown value: enough to find the place, no user data.

/**
 * Messages of the language runtime, which name parts of the program only. Any other message may
 * quote user data or a secret, also that of a `TypeError`: an invalid URL, a value of a backend.
 */
const RUNTIME_MESSAGES = [
  /^Cannot (?:read|set) properties of (?:undefined|null) \((?:reading|setting) '[\w$]{1,40}'\)$/,
  /^[\w$.]{1,60} is not (?:a function|a constructor|defined|iterable)$/,
  /^The RPC receiver does not implement the method "[\w$]{1,60}"\.$/,
  /^(?:Maximum call stack size exceeded|Assignment to constant variable\.)$/,
];

/** A mistake in code or settings. Its message is a constant of this repository, so it is logged. */
export class Defect extends Error {
  override readonly name = "Defect";
}

/** A constant of the bundles that `npm run dev` makes: the folder's name of the Worker. */
declare const LOCAL_DEVELOPMENT: string | undefined;

/**
 * The Worker's name during `npm run dev`, where thrown values are logged in full; otherwise
 * `undefined`. No variable, secret or request of a deployed Worker can set it.
 */
export function developmentWorker(): string | undefined {
  return typeof LOCAL_DEVELOPMENT === "string" ? LOCAL_DEVELOPMENT : undefined;
}

/**
 * The kind of a thrown value, the place, and the message of a `Defect` or of the runtime. `stack`:
 * message, stack and causes in full, during `npm run dev` only.
 */
export function describeCrash(error: unknown): { error: string; message?: string; at?: string; stack?: string } {
  const inFull = developmentWorker() !== undefined && { stack: stackOf(error) };
  if (!(error instanceof Error)) return { error: typeof error, ...inFull };
  const { name, message, stack = "" } = error;
  const frames = stack
    .replace(message, "")
    .split("\n")
    .filter((line) => /^\s+at \S/.test(line));
  return {
    error: /^\w{1,40}$/.test(name) ? name : "Error",
    ...((error instanceof Defect || RUNTIME_MESSAGES.some((pattern) => pattern.test(message))) && { message }),
    at: frames
      .slice(0, 4)
      .map((line) => line.trim())
      .join(" < "),
    ...inFull,
  };
}

function stackOf(error: unknown, depth = 0): string {
  if (!(error instanceof Error)) return String(error);
  const stack = error.stack ?? String(error);
  return error.cause === undefined || depth > 3 ? stack : `${stack}\nCaused by: ${stackOf(error.cause, depth + 1)}`;
}
