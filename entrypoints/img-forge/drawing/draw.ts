// Draws the picture that a vision describes, layer by layer, so that whoever waits can be told how far it is and can stop it.
import type { Pixels } from "../png.ts";
import { Canvas } from "./canvas.ts";
import { paintRibbons, paintRobot, paintSpace } from "./indoors.ts";
import { paintCity, paintDunes, paintForest, paintMeadow, paintMountains } from "./land.ts";
import { between } from "./random.ts";
import { paintSea } from "./sea.ts";
import { type Orb, paintSky, paintWeather } from "./sky.ts";
import type { Motif, Vision } from "./vision.ts";

/** Where the sky ends, as a share of the height. */
const HORIZONS: Readonly<Record<Exclude<Motif, "space" | "robot" | "ribbons">, number>> = {
  sea: 0.6,
  forest: 0.62,
  mountains: 0.52,
  city: 0.66,
  desert: 0.58,
  meadow: 0.5,
};

/**
 * Yields before each layer; the return value is the picture. The same vision gives the same picture, but only once: drawing uses up
 * its random numbers.
 *
 * @param size the side, in pixels
 * @param richness 1 to 5: how much detail there is
 */
export function* draw(vision: Vision, size: number, richness: number): Generator<void, Pixels> {
  const canvas = new Canvas(size);
  yield;
  const { motif } = vision;
  if (motif === "space") {
    paintSpace(canvas, vision, richness);
  } else if (motif === "ribbons" || motif === "robot") {
    paintRibbons(canvas, vision, motif === "robot" ? 1 : richness);
    yield;
    if (motif === "robot") paintRobot(canvas, vision, richness);
  } else {
    const horizon = HORIZONS[motif] + between(vision.random, -0.04, 0.04);
    const orb = paintSky(canvas, vision, horizon, richness);
    yield;
    paintGround(canvas, vision, motif, horizon, orb, richness);
  }
  yield;
  paintWeather(canvas, vision, richness);
  return { width: size, height: size, rgb: canvas.toRgb() };
}

function paintGround(
  canvas: Canvas,
  vision: Vision,
  motif: keyof typeof HORIZONS,
  horizon: number,
  orb: Orb,
  richness: number,
): void {
  if (motif === "sea") paintSea(canvas, vision, horizon, orb, richness);
  else if (motif === "forest") paintForest(canvas, vision, horizon, richness);
  else if (motif === "mountains") paintMountains(canvas, vision, horizon, richness);
  else if (motif === "city") paintCity(canvas, vision, horizon, richness);
  else if (motif === "desert") paintDunes(canvas, vision, horizon, orb, richness);
  else paintMeadow(canvas, vision, horizon, richness);
}
