// Ground and what stands on it, from far to near: ridges, firs, dunes, flowers, houses. Air between the layers makes depth.
import type { Canvas } from "./canvas.ts";
import { blend, gradient, mix, type Rgb, rgb, smoothstep } from "./colour.ts";
import { between, layered, noiseFrom, pick, type Random } from "./random.ts";
import type { Orb } from "./sky.ts";
import type { Vision } from "./vision.ts";

/** Colour and haze of layer `index` of `count`, from far to near. */
function layerColours({ far, near, sky }: Vision, index: number, count: number): { top: Rgb; foot: Rgb } {
  const share = (index + 1) / count;
  const top = gradient([far, near], share);
  // Mist gathers at the foot of everything but the nearest layer.
  return { top, foot: blend(top, rgb(sky[2]), 0.55 * (1 - share)) };
}

export function paintMountains(canvas: Canvas, vision: Vision, horizon: number, richness: number): void {
  const { random } = vision;
  const count = 3 + richness;
  for (let index = 0; index < count; index += 1) {
    const share = index / (count - 1);
    const noise = layered(noiseFrom(random), 5);
    const [base, height, scale] = [horizon + share * (0.9 - horizon), mix(0.3, 0.1, share), mix(2.2, 3.4, share)];
    const shift = random() * 200;
    const { top, foot } = layerColours(vision, index, count);
    const ridge = (x: number) =>
      base - height * (0.1 + 1.2 * Math.max(0, 0.8 - 1.3 * Math.abs(noise(x * scale + shift, index * 7))) ** 1.4);
    canvas.below(ridge, (_, depth) => blend(top, foot, smoothstep(0, 0.28, depth)));
    if (index < 2) paintSnowCaps(canvas, ridge, base - height * 0.5, rgb(vision.sky[2]), noise);
  }
}

function paintSnowCaps(
  canvas: Canvas,
  ridge: (x: number) => number,
  line: number,
  colour: Rgb,
  noise: (x: number, y: number) => number,
): void {
  const cap: Rgb = blend(colour, [1, 1, 1], 0.45);
  for (let column = 0; column < canvas.size; column += 1) {
    const x = column / canvas.size;
    const edge = ridge(x);
    const end = Math.min(line + 0.03 * noise(x * 34, 3), edge + 0.1 + 0.07 * noise(x * 22, 9));
    // Lit from one side: slopes that fall to the right stay in shade.
    const side = mix(0.85, 0.35, smoothstep(-0.015, 0.02, ridge(x + 0.02) - ridge(x - 0.02)));
    for (let row = Math.floor(edge * canvas.size); row < end * canvas.size; row += 1) {
      canvas.blend(column, row, cap, side * smoothstep(end, end - 0.02, row / canvas.size));
    }
  }
}

export function paintForest(canvas: Canvas, vision: Vision, horizon: number, richness: number): void {
  const { random } = vision;
  const count = 3 + richness;
  for (let index = 0; index < count; index += 1) {
    const share = index / (count - 1);
    const noise = layered(noiseFrom(random), 3);
    const base = mix(horizon + 0.03, 0.93, share ** 1.25);
    const ground = (x: number) => base + 0.05 * noise(x * 2.5, index * 5);
    const trees = plant(random, share);
    const { top, foot } = layerColours(vision, index, count);
    const outline = (x: number) => {
      let edge = ground(x);
      for (const tree of trees) {
        const away = Math.abs(x - tree.x) / tree.width;
        if (away >= 1) continue;
        // Branches: steps that hang over, wider towards the ground.
        const branch = 0.11 * (1 - ((away * tree.branches) % 1)) * (0.35 + away);
        edge = Math.min(edge, ground(tree.x) - tree.height * ((1 - away) ** 1.25 - branch));
      }
      return edge;
    };
    canvas.below(outline, (_, depth) => blend(top, foot, smoothstep(0.02, 0.26, depth)));
    if (index < count - 1) mist(canvas, vision, base, 0.5 * (1 - share) + 0.12);
  }
}

/** A bank of mist around height `y`. */
function mist(canvas: Canvas, { sky }: Vision, y: number, strength: number): void {
  canvas.veil(
    { left: 0, top: y - 0.16, right: 1, bottom: 1 },
    rgb(sky[2]),
    (_, at) => strength * smoothstep(y - 0.16, y + 0.06, at),
  );
}

interface Fir {
  readonly x: number;
  readonly width: number;
  readonly height: number;
  readonly branches: number;
}

/** A row of firs that covers the width; farther rows are smaller and denser. */
function plant(random: Random, share: number): Fir[] {
  const trees: Fir[] = [];
  const usual = mix(0.1, 0.36, share ** 1.3);
  for (let x = -0.05; x < 1.05; x += usual * between(random, 0.12, mix(0.3, 0.75, share))) {
    const height = usual * between(random, 0.55, 1.15);
    trees.push({
      x,
      height,
      width: height * between(random, 0.15, 0.22),
      branches: Math.round(between(random, 6, 10)),
    });
  }
  return trees;
}

export function paintDunes(canvas: Canvas, vision: Vision, horizon: number, orb: Orb, richness: number): void {
  const { random, accent } = vision;
  const count = 3 + Math.ceil(richness / 2);
  for (let index = 0; index < count; index += 1) {
    const share = index / (count - 1);
    const noise = layered(noiseFrom(random), 2);
    const [base, shift] = [mix(horizon + 0.02, 0.84, share), random() * 90];
    const { top, foot } = layerColours(vision, index * 0.75, count);
    const ridge = (x: number) => base + mix(0.05, 0.16, share) * noise(x * mix(3, 1.6, share) + shift, index * 3);
    const ripple = noiseFrom(random);
    canvas.below(ridge, (x, depth) => {
      const slope = (ridge(x + 0.01) - ridge(x - 0.01)) / 0.02;
      const facing = smoothstep(-0.4, 0.4, slope * (orb.x > 0.5 ? -1 : 1));
      const grain = 0.035 * ripple(x * 9 + depth * 20, depth * 110 + x * 14) * smoothstep(0.01, 0.1, depth);
      const lit = blend(top, rgb(accent), 0.1 + 0.36 * facing + grain);
      return blend(lit, foot, smoothstep(0.05, 0.32, depth) * (1 - share));
    });
  }
}

export function paintMeadow(canvas: Canvas, vision: Vision, horizon: number, richness: number): void {
  const { random, accent, light } = vision;
  const count = 4;
  for (let index = 0; index < count; index += 1) {
    const share = index / (count - 1);
    const noise = layered(noiseFrom(random), 2);
    const base = mix(horizon + 0.01, 0.74, share);
    const { top, foot } = layerColours(vision, index, count);
    const sunny = blend(top, rgb(accent), 0.3);
    canvas.below(
      (x) => base + 0.06 * noise(x * 2.2, index * 9),
      (_, depth) => blend(blend(sunny, top, smoothstep(0, 0.09, depth)), foot, smoothstep(0.1, 0.3, depth)),
    );
  }
  const [lightness, chroma, hue] = accent;
  const petals = [0, 40, -45, 150].map((turn) =>
    rgb([light === "night" ? 0.6 : Math.min(0.8, lightness), chroma + 0.1, hue + turn]),
  );
  const stem = layerColours(vision, count - 1, count).top;
  // From far to near, so that nearer flowers stand in front.
  for (let flower = 0; flower < 130 + 70 * richness; flower += 1) {
    const share = flower / (130 + 70 * richness);
    const [x, y, radius] = [
      random(),
      mix(0.72, 1.02, share),
      mix(0.004, 0.019, share ** 1.6) * between(random, 0.7, 1.2),
    ];
    const colour = petals[Math.floor(random() * petals.length)] ?? stem;
    for (let step = 0; step < 9; step += 1)
      canvas.disc(x + step * radius * 0.06, y + step * radius * 0.55, radius * 0.14, stem, 0.7);
    for (let petal = 0; petal < 6; petal += 1) {
      const angle = petal * 1.0472;
      canvas.disc(
        x + Math.cos(angle) * radius * 0.6,
        y + Math.sin(angle) * radius * 0.5,
        radius * 0.52,
        colour,
        0.9,
        0.2,
      );
    }
    canvas.disc(x, y, radius * 0.34, rgb([0.86, 0.14, 90]), 0.95, 0.2);
  }
}

export function paintCity(canvas: Canvas, vision: Vision, horizon: number, richness: number): void {
  const { random, accent, light, sky } = vision;
  const count = 3 + Math.ceil(richness / 2);
  for (let index = 0; index < count; index += 1) {
    const share = index / (count - 1);
    const { top, foot } = layerColours(vision, index, count);
    const [lamp, cool] = [rgb([0.88, 0.13, 78]), rgb([0.85, 0.09, accent[2] + 180])];
    const base = mix(horizon + 0.08, 1.02, share);
    const litShare = light === "night" ? mix(0.3, 0.45, share) : light === "sunset" || light === "storm" ? 0.2 : 0.05;
    for (let x = -0.04; x < 1.02; ) {
      const width = between(random, 0.035, 0.075) * mix(0.8, 1.5, share);
      const tallness = random() ** 1.6;
      const height = mix(0.12, 0.52, tallness) * mix(1, 0.95, share);
      paintTower(canvas, random, { x, y: base - height, width, height: height + 0.1 }, top, foot, tallness);
      paintWindows(
        canvas,
        random,
        { x, y: base - height, width, height },
        pick(random, [lamp, lamp, cool]),
        litShare,
        mix(0.006, 0.0105, share),
      );
      x += width * between(random, 0.82, 1.12);
    }
    // The glow of streets between the rows.
    const haze = blend(rgb(sky[2]), lamp, light === "night" ? 0.35 : 0.1);
    if (index < count - 1) {
      canvas.veil(
        { left: 0, top: base - 0.3, right: 1, bottom: 1 },
        haze,
        (_, y) => 0.42 * smoothstep(base - 0.3, base + 0.05, y),
      );
    }
  }
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

function paintTower(
  canvas: Canvas,
  random: Random,
  { x, y, width, height }: Box,
  top: Rgb,
  foot: Rgb,
  tallness: number,
): void {
  canvas.roundBox({ x, y, width, height, corner: 0.002 }, top, foot);
  const crown = random();
  if (crown < 0.35)
    canvas.roundBox({ x: x + width * 0.2, y: y - 0.022, width: width * 0.6, height: 0.03, corner: 0.002 }, top);
  if (tallness > 0.45 && crown > 0.25) {
    canvas.roundBox({ x: x + width * 0.48, y: y - 0.075 * tallness, width: 0.0035, height: 0.08, corner: 0.001 }, top);
  }
}

function paintWindows(
  canvas: Canvas,
  random: Random,
  { x, y, width, height }: Box,
  colour: Rgb,
  litShare: number,
  pitch: number,
): void {
  const columns = Math.floor((width - pitch) / (pitch * 1.5));
  const margin = (width - columns * pitch * 1.5 + pitch * 0.5) / 2;
  for (let top = y + pitch * 1.6; top < Math.min(1, y + height); top += pitch * 2.1) {
    // Whole floors are lit or dark more often than single windows.
    const floor = litShare * (random() < 0.3 ? 2 : 0.7);
    for (let column = 0; column < columns; column += 1) {
      if (random() > floor) continue;
      canvas.roundBox(
        { x: x + margin + column * pitch * 1.5, y: top, width: pitch, height: pitch * 1.2, corner: 0 },
        colour,
        colour,
        between(random, 0.45, 0.95),
      );
    }
  }
}
