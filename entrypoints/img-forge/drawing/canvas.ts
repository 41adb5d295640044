// A square to paint on. Lengths are shares of its side, so that one scene fits every size.
import { mix } from "./numbers.ts";

/** Red, green and blue as a screen takes them (sRGB), 0 to 255. */
export type Rgb = readonly [red: number, green: number, blue: number];
/** Distances to the right and downwards, from the upper left corner. */
export type Point = readonly [x: number, y: number];

/** Pixels along one side; red, green and blue of each pixel, row by row, 0 to 255. */
export type Canvas = { readonly size: number; readonly light: Float32Array };

/** Reads `rrggbb`. */
export function hex(code: string): Rgb {
  const value = Number.parseInt(code, 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export function blend(from: Rgb, to: Rgb, share: number): Rgb {
  return [mix(from[0], to[0], share), mix(from[1], to[1], share), mix(from[2], to[2], share)];
}

/** Scan lines for each row of pixels: they smooth the edges. */
const LINES = 4;

/** Paints a polygon; `ink` gives the colour of each place. */
export function paintPolygon(canvas: Canvas, points: readonly Point[], ink: (x: number, y: number) => Rgb): void {
  const { size, light } = canvas;
  const [xs, ys] = [points.map(([x]) => x * size), points.map(([, y]) => y * size)];
  const [left, right] = [Math.max(0, Math.floor(Math.min(...xs))), Math.min(size, Math.ceil(Math.max(...xs)))];
  const [top, bottom] = [Math.max(0, Math.floor(Math.min(...ys))), Math.min(size, Math.ceil(Math.max(...ys)))];
  // The cover's change from pixel to pixel: an edge downwards covers all to its right.
  const width = Math.max(0, right - left) + 2;
  const changes = new Float32Array(width * Math.max(0, bottom - top));
  for (const [index, toY] of ys.entries()) {
    const [toX = 0, fromX = 0, fromY = 0] = [xs[index], xs.at(index - 1), ys.at(index - 1)];
    const first = Math.ceil(Math.max(top, Math.min(fromY, toY)) * LINES - 0.5);
    for (let line = first; line < Math.min(bottom, Math.max(fromY, toY)) * LINES - 0.5; line += 1) {
      const x = mix(fromX, toX, ((line + 0.5) / LINES - fromY) / (toY - fromY));
      const inside = Math.min(right, Math.max(left, x)) - left;
      const [at, change] = [
        Math.floor(line / LINES - top) * width + Math.floor(inside),
        Math.sign(toY - fromY) / LINES,
      ];
      changes[at] = (changes[at] ?? 0) + change * (1 - (inside % 1));
      changes[at + 1] = (changes[at + 1] ?? 0) + change * (inside % 1);
    }
  }
  for (let row = top; row < bottom; row += 1) {
    let cover = 0;
    for (let column = left; column < right; column += 1) {
      cover += changes[(row - top) * width + column - left] ?? 0;
      const alpha = Math.min(1, Math.abs(cover));
      if (alpha < 0.002) continue;
      const colour = ink((column + 0.5) / size, (row + 0.5) / size);
      const at = 3 * (row * size + column);
      for (let part = 0; part < 3; part += 1) light[at + part] = mix(light[at + part] ?? 0, colour[part] ?? 0, alpha);
    }
  }
}
