// Numbers that look random and follow from a text: the same text gives the same numbers everywhere.

/** A source of numbers from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** The mulberry32 generator, seeded with the FNV-1a hash of `text`. */
export function randomFrom(text: string): Random {
  let state = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) state = Math.imul(state ^ byte, 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random() * items.length)] ?? items[0];
}

const VALUES = Float32Array.from({ length: 65536 }, randomFrom("noise"));
const valueAt = (column: number, row: number) => VALUES[((row & 255) << 8) | (column & 255)] ?? 0;

/** Smooth noise over the plane, -1 to 1. It changes over a distance of 1, finer by each octave. */
export function noise(x: number, y: number, octaves: number): number {
  let sum = 0;
  for (let scale = 1; scale < 2 ** octaves; scale *= 2) {
    const [left, top] = [Math.floor(x * scale), Math.floor(y * scale)];
    const [u, v] = [smoothstep(0, 1, x * scale - left), smoothstep(0, 1, y * scale - top)];
    const above = mix(valueAt(left, top), valueAt(left + 1, top), u);
    const below = mix(valueAt(left, top + 1), valueAt(left + 1, top + 1), u);
    sum += (mix(above, below, v) - 0.5) / scale;
  }
  return sum;
}

export function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

/** A soft step from 0 at `low` to 1 at `high`; `low` may be the greater one. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}
