// Water under a sky: it mirrors the light, broken into streaks that grow wider as they come nearer.
import type { Canvas } from "./canvas.ts";
import { blend, mix, rgb, smoothstep } from "./colour.ts";
import { between, layered, noiseFrom, pick } from "./random.ts";
import type { Orb } from "./sky.ts";
import type { Vision } from "./vision.ts";

export function paintSea(canvas: Canvas, vision: Vision, horizon: number, orb: Orb, richness: number): void {
  const { random, sky, near, accent, light } = vision;
  paintCoast(canvas, vision, horizon);
  const ripple = noiseFrom(random);
  const noise = layered(ripple, Math.min(3, 1 + Math.ceil(richness / 2)));
  const [mirror, deep, glint] = [
    blend(rgb(sky[2]), rgb(sky[1]), 0.45),
    rgb([near[0] + 0.1, near[1], near[2]]),
    rgb(accent),
  ];
  const strength = light === "storm" ? 0.12 : light === "night" ? 0.5 : 0.85;
  canvas.fill((x, y) => {
    const depth = Math.max(0, (y - horizon) / (1 - horizon));
    // Perspective: what is near is stretched out.
    const [wide, tall] = [mix(26, 4, depth ** 0.6), 3.2 / (depth + 0.035)];
    const swell = noise((x - 0.5) * wide, tall * 3.1 + 40);
    const base = blend(mirror, deep, Math.min(1, depth ** 0.62 + 0.22 * swell));
    const path = Math.abs(x - orb.x) / mix(0.05, 0.3, depth);
    const sparkle = smoothstep(-0.04, 0.3, swell + 0.12 * ripple((x - 0.5) * wide * 3, tall * 7));
    const lit = blend(base, glint, strength * Math.exp(-path * path * 1.6) * sparkle * mix(1, 0.55, depth));
    return blend(lit, mirror, 0.16 * smoothstep(0.12, 0.32, swell));
  }, horizon);
  // Haze where sea and sky meet.
  canvas.veil(
    { left: 0, top: horizon - 0.03, right: 1, bottom: horizon + 0.03 },
    rgb(sky[2]),
    (_, y) => 0.55 * smoothstep(0.03, 0, Math.abs(y - horizon)),
  );
  if (vision.extras.has("boat") || (richness > 2 && random() < 0.6)) paintBoat(canvas, vision, horizon, orb);
}

/** Hills on the far side, to one or both sides. */
function paintCoast(canvas: Canvas, { random, far }: Vision, horizon: number): void {
  const noise = layered(noiseFrom(random), 4);
  const side = pick(random, [-1, 1, 0]);
  for (const [index, height] of [0.085, 0.05].entries()) {
    const colour = rgb([far[0] - 0.07 * (index + 1), far[1], far[2]]);
    canvas.below(
      (x) => {
        const shore = side === 0 ? Math.abs(x - 0.5) * 2 : side > 0 ? x : 1 - x;
        return horizon - height * smoothstep(0.3, 0.85, shore) * (1 + noise(x * 4 + index * 30, index));
      },
      () => colour,
      horizon,
    );
  }
}

function paintBoat(canvas: Canvas, { random, near }: Vision, horizon: number, orb: Orb): void {
  const ink = rgb([near[0] * 0.8, near[1], near[2]]);
  const size = between(random, 0.05, 0.075);
  const x = orb.x + between(random, 0.08, 0.2) * (orb.x > 0.5 ? -1 : 1);
  const water = horizon + between(random, 0.05, 0.1);
  const hull = (px: number, py: number) => {
    const t = (py - water + size * 0.16) / (size * 0.16);
    return t >= 0 && t <= 1 && Math.abs(px - x) < size * (0.55 - 0.18 * t) ? 1 : 0;
  };
  const sails = (px: number, py: number) => {
    const t = (water - size * 0.22 - py) / size;
    const dx = (px - x) / size;
    return t >= 0 && t <= 1 && ((dx > 0.02 && dx < 0.42 * (1 - t)) || (dx < -0.02 && dx > -0.3 * (1 - t * 1.15)))
      ? 0.92
      : 0;
  };
  const pixel = 1 / canvas.size;
  // Four samples a pixel: the edges are straight.
  const soft = (shape: (px: number, py: number) => number) => (px: number, py: number) =>
    (shape(px - pixel / 4, py - pixel / 4) +
      shape(px + pixel / 4, py - pixel / 4) +
      shape(px - pixel / 4, py + pixel / 4) +
      shape(px + pixel / 4, py + pixel / 4)) /
    4;
  const box = { left: x - size, top: water - size * 1.3, right: x + size, bottom: water + pixel };
  canvas.veil(box, ink, soft(hull));
  canvas.veil(box, blend(ink, [1, 1, 1], 0.3), soft(sails));
  canvas.veil({ left: x - size, top: water, right: x + size, bottom: water + size }, ink, (px, py) => {
    const away = Math.abs(px - x + 0.004 * Math.sin(py * 900)) / (size * 0.4);
    return 0.4 * smoothstep(1, 0.3, away) * (1 - (py - water) / size);
  });
}
