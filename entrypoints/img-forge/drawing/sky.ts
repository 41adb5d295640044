// The sky of every outdoor scene: light from top to horizon, sun or moon, stars, clouds, birds, and what falls from it.
import type { Canvas } from "./canvas.ts";
import { blend, gradient, mix, type Rgb, rgb, smoothstep } from "./colour.ts";
import { between, layered, noiseFrom, sampled } from "./random.ts";
import type { Vision } from "./vision.ts";

/** Where the sun or the moon stands, and how large it is, in shares of the picture's side. */
export interface Orb {
  readonly x: number;
  readonly y: number;
  readonly radius: number;
}

/** Paints the sky down to `horizon` and says where the light comes from. `richness` is 1 to 5. */
export function paintSky(canvas: Canvas, vision: Vision, horizon: number, richness: number): Orb {
  const { random, light, extras, accent } = vision;
  const isNight = light === "night";
  const height = light === "sunset" || light === "dawn" ? between(random, 0.7, 0.86) : between(random, 0.28, 0.5);
  const orb = { x: between(random, 0.24, 0.76), y: horizon * height, radius: between(random, 0.045, 0.075) };
  const tilt = between(random, -0.08, 0.08);
  const glow = rgb(accent);
  const reach = isNight ? 0.16 : 0.34;
  const warmth = isNight ? 0.3 : light === "storm" ? 0.18 : 0.55;
  const steps = Array.from({ length: 257 }, (_, index) => gradient(vision.sky, index / 256));
  canvas.fill(
    (x, y) => {
      const base = steps[Math.round(256 * Math.min(1, Math.max(0, y / horizon + tilt * (x - 0.5))))] ?? glow;
      const near = Math.hypot(x - orb.x, (y - orb.y) * 1.15) / reach;
      return blend(base, glow, warmth * Math.exp(-near * near * 2.2));
    },
    0,
    horizon + 0.14,
  );
  if (extras.has("stars")) paintStars(canvas, vision, horizon, richness);
  if (extras.has("sun") || extras.has("moon")) paintOrb(canvas, orb, vision, isNight || !extras.has("sun"));
  if (extras.has("clouds")) paintClouds(canvas, vision, horizon, richness);
  if (extras.has("birds")) paintBirds(canvas, vision, orb, richness);
  return orb;
}

/** Snow or rain, in front of everything. */
export function paintWeather(canvas: Canvas, { random, extras }: Vision, richness: number): void {
  const white: Rgb = [1, 1, 1];
  if (extras.has("snow")) {
    for (let flake = 0; flake < 90 + 50 * richness; flake += 1) {
      canvas.disc(random(), random(), between(random, 0.0015, 0.005), white, between(random, 0.35, 0.9), 0.5);
    }
  } else if (extras.has("rain")) {
    const lean = between(random, -0.25, 0.25);
    for (let drop = 0; drop < 80 + 50 * richness; drop += 1) {
      const [x, y, length, alpha] = [random(), random(), between(random, 0.02, 0.06), between(random, 0.06, 0.2)];
      const steps = Math.ceil(length * canvas.size);
      for (let step = 0; step < steps; step += 1) {
        const along = (step / steps) * length;
        canvas.blend(Math.round((x + along * lean) * canvas.size), Math.round((y + along) * canvas.size), white, alpha);
      }
    }
  }
}

function paintStars(canvas: Canvas, { random }: Vision, horizon: number, richness: number): void {
  for (let star = 0; star < 90 + 60 * richness; star += 1) {
    const [x, y, brightness] = [random(), random() * horizon * 0.95, random() ** 3];
    const colour: Rgb = [1, mix(0.86, 1, random()), mix(0.78, 1, random())];
    canvas.disc(
      x,
      y,
      0.0011 + 0.0022 * brightness,
      colour,
      (0.25 + 0.75 * brightness) * (1 - 0.7 * (y / horizon) ** 3),
      0.6,
    );
    if (brightness > 0.7) canvas.disc(x, y, 0.012, colour, 0.18, 1);
  }
}

function paintOrb(canvas: Canvas, { x, y, radius }: Orb, { accent, sky, random }: Vision, isMoon: boolean): void {
  const colour = rgb(accent);
  canvas.disc(x, y, radius * 3.2, colour, isMoon ? 0.16 : 0.35, 1);
  canvas.disc(x, y, radius * (isMoon ? 0.8 : 1), blend(colour, [1, 1, 1], 0.35), 1, 0.03);
  if (!isMoon) return;
  const size = radius * 0.8;
  const shade = gradient(sky, 0.35);
  for (let mark = 0; mark < 5; mark += 1) {
    const [angle, away] = [random() * 6.283, random() * 0.55];
    canvas.disc(
      x + Math.cos(angle) * away * size,
      y + Math.sin(angle) * away * size,
      size * between(random, 0.1, 0.26),
      shade,
      0.2,
      0.5,
    );
  }
}

/** Long soft banks, thicker towards the horizon. */
function paintClouds(canvas: Canvas, vision: Vision, horizon: number, richness: number): void {
  const { random, light, sky, accent } = vision;
  const noise = layered(noiseFrom(random), Math.min(5, 3 + Math.ceil(richness / 2)));
  const [stretch, shift] = [between(random, 5, 9), random() * 100];
  const cloud = sampled((x, y) => noise(x * 2.6 + shift, (y / horizon) * stretch), 96 + 32 * richness);
  const lit = blend(rgb(accent), gradient(sky, 0.9), light === "storm" ? 0.85 : 0.35);
  const dim = blend(gradient(sky, 0.25), gradient(sky, 0.8), 0.5);
  const cover = light === "storm" ? -0.22 : light === "day" ? 0.02 : 0.06;
  canvas.veil({ left: 0, top: 0, right: 1, bottom: horizon }, lit, (x, y) => {
    const density = cloud(x, y);
    return 0.62 * smoothstep(cover, cover + 0.4, density) * smoothstep(0, 0.35, y / horizon + 0.12);
  });
  if (richness < 2) return;
  // The undersides, in shade: the same banks a little lower.
  canvas.veil({ left: 0, top: 0, right: 1, bottom: horizon }, dim, (x, y) => {
    const density = cloud(x, y - 0.018 * horizon);
    return 0.35 * smoothstep(cover + 0.16, cover + 0.5, density) * smoothstep(0, 0.35, y / horizon);
  });
}

function paintBirds(canvas: Canvas, { random, near }: Vision, orb: Orb, richness: number): void {
  const ink = rgb(near);
  const [left, top] = [
    Math.min(0.8, Math.max(0.1, orb.x + between(random, -0.3, 0.3))),
    orb.y * between(random, 0.45, 0.8),
  ];
  for (let bird = 0; bird < 3 + richness; bird += 1) {
    const span = between(random, 0.008, 0.017);
    const [x, y, lift] = [
      left + between(random, -0.11, 0.11),
      top + between(random, -0.05, 0.05),
      between(random, 0.35, 0.6),
    ];
    const steps = Math.ceil(span * canvas.size * 3);
    for (let step = -steps; step <= steps; step += 1) {
      const t = step / steps;
      canvas.disc(
        x + t * span,
        y - span * lift * Math.sin(Math.abs(t) * 2.6),
        0.0009 + 0.0014 * (1 - Math.abs(t)),
        ink,
        0.5,
        0.3,
      );
    }
  }
}
