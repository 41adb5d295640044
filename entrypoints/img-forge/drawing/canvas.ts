// A square of colour to paint on. Lengths are in shares of its side, so that one scene fits every size; y grows downwards.
import { type Rgb, smoothstep } from "./colour.ts";

export class Canvas {
  /** Pixels along one side. */
  readonly size: number;
  readonly #light: Float32Array;

  constructor(size: number) {
    this.size = size;
    this.#light = new Float32Array(size * size * 3);
  }

  /** Paints every pixel from row `top` (a share) down to row `bottom`. `colour` gets the place of the pixel's middle. */
  fill(colour: (x: number, y: number) => Rgb, top = 0, bottom = 1): void {
    const { size } = this;
    for (let row = Math.max(0, Math.floor(top * size)); row < Math.min(size, bottom * size); row += 1) {
      for (let column = 0; column < size; column += 1) {
        const [r, g, b] = colour((column + 0.5) / size, (row + 0.5) / size);
        const at = (row * size + column) * 3;
        this.#light[at] = r;
        this.#light[at + 1] = g;
        this.#light[at + 2] = b;
      }
    }
  }

  /** Paints whole rows in one colour each. */
  fillRows(colour: (y: number) => Rgb, top = 0, bottom = 1): void {
    let row = -1;
    let now: Rgb = [0, 0, 0];
    this.fill(
      (_, y) => {
        if (y !== row) now = colour(y);
        row = y;
        return now;
      },
      top,
      bottom,
    );
  }

  /** Lays `colour` over one pixel. */
  blend(column: number, row: number, [r, g, b]: Rgb, alpha: number): void {
    if (column < 0 || row < 0 || column >= this.size || row >= this.size || alpha <= 0) return;
    const at = (row * this.size + column) * 3;
    const light = this.#light;
    light[at] = (light[at] ?? 0) + (r - (light[at] ?? 0)) * alpha;
    light[at + 1] = (light[at + 1] ?? 0) + (g - (light[at + 1] ?? 0)) * alpha;
    light[at + 2] = (light[at + 2] ?? 0) + (b - (light[at + 2] ?? 0)) * alpha;
  }

  /** Lays `colour` over a box of pixels as thick as `alpha` says; `alpha` gets places in shares. */
  veil(
    box: { left: number; top: number; right: number; bottom: number },
    colour: Rgb,
    alpha: (x: number, y: number) => number,
  ): void {
    const { size } = this;
    const right = Math.min(size, Math.ceil(box.right * size));
    for (let row = Math.max(0, Math.floor(box.top * size)); row < Math.min(size, box.bottom * size); row += 1) {
      for (let column = Math.max(0, Math.floor(box.left * size)); column < right; column += 1) {
        this.blend(column, row, colour, alpha((column + 0.5) / size, (row + 0.5) / size));
      }
    }
  }

  /** A disc with an edge as soft as `softness` (0: sharp, 1: fading from the middle). */
  disc(x: number, y: number, radius: number, colour: Rgb, alpha = 1, softness = 0): void {
    const pixel = 1 / this.size;
    const inner = Math.min(radius - pixel, radius * (1 - softness));
    const box = {
      left: x - radius - pixel,
      top: y - radius - pixel,
      right: x + radius + pixel,
      bottom: y + radius + pixel,
    };
    this.veil(box, colour, (px, py) => alpha * (1 - smoothstep(inner, radius + pixel / 2, Math.hypot(px - x, py - y))));
  }

  /** A box with round corners, shaded from its top colour to its bottom colour. */
  roundBox(
    box: { x: number; y: number; width: number; height: number; corner: number },
    top: Rgb,
    bottom: Rgb = top,
    alpha = 1,
  ): void {
    const { x, y, width, height } = box;
    const corner = Math.min(box.corner, width / 2, height / 2);
    const pixel = 1 / this.size;
    const inside = (px: number, py: number) => {
      const dx = Math.abs(px - x - width / 2) - width / 2 + corner;
      const dy = Math.abs(py - y - height / 2) - height / 2 + corner;
      const distance = Math.hypot(Math.max(dx, 0), Math.max(dy, 0)) + Math.min(Math.max(dx, dy), 0) - corner;
      return Math.min(1, Math.max(0, 0.5 - distance / pixel));
    };
    const area = { left: x - pixel, top: y - pixel, right: x + width + pixel, bottom: y + height + pixel };
    this.veil(area, top, (px, py) => alpha * inside(px, py));
    if (bottom !== top)
      this.veil(area, bottom, (px, py) => alpha * inside(px, py) * Math.min(1, Math.max(0, (py - y) / height)));
  }

  /** Fills everything below a skyline. `skyline` gives its height at x; `colour` gets x and how far below the skyline a pixel is. */
  below(skyline: (x: number) => number, colour: (x: number, depth: number) => Rgb, bottom = 1): void {
    const { size } = this;
    for (let column = 0; column < size; column += 1) {
      const x = (column + 0.5) / size;
      const edge = skyline(x);
      for (let row = Math.max(0, Math.floor(edge * size)); row < Math.min(size, bottom * size); row += 1) {
        this.blend(column, row, colour(x, Math.max(0, (row + 0.5) / size - edge)), Math.min(1, row + 1 - edge * size));
      }
    }
  }

  /** The finished picture, a little darker towards its corners. */
  toRgb(): Uint8Array {
    const { size } = this;
    const bytes = new Uint8Array(size * size * 3);
    for (let row = 0; row < size; row += 1) {
      for (let column = 0; column < size; column += 1) {
        const away = Math.hypot(column / size - 0.5, row / size - 0.5);
        const shade = 255 * (1 - 0.28 * smoothstep(0.42, 0.78, away));
        const at = (row * size + column) * 3;
        for (let channel = at; channel < at + 3; channel += 1) {
          bytes[channel] = Math.min(255, Math.max(0, Math.round((this.#light[channel] ?? 0) * shade)));
        }
      }
    }
    return bytes;
  }
}
