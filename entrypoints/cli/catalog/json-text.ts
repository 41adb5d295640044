// JSON as the formatter writes it: one field per line, and a list of plain values on one line if it
// fits.

const LINE_WIDTH = 120;

/** The value as JSON text with a final newline. */
export function asJson(value: unknown): string {
  return `${print(value, "", 0)}\n`;
}

/** @param before number of characters before the value on its line */
function print(value: unknown, indent: string, before: number): string {
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    const oneLine = `[${value.map((item) => JSON.stringify(item)).join(", ")}]`;
    const isPlain = value.every((item) => typeof item !== "object" || item === null);
    if (isPlain && before + oneLine.length < LINE_WIDTH) return oneLine;
    return `[\n${value.map((item) => inner + print(item, inner, inner.length)).join(",\n")}\n${indent}]`;
  }
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const fields = Object.entries(value).map(([key, field]) => {
    const name = `${inner}${JSON.stringify(key)}: `;
    return name + print(field, inner, name.length);
  });
  return fields.length === 0 ? "{}" : `{\n${fields.join(",\n")}\n${indent}}`;
}
