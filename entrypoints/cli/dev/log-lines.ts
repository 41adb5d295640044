// The lines that `npm run dev` prints for requests, audit records and events of the Workers. The
// time, the Worker, the subject, the outcome, the duration and the start of the trace id.
import { type Place, placeText, type SourceMaps } from "./source-maps.ts";

/** Values of `--logs`: see the usage in dev.ts. */
export const LOG_CHOICES = ["all", "requests", "off", "json"] as const;
export type LogChoice = (typeof LOG_CHOICES)[number];

export type Level = "info" | "warn" | "error";

/** One line of a Worker's log. */
export interface WorkerLog {
  /** The folder's name of the Worker. */
  readonly worker: string;
  readonly level: Level;
  /** The line as it was logged: JSON with an `event`, or any text. */
  readonly text: string;
}

export interface LogStyle {
  readonly choice: LogChoice;
  readonly hasColours: boolean;
  /** The folders' names of all Workers: their order decides on the colours. */
  readonly workers: readonly string[];
  readonly maps: SourceMaps;
}

const COLOURS = [36, 32, 35, 34, 33, 96, 92, 95, 94];
const [RED, YELLOW, FAINT] = [31, 33, 2];
const SUBJECT_WIDTH = 40;

/** The lines to print for `log`; none if the choice leaves it out. `at` is when it was read. */
export function logLines(log: WorkerLog, at: Date, style: LogStyle): string[] {
  const event = eventOf(log.text);
  if (style.choice === "json") return [jsonLine(log, event, at)];
  // Settings that cannot be used are shown as a mistake: health.ts.
  if (typeof event?.config === "string" || !isChosen(log.level, event, style.choice)) return [];
  const parts = event === null ? { subject: log.text } : partsOf(event);
  // wrangler does not name the Worker of a warning or an error: the event does.
  const worker = textOf(event?.worker) || log.worker;
  const line = [
    coloured(clock(at), FAINT, style),
    coloured(worker.padEnd(widthOf(style)), colourOf(worker, style), style),
    lineOf(parts, log.level, style),
  ].join("  ");
  return [line.trimEnd(), ...stackLines(event, style)];
}

type Event = Readonly<Record<string, unknown>> & { readonly event: string };

interface Parts {
  readonly subject: string;
  readonly outcome?: string;
  readonly ms?: number;
  readonly traceId?: string;
}

function eventOf(text: string): Event | null {
  try {
    const value: unknown = text.startsWith("{") ? JSON.parse(text) : null;
    const isEvent = typeof value === "object" && value !== null && "event" in value && typeof value.event === "string";
    return isEvent ? (value as Event) : null; // checked in the line above
  } catch {
    return null;
  }
}

function isChosen(level: Level, event: Event | null, choice: LogChoice): boolean {
  if (level === "error" || choice === "all") return true;
  return choice === "requests" && (level === "warn" || event?.event === "request");
}

function partsOf(event: Event): Parts {
  const { traceId, durationMs, ms } = event;
  const common = {
    ...(typeof traceId === "string" && { traceId }),
    ...(typeof (ms ?? durationMs) === "number" && { ms: Number(ms ?? durationMs) }),
  };
  if (event.event === "request") {
    const subject = [event.method, event.path, event.rpc].map(textOf).join(" ").trimEnd();
    return { ...common, subject, outcome: textOf(event.status) };
  }
  if (event.event === "audit") {
    const subject = [event.type, event.tool ?? event.resource ?? ""].map(textOf).join(" ").trimEnd();
    return { ...common, subject, outcome: textOf(event.outcome) };
  }
  return { ...common, subject: [event.event, ...fieldsOf(event)].join(" ") };
}

/** Fields that are shown elsewhere in the lines of an event. */
const SHOWN = new Set(["event", "worker", "traceId", "ms", "durationMs", "stack"]);
/** Fields that the stack repeats. */
const IN_STACK = new Set(["error", "message", "at"]);

function fieldsOf(event: Event): string[] {
  return Object.entries(event)
    .filter(([name]) => !SHOWN.has(name) && !("stack" in event && IN_STACK.has(name)))
    .filter(([, value]) => value !== null && value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === "string" ? value : JSON.stringify(value)}`);
}

function lineOf({ subject, outcome = "", ms, traceId }: Parts, level: Level, style: LogStyle): string {
  const emphasis = level === "error" ? RED : level === "warn" ? YELLOW : outcomeColour(outcome);
  // A line with an error has the whole id: the client shows it, and the developer looks for it.
  const id = traceId === undefined ? "" : level === "error" ? `trace ${traceId}` : traceId.slice(0, 8);
  return [
    level === "info" ? subject.padEnd(SUBJECT_WIDTH) : coloured(subject, emphasis, style),
    ...(outcome === "" ? [] : [coloured(outcome.padEnd(3), emphasis, style)]),
    ...(ms === undefined ? [] : [`${`${Math.round(ms)}`.padStart(5)} ms`]),
    coloured(id, FAINT, style),
  ].join("  ");
}

function outcomeColour(outcome: string): number {
  if (/^5|crashed|unavailable|backend/.test(outcome)) return RED;
  return /^[123]\d\d$|^ok$|^started$|^$/.test(outcome) ? 0 : YELLOW;
}

/** The thrown error with its message, and the frames of this repository. */
function stackLines(event: Event | null, { maps }: LogStyle): string[] {
  if (typeof event?.stack !== "string") return [];
  return event.stack.split("\nCaused by: ").flatMap((stack, index) => {
    const lines = stack.split("\n");
    const end = lines.findIndex((line) => /^\s+at /.test(line));
    const message = lines.slice(0, end < 0 ? undefined : end);
    const frames = maps.framesOf(stack).map(({ name, place }) => frameText(name, place));
    return [...message.map((line, row) => (row === 0 && index > 0 ? `  Caused by: ${line}` : `  ${line}`)), ...frames];
  });
}

function frameText(name: string, place: Place): string {
  return name === "" ? `      at ${placeText(place)}` : `      at ${name} (${placeText(place)})`;
}

function jsonLine({ worker, level, text }: WorkerLog, event: Event | null, at: Date): string {
  return JSON.stringify({ at: at.toISOString(), level, worker, ...(event ?? { text }) });
}

function textOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? `${value}` : "";
}

function clock(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => `${part}`.padStart(2, "0")).join(":");
}

function widthOf({ workers }: LogStyle): number {
  return Math.max(...workers.map((worker) => worker.length));
}

function colourOf(worker: string, { workers }: LogStyle): number {
  return COLOURS[Math.max(workers.indexOf(worker), 0) % COLOURS.length] ?? 0;
}

function coloured(text: string, colour: number, { hasColours }: LogStyle): string {
  return hasColours && colour !== 0 && text !== "" ? `\u001b[${colour}m${text}\u001b[0m` : text;
}
