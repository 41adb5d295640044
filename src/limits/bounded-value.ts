// Bounds of values from outside: depth, number of values, and characters in all. Iterative, because
// recursion would overflow the stack on the very input that this refuses.

export interface ValueLimits {
  /** Levels of arrays and objects. */
  readonly depth: number;
  /** Values at all levels together. */
  readonly values: number;
  /** UTF-16 code units of all texts and keys together. Absent: not bounded here. */
  readonly characters?: number;
}

/**
 * True if the value is plain data within the limits. A value that contains itself is not; nor is
 * anything that JSON does not have, such as a function, a `Date` or the stub of an RPC target.
 */
export function isWithin(root: unknown, { depth, values, characters }: ValueLimits): boolean {
  let level: unknown[] = [root];
  let counted = 0;
  let length = 0;
  for (let at = 0; level.length > 0; at++) {
    counted += level.length;
    if (at > depth || counted > values) return false;
    const next: unknown[] = [];
    for (const value of level) {
      if (!isPlain(value)) return false;
      if (characters !== undefined) length += lengthOf(value);
      if (typeof value !== "object" || value === null) continue;
      for (const child of Array.isArray(value) ? value : Object.values(value)) next.push(child);
    }
    if (characters !== undefined && length > characters) return false;
    level = next;
  }
  return true;
}

/** True for values of JSON and `undefined`. Does not look into a list or an object. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return !["function", "symbol", "bigint"].includes(typeof value);
  if (Array.isArray(value)) return true;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The characters of a text, or of an object's keys. */
function lengthOf(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null || Array.isArray(value)) return 0;
  return Object.keys(value).reduce((sum, key) => sum + key.length, 0);
}
