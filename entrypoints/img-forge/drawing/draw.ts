// Draws a scene, layer by layer from far to near.
import type { Pixels } from "../png.ts";
import { blend, type Canvas, hex, type Point, paintPolygon, type Rgb } from "./canvas.ts";
import { mix, noise, pick, type Random, randomFrom, smoothstep } from "./numbers.ts";
import type { Scene } from "./scene.ts";
import { SCENERY, thingNamed } from "./things.ts";
import { colourNamed } from "./vocabulary.ts";

/** A scene and all that it is painted with; `orb` is the middle of sun or moon. */
type Stage = Scene & { readonly canvas: Canvas; readonly random: Random; readonly orb: Point };
/** Place of zero, scale (1: as written) and distance, from 0 (near) to 1 (lost in haze). */
type Spot = readonly [x: number, y: number, scale: number, distance?: number];

const [WHITE, SHADE] = [hex("ffffff"), hex("14143c")];
const HORIZON = 0.58;

/** Yields between layers, returns `size` by `size` pixels: equal ones for equal scenes. */
export function* draw(scene: Scene, size: number): Generator<void, Pixels> {
  const random = randomFrom(scene.seed);
  const has = (name: string) => scene.features.has(name);
  const orb = [mix(0.68, 0.82, random()), (has("sunset") || has("dawn") ? 0.36 : 0.16) + 0.1 * random()] as const;
  const light = new Float32Array(size * size * 3);
  const stage: Stage = { ...scene, canvas: { size, light }, random, orb };
  yield;
  paintSky(stage);
  if (has("mountains")) strew(stage, SCENERY.mountain, ["white"], [9, HORIZON, 0.64, 0.8, 0.4]);
  if (has("city")) paintCity(stage);
  yield;
  if (has("desert")) paintRidges(stage, Array<Rgb>(4).fill(hex("e0ac69")), [HORIZON, 0.8]);
  if (has("hills")) paintRidges(stage, Array<Rgb>(4).fill(hex(has("snow") ? "ffffff" : "7fae52")), [HORIZON, 0.8]);
  if (has("forest")) strew(stage, thingNamed("fir").parts, ["green"], [70, 0.6, 0.9, 0.2, 1]);
  if (has("meadow")) strew(stage, thingNamed("flower").parts, ["red", "yellow", "pink"], [80, 0.8, 1.03, 0.07, 0.19]);
  if (has("sea")) paintSea(stage);
  if (has("cliff")) paintParts(stage, SCENERY.cliff, WHITE, [0, 1, 1]);
  else if (has("shore")) paintRidges(stage, [hex("ecd3a0")], [0.79, 0.79]);
  if (has("abstract")) paintRidges(stage, [...scene.sky, scene.glow, ...scene.sky], [0.2, 0.95]);
  if (has("plain") && scene.things.length > 0) paintParts(stage, SCENERY.disc, WHITE, [0.5, 0.5, 82]);
  if (has("room")) paintParts(stage, SCENERY.room, scene.sky[2], [0, 1, 1]);
  yield;
  paintThings(stage);
  if (has("rain")) strew(stage, SCENERY.drop, ["white"], [250, 0, 1, 0.6, 1.2]);
  if (has("snow")) strew(stage, SCENERY.disc, ["white"], [180, 0, 1, 0.4, 1.2]);
  return { width: size, height: size, rgb: new Uint8Array(new Uint8ClampedArray(light).buffer) };
}

function paintSky(stage: Stage): void {
  const { canvas, random, features, sky, glow, orb, cloudiness } = stage;
  const [isSpace, isNight] = [features.has("space"), features.has("night")];
  const cover = features.has("plain") ? 1 : 0.05 - cloudiness / 2;
  const cloud = blend(isSpace ? hex(pick(random, ["8a3a9c", "1f7f98"])) : sky[2], glow, isNight ? 0.1 : 0.4);
  const shift = random() * 90;
  paintPolygon(canvas, boxOf(0, 0, 1), (x, y) => {
    const height = isSpace ? y / 2 : y / HORIZON;
    const base = height < 0.5 ? blend(sky[0], sky[1], 2 * height) : blend(sky[1], sky[2], Math.min(1, 2 * height - 1));
    const near = isSpace ? 0 : Math.exp(-16 * ((x - orb[0]) ** 2 + (y - orb[1]) ** 2));
    const density = height < 1 ? smoothstep(cover, cover + 0.35, noise(x * 3 + shift, height * 8, 4)) : 0;
    return blend(blend(base, glow, near / 2), cloud, 0.75 * density * smoothstep(1, 0.6, height));
  });
  if (cloudiness >= 0.5) return;
  if (isSpace || features.has("stars")) strew(stage, SCENERY.disc, ["white"], [isSpace ? 300 : 100, 0.9, 0, 0.2, 0.6]);
  if (features.has("moon")) paintParts(stage, SCENERY.moon, WHITE, [...orb, 11]);
  else if (features.has("sun")) paintParts(stage, SCENERY.disc, WHITE, [...orb, 11]);
}

type Strewing = readonly [count: number, farY: number, nearY: number, farScale: number, nearScale: number];

/** Paints parts many times over, from far to near, each in one of the colours. */
function strew(stage: Stage, parts: string, colours: readonly [string, ...string[]], strewing: Strewing): void {
  const [count, farY, nearY, farScale, nearScale] = strewing;
  for (let index = 0; index < count; index += 1) {
    const share = index / count;
    const scale = mix(farScale, nearScale, share) * mix(0.8, 1.2, stage.random());
    const colour = colourNamed(pick(stage.random, colours));
    paintParts(stage, parts, colour, [stage.random(), mix(farY, nearY, share), scale, 0.7 * (1 - share)]);
  }
}

/** Paints a range of hills in each colour, from far to near. */
function paintRidges(stage: Stage, colours: readonly Rgb[], [far, near]: Point): void {
  for (const [index, colour] of colours.entries()) {
    const share = (index + 1) / colours.length;
    const [y, shift] = [mix(far, near, share), stage.random() * 200];
    const xs = Array.from({ length: 101 }, (_, step) => step / 100);
    const line = xs.map((x): Point => [x, y - 0.07 * noise(3 * x + shift, 0, 2)]);
    const [crest, foot] = [lit(stage, colour, 0.6 * (1 - share)), lit(stage, hex("24405a"))];
    const ink = (_: number, place: number) => blend(crest, foot, 0.35 * smoothstep(y - 0.07, y + 0.16, place));
    paintPolygon(stage.canvas, [[0, 1.1], ...line, [1, 1.1]], ink);
  }
}

function paintCity(stage: Stage): void {
  const { canvas, random, features, glow } = stage;
  const darkness = features.has("night") ? 0 : 0.3;
  for (const share of [0, 0.5, 1]) {
    const wall = lit(stage, blend(hex("8a93b0"), hex("3c4564"), share), 0.6 * (1 - share));
    for (let left = -0.03; left < 1; left += mix(0.06, 0.13, random())) {
      const top = HORIZON - mix(0.1, 0.45, random() ** 2) + 0.2 * share;
      paintPolygon(canvas, boxOf(left, top, left + mix(0.06, 0.1, random())), (x, y) => {
        const [column, row] = [(x - left) / 0.016, (y - top) / 0.022];
        const isLit = noise(Math.floor(column) * 7 + 90 * left, Math.floor(row) * 5, 1) > darkness;
        return isLit && column % 1 > 0.5 && row % 1 > 0.45 ? glow : wall;
      });
    }
  }
  paintPolygon(canvas, boxOf(0, 0.85, 1), () => lit(stage, hex("555a6a")));
}

function paintSea(stage: Stage): void {
  const { canvas, sky, glow, orb, cloudiness } = stage;
  const [mirror, deep] = [blend(sky[2], sky[1], 0.4), lit(stage, hex("1f6f9c"))];
  paintPolygon(canvas, boxOf(0, HORIZON, 1), (x, y) => {
    const depth = Math.max(0, y - HORIZON) / (1 - HORIZON);
    // Waves are wider the nearer they are.
    const swell = noise((x - 0.5) * mix(26, 4, depth ** 0.6), 10 / (depth + 0.035), 3);
    const water = blend(mirror, deep, Math.min(1, Math.max(0, depth ** 0.6 + 0.25 * swell)));
    const path = Math.abs(x - orb[0]) / mix(0.05, 0.25, depth);
    return blend(water, glow, (0.8 - cloudiness) * Math.exp(-path * path) * smoothstep(-0.05, 0.3, swell));
  });
}

/** A rectangle down to the lower edge of the picture. */
function boxOf(left: number, top: number, right: number): Point[] {
  return [0, 1, 2, 3].map((corner) => [corner < 2 ? left : right, corner % 3 === 0 ? 1 : top]);
}

function paintThings(stage: Stage): void {
  const { features, things } = stage;
  const isAfloat = features.has("plain") || features.has("space");
  const scale = (isAfloat ? 4.8 : 4) / (3 + things.length);
  for (const [index, { name, colour }] of things.entries()) {
    const { foot, colour: usual, parts } = thingNamed(name);
    const isOnCliff = features.has("cliff") && foot > 0.8;
    const x = things.length === 1 && !isAfloat ? 0.4 : 0.1 + (0.8 * (index + 0.5)) / things.length;
    const y = isAfloat ? 0.5 + 0.26 * scale : (isOnCliff ? 0.61 : foot) - 0.05 * (index % 2);
    const spot = [isOnCliff ? 0.55 * x : x, y, scale, features.has("fog") ? 0.3 : 0] as const;
    paintParts(stage, parts, colour ?? colourNamed(usual), spot);
  }
}

/** A surface in the light of the scene. */
function lit({ ambient, sky, features }: Scene, [red, green, blue]: Rgb, distance = 0): Rgb {
  const near: Rgb = [(red * ambient[0]) / 255, (green * ambient[1]) / 255, (blue * ambient[2]) / 255];
  return blend(near, sky[2], Math.min(1, distance * (features.has("fog") ? 1.5 : 1)));
}

/** Paints parts; `own` is the colour of their `*`. */
function paintParts(stage: Stage, parts: string, own: Rgb, [x, y, scale, distance = 0]: Spot): void {
  for (const part of parts.trim().split(/;\s*/)) {
    const [fill = "", form = "", ...places] = part.split(" ");
    const colour = colourOf(stage, fill, own);
    const light = fill.startsWith("lamp") ? colour : lit(stage, colour, distance);
    const shade = fill.startsWith("lamp") ? colour : blend(light, SHADE, 0.3);
    // Light comes from the right.
    const ink = (place: number) => blend(shade, light, Math.min(1, Math.max(0, 0.5 + (3 * (place - x)) / scale)));
    for (const outline of outlinesOf(form, places)) {
      const points = outline.map(([right, up]): Point => [x + (right * scale) / 200, y - (up * scale) / 200]);
      paintPolygon(stage.canvas, points, ink);
    }
  }
}

function colourOf({ features, glow }: Scene, fill: string, own: Rgb): Rgb {
  const aged = (usual: string) => colourNamed(features.has("old") ? "white" : usual);
  const special: Readonly<Record<string, Rgb>> = { "*": own, lamp: glow, hair: aged("brown"), beard: aged("beige") };
  const word = fill.replace(/[-+]$/, "");
  const plain = special[word] ?? colourNamed(word);
  return word === fill ? plain : blend(plain, fill.endsWith("+") ? WHITE : SHADE, 0.25);
}

function outlinesOf(form: string, places: readonly string[]): Point[][] {
  const given = places.map((place) => place.split(",").map(Number)).map(([x = 0, y = 0]): Point => [x, y]);
  const points = form.endsWith("oval") ? ovalOf(given) : given;
  const mirrored = points.map(([x, y]): Point => [-x, y]).reverse();
  const outlines = form.startsWith("half") ? [[...points, ...mirrored]] : [points];
  if (form.startsWith("pair")) outlines.push(mirrored);
  return form.endsWith("curve") ? outlines.map((outline) => rounded(rounded(rounded(outline)))) : outlines;
}

function ovalOf([[x, y] = [0, 0], [width, height] = [0, 0]]: readonly Point[]): Point[] {
  const angles = Array.from({ length: 64 }, (_, step) => (step * Math.PI) / 32);
  return angles.map((angle) => [x + width * Math.cos(angle), y + height * Math.sin(angle)]);
}

/** Cuts each corner at a quarter of its edges (Chaikin's algorithm). */
function rounded(points: readonly Point[]): Point[] {
  return points.flatMap(([x, y], index): Point[] => {
    const [nextX, nextY] = points[(index + 1) % points.length] ?? [x, y];
    return [0.25, 0.75].map((share) => [mix(x, nextX, share), mix(y, nextY, share)]);
  });
}
