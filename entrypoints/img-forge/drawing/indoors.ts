// Scenes without a horizon: flowing ribbons (also the ground of portraits), a robot, and space.
import type { Canvas } from "./canvas.ts";
import { blend, gradient, type Lch, mix, type Rgb, rgb, smoothstep } from "./colour.ts";
import { between, layered, noiseFrom, pick, sampled } from "./random.ts";
import type { Vision } from "./vision.ts";

/** Soft light with silky strands that follow one current. */
export function paintRibbons(canvas: Canvas, vision: Vision, richness: number): void {
  const { random, sky, accent, near } = vision;
  const [deep, warm]: [Lch, Lch] = [
    [near[0] + 0.08, near[1] + 0.03, sky[0][2]],
    [0.72, 0.16, sky[1][2]],
  ];
  const turn = between(random, 0.6, 2.4);
  canvas.fill((x, y) =>
    gradient([deep, sky[0], sky[1]], 0.5 + 0.62 * ((x - 0.5) * Math.cos(turn) + (y - 0.5) * Math.sin(turn))),
  );
  for (let spot = 0; spot < 4; spot += 1) {
    canvas.disc(random(), random(), between(random, 0.18, 0.42), gradient([warm, sky[2], accent], random()), 0.32, 1);
  }
  const noise = layered(noiseFrom(random), 2);
  // Known for the places from -0.5 to 1.5, where strands may run.
  const field = sampled((u, v) => noise(3 * u, 3 * v), 128);
  const current = (x: number, y: number) => field((x + 0.5) / 2, (y + 0.5) / 2);
  const bundles = 5 + 2 * richness;
  for (let bundle = 0; bundle < bundles; bundle += 1) {
    const share = bundle / bundles;
    const [x, y, angle] = [between(random, -0.1, 0.9), between(random, 0.05, 0.95), between(random, -0.5, 0.5)];
    const colours: [Lch, Lch, Lch] = pick(random, [
      [sky[0], warm, accent],
      [warm, sky[2], accent],
      [deep, sky[1], warm],
    ]);
    const [width, wander, strands] = [between(random, 0.05, 0.16), between(random, 1.1, 1.9), 30 + 8 * richness];
    for (let strand = 0; strand < strands; strand += 1) {
      const offset = strand / strands - 0.5;
      const colour = gradient(colours, 0.5 + offset + 0.12 * (random() - 0.5));
      paintStrand(
        canvas,
        { x: x - 0.3, y: y + offset * width, angle },
        current,
        wander + offset * 0.5,
        colour,
        mix(0.16, 0.4, share),
      );
    }
  }
  for (let mote = 0; mote < 16 + 10 * richness; mote += 1) {
    canvas.disc(random(), random(), between(random, 0.0012, 0.005), rgb(accent), between(random, 0.25, 0.8), 0.7);
  }
}

function paintStrand(
  canvas: Canvas,
  start: { x: number; y: number; angle: number },
  current: (x: number, y: number) => number,
  wander: number,
  colour: Rgb,
  strength: number,
): void {
  let { x, y } = start;
  const step = 0.9 / canvas.size;
  const length = Math.round(1.5 / step);
  for (let at = 0; at < length; at += 1) {
    const angle = start.angle + wander * 1.9 * current(x, y);
    x += Math.cos(angle) * step;
    y += Math.sin(angle) * step;
    if (x > 1.05 || y < -0.2 || y > 1.2) return;
    // Fades in and out along its way; spread over the two nearest rows.
    const alpha = strength * smoothstep(0, 0.12, at / length) * smoothstep(1, 0.7, at / length);
    const [column, row] = [Math.floor(x * canvas.size), Math.floor(y * canvas.size)];
    const lower = y * canvas.size - row;
    canvas.blend(column, row, colour, alpha * (1 - lower));
    canvas.blend(column, row + 1, colour, alpha * lower);
  }
}

export function paintSpace(canvas: Canvas, vision: Vision, richness: number): void {
  const { random, sky, accent } = vision;
  const cloud = layered(noiseFrom(random), Math.min(5, 3 + richness));
  const [dark, one, two]: [Rgb, Rgb, Rgb] = [
    rgb([0.1, 0.04, sky[0][2]]),
    rgb([0.5, 0.17, sky[2][2] + 40]),
    rgb([0.55, 0.15, sky[0][2] - 60]),
  ];
  const shift = random() * 100;
  canvas.fill((x, y) => {
    const bend = 0.7 * cloud(x * 1.7 + 9, y * 1.7 + shift);
    const first = smoothstep(-0.05, 0.55, cloud(x * 2.4 + bend + shift, y * 2.4 - bend));
    const second = smoothstep(0, 0.5, cloud(x * 2 - bend, y * 2 + bend + shift * 2));
    return blend(blend(dark, two, 0.75 * second), one, 0.8 * first);
  });
  for (let star = 0; star < 200 + 120 * richness; star += 1) {
    const [x, y, brightness] = [random(), random(), random() ** 4];
    canvas.disc(
      x,
      y,
      0.0011 + 0.0026 * brightness,
      [1, mix(0.88, 1, random()), mix(0.8, 1, random())],
      0.25 + 0.75 * brightness,
      0.6,
    );
    if (brightness > 0.75) canvas.disc(x, y, 0.016, rgb(accent), 0.25, 1);
  }
  paintPlanet(canvas, vision, {
    x: between(random, 0.3, 0.7),
    y: between(random, 0.42, 0.66),
    radius: between(random, 0.15, 0.23),
  });
  if (richness > 1)
    paintPlanet(canvas, vision, {
      x: between(random, 0.06, 0.94),
      y: between(random, 0.08, 0.25),
      radius: between(random, 0.025, 0.05),
    });
}

function paintPlanet(
  canvas: Canvas,
  { random, accent, sky }: Vision,
  { x, y, radius }: { x: number; y: number; radius: number },
): void {
  const bands = layered(noiseFrom(random), 4);
  const [hue, lean, hasRing] = [
    pick(random, [accent[2], sky[2][2] + 60, 40]),
    between(random, -0.45, 0.45),
    radius > 0.1 && random() < 0.7,
  ];
  const [light, shade, rim] = [rgb([0.82, 0.1, hue]), rgb([0.52, 0.13, hue - 40]), rgb([0.12, 0.04, sky[0][2]])];
  const pixel = 1 / canvas.size;
  canvas.disc(x, y, radius * 1.35, light, 0.22, 0.9);
  const ring = (isFront: boolean) => {
    if (!hasRing) return;
    const reach = radius * 2.3;
    canvas.veil({ left: x - reach, top: y - reach, right: x + reach, bottom: y + reach }, light, (px, py) => {
      const [u, v] = [
        (px - x) * Math.cos(lean) + (py - y) * Math.sin(lean),
        ((py - y) * Math.cos(lean) - (px - x) * Math.sin(lean)) / 0.26,
      ];
      if (v > 0 !== isFront) return 0;
      const away = Math.hypot(u, v) / radius;
      return 0.75 * smoothstep(1.35, 1.45, away) * smoothstep(2.15, 2.05, away) * (0.6 + 0.4 * Math.sin(away * 34));
    });
  };
  ring(false);
  const box = {
    left: x - radius - pixel,
    top: y - radius - pixel,
    right: x + radius + pixel,
    bottom: y + radius + pixel,
  };
  const body = (px: number, py: number) =>
    Math.min(1, Math.max(0, 0.5 - (Math.hypot(px - x, py - y) - radius) / pixel));
  canvas.veil(box, light, body);
  canvas.veil(box, shade, (px, py) => {
    const across = ((py - y) * Math.cos(lean) - (px - x) * Math.sin(lean)) / radius;
    return body(px, py) * smoothstep(-0.3, 0.35, bands(across * 3.2, (px / radius) * 0.5 + across));
  });
  // Night side: lit from the upper left.
  canvas.veil(box, rim, (px, py) => body(px, py) * 0.92 * smoothstep(-0.35, 0.85, (px - x + (py - y) * 0.7) / radius));
  ring(true);
}

/** A head-and-shoulders portrait, symmetric but for its antenna. */
export function paintRobot(canvas: Canvas, vision: Vision, richness: number): void {
  const { random, accent, sky } = vision;
  const steelHue = pick(random, [sky[1][2], accent[2], 220, 30]);
  const [bright, steel, dark] = [rgb([0.9, 0.04, steelHue]), rgb([0.66, 0.07, steelHue]), rgb([0.24, 0.05, steelHue])];
  const glow = rgb([0.86, 0.15, pick(random, [190, 150, 85, 330])]);
  const [width, height] = [between(random, 0.36, 0.44), between(random, 0.3, 0.36)];
  const [left, top] = [0.5 - width / 2, 0.5 - height * 0.72];
  const corner = between(random, 0.05, 0.13);
  const box = (x: number, y: number, w: number, h: number, round: number, from: Rgb, to: Rgb, alpha = 1) =>
    canvas.roundBox({ x, y, width: w, height: h, corner: round }, from, to, alpha);
  canvas.disc(0.5, 0.47, 0.46, glow, 0.3, 1);
  // Shoulders, neck, ears: behind the head.
  box(0.17, top + height + 0.1, 0.66, 0.6, 0.16, steel, dark);
  box(0.2, top + height + 0.12, 0.6, 0.5, 0.14, bright, steel, 0.35);
  box(0.42, top + height - 0.02, 0.16, 0.16, 0.02, dark, steel);
  for (let line = 0; line < 3; line += 1)
    box(0.42, top + height + 0.015 + line * 0.027, 0.16, 0.008, 0.003, bright, steel, 0.5);
  for (const side of [left - 0.035, left + width - 0.02])
    box(side, top + height * 0.32, 0.055, height * 0.36, 0.02, steel, dark);
  // Antenna.
  const lean = between(random, -0.05, 0.05);
  for (let step = 0; step <= 60; step += 1)
    canvas.disc(0.5 + lean * (step / 60) ** 2, top - 0.1 * (step / 60), 0.006, steel, 1, 0.2);
  canvas.disc(0.5 + lean, top - 0.1, 0.05, glow, 0.5, 1);
  canvas.disc(0.5 + lean, top - 0.1, 0.017, blend(glow, [1, 1, 1], 0.4), 1, 0.1);
  // Head, with a shadow below and light from above.
  box(left + 0.01, top + 0.025, width - 0.02, height, corner, dark, dark, 0.45);
  box(left, top, width, height, corner, bright, steel);
  box(left + 0.014, top + 0.01, width - 0.028, height * 0.3, corner * 0.8, [1, 1, 1], bright, 0.4);
  // Face plate, eyes, mouth.
  const plate = { x: left + width * 0.1, y: top + height * 0.2, w: width * 0.8, h: height * 0.62 };
  box(plate.x, plate.y, plate.w, plate.h, corner * 0.75, rgb([0.2, 0.04, steelHue]), rgb([0.13, 0.03, steelHue]));
  const [eye, apart, isRound] = [between(random, 0.034, 0.046), width * between(random, 0.18, 0.22), random() < 0.6];
  for (const x of [0.5 - apart, 0.5 + apart]) {
    const y = plate.y + plate.h * 0.4;
    canvas.disc(x, y, eye * 2.4, glow, 0.5, 1);
    if (isRound) canvas.disc(x, y, eye, glow, 1, 0.06);
    else box(x - eye, y - eye * 0.7, eye * 2, eye * 1.4, eye * 0.4, glow, glow);
    canvas.disc(x, y, eye * 0.5, [1, 1, 1], 0.75, 0.9);
  }
  const bars = 5 + 2 * Math.floor(random() * 2);
  for (let bar = 0; bar < bars; bar += 1) {
    const place = bar / (bars - 1) - 0.5;
    const tall = 0.013 + 0.03 * Math.cos(place * 3) * between(random, 0.5, 1);
    box(0.5 + place * width * 0.42 - 0.007, plate.y + plate.h * 0.78 - tall / 2, 0.014, tall, 0.005, glow, glow, 0.9);
  }
  // Rivets and a lamp on the chest: more of them on richer tiers.
  for (const x of [left + 0.03, left + width - 0.03]) canvas.disc(x, top + height - 0.035, 0.008, dark, 0.6, 0.4);
  for (let lamp = 0; lamp < Math.min(5, richness + 1); lamp += 1) {
    const x = 0.5 + (lamp - Math.min(5, richness + 1) / 2 + 0.5) * 0.07;
    canvas.disc(x, top + height + 0.24, 0.03, glow, 0.4, 1);
    canvas.disc(x, top + height + 0.24, 0.013, lamp % 2 === 0 ? glow : bright, 1, 0.1);
  }
}
