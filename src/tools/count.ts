// Numbers with their unit, in texts for models.

/** "1 item", "2 items". */
export function countOf(count: number | string, unit: "character" | "item"): string {
  return `${count} ${unit}${Number(count) === 1 ? "" : "s"}`;
}
