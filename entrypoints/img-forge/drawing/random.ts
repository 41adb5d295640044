// Numbers that look random and follow from a text: the same text gives the same numbers, here and anywhere.

/** A source of numbers from 0 (included) to 1 (excluded). */
export type Random = () => number;

/** sfc32, seeded by a 128-bit hash of `text`. */
export function randomFrom(text: string): Random {
  let [a, b, c, d] = hash128(text);
  return () => {
    const sum = (a + b + d) | 0;
    d = (d + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return (sum >>> 0) / 4294967296;
  };
}

/** Between `low` and `high`. */
export function between(random: Random, low: number, high: number): number {
  return low + (high - low) * random();
}

/** One of `items`. */
export function pick<Item>(random: Random, items: readonly [Item, ...Item[]]): Item {
  return items[Math.floor(random() * items.length)] ?? items[0];
}

function hash128(text: string): [number, number, number, number] {
  const hash: [number, number, number, number] = [1779033703, 3144134277, 1013904242, 2773480762];
  const factors = [597399067, 2869860233, 951274213, 2716044179] as const;
  for (const byte of new TextEncoder().encode(text)) {
    for (let lane = 0; lane < 4; lane += 1) {
      const mixed = (hash[lane] ?? 0) ^ byte ^ (hash[(lane + 1) & 3] ?? 0);
      hash[lane] = Math.imul(mixed ^ (mixed >>> 15), factors[lane] ?? 1);
    }
  }
  return hash;
}

/** Smooth noise over the plane, from -1 to 1, that changes over a distance of about 1. */
export type Noise = (x: number, y: number) => number;

/** Value noise on a grid of 256 by 256 values, which repeats after that. */
export function noiseFrom(random: Random): Noise {
  const values = Float32Array.from({ length: 65536 }, () => random() * 2 - 1);
  return (x, y) => {
    const left = Math.floor(x);
    const top = Math.floor(y);
    const u = smooth(x - left);
    const v = smooth(y - top);
    const x0 = left & 255;
    const x1 = (left + 1) & 255;
    const y0 = (top & 255) << 8;
    const y1 = ((top + 1) & 255) << 8;
    const above = (values[y0 | x0] ?? 0) * (1 - u) + (values[y0 | x1] ?? 0) * u;
    const below = (values[y1 | x0] ?? 0) * (1 - u) + (values[y1 | x1] ?? 0) * u;
    return above * (1 - v) + below * v;
  };
}

/** Noise with finer noise upon it, `octaves` times; about -1 to 1. */
export function layered(noise: Noise, octaves: number): Noise {
  return (x, y) => {
    let sum = 0;
    let strength = 0.5;
    let scale = 1;
    for (let octave = 0; octave < octaves; octave += 1) {
      sum += strength * noise(x * scale + octave * 17, y * scale + octave * 31);
      strength /= 2;
      scale *= 2;
    }
    return sum;
  };
}

/** The same field, known at `cells` by `cells` places of the unit square and read smoothly between them. Saves time where it is soft. */
export function sampled(field: Noise, cells: number): Noise {
  const side = cells + 1;
  const values = Float32Array.from({ length: side * side }, (_, index) =>
    field((index % side) / cells, Math.floor(index / side) / cells),
  );
  return (x, y) => {
    const column = Math.min(cells - 1, Math.max(0, Math.floor(x * cells)));
    const row = Math.min(cells - 1, Math.max(0, Math.floor(y * cells)));
    const u = x * cells - column;
    const at = row * side + column;
    const above = (values[at] ?? 0) * (1 - u) + (values[at + 1] ?? 0) * u;
    const below = (values[at + side] ?? 0) * (1 - u) + (values[at + side + 1] ?? 0) * u;
    return above + (below - above) * (y * cells - row);
  };
}

function smooth(t: number): number {
  return t * t * t * (t * (t * 6 - 15) + 10);
}
