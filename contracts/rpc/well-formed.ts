// Well-formed text: no half of a surrogate pair stands alone (ECMA-262, `isWellFormed`). JSON and
// RPC carry such halves, and a model's API refuses the whole conversation that contains one.

/**
 * The value with U+FFFD for each lone surrogate, in strings and keys of arrays and plain objects;
 * the same value if it has none. Streams, bytes and dates are unchanged. Fails with a `RangeError`
 * for a value that contains itself: bound it, or parse it by a schema, first.
 */
export function wellFormed<T>(value: T): T {
  return repaired(value) as T; // only strings change
}

function repaired(value: unknown): unknown {
  if (typeof value === "string") return value.isWellFormed() ? value : value.toWellFormed();
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return repairedArray(value);
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? repairedObject(value) : value;
}

function repairedArray(items: readonly unknown[]): readonly unknown[] {
  const repairedItems = items.map(repaired);
  return repairedItems.every((item, at) => item === items[at]) ? items : repairedItems;
}

function repairedObject(object: object): object {
  let hasChanged = false;
  const entries = Object.entries(object).map(([name, field]: [string, unknown]) => {
    const entry = [name.toWellFormed(), repaired(field)] as const;
    hasChanged ||= entry[0] !== name || !Object.is(entry[1], field);
    return entry;
  });
  return hasChanged ? Object.fromEntries(entries) : object;
}

/** The text, or its beginning and "…" if it is longer than `length`. Never half a character. */
export function shorten(text: string, length: number): string {
  if (text.length <= length) return text;
  const beginning = text.slice(0, length);
  return `${beginning.isWellFormed() ? beginning : beginning.slice(0, -1).toWellFormed()}…`;
}
