// The pictures that the img-forge reference Worker draws itself: what a prompt names is where it
// should be, in its colour. Jobs, tiers and addresses are in test/slow/img-forge.test.ts.
import { expect, it } from "vitest";
import { draw } from "../../entrypoints/img-forge/drawing/draw.ts";
import { sceneOf } from "../../entrypoints/img-forge/job.ts";
import { encodePng, type Pixels } from "../../entrypoints/img-forge/png.ts";
import { decodePng } from "../support/decode-png.ts";

const SIZE = 256;

interface Input {
  readonly prompt: string;
  readonly negativePrompt?: string;
}

function pictureOf({ prompt, negativePrompt = "" }: Input): Pixels {
  const painting = draw(sceneOf({ prompt, negativePrompt, tier: "draft", model: "procedural" }), SIZE);
  for (;;) {
    const layer = painting.next();
    if (layer.done) return layer.value;
  }
}

type Area = readonly [left: number, top: number, right: number, bottom: number];
const TOP: Area = [0, 0, 1, 0.1];

/** The mean colour in a part of a picture, 0 to 255. The sides of `area` are shares of its side. */
function colourOf(input: Input, area: Area) {
  const { width, rgb } = pictureOf(input);
  const [left, top, right, bottom] = area.map((side) => Math.round(side * SIZE));
  const mean = { red: 0, green: 0, blue: 0 };
  const share = 1 / (((right ?? 0) - (left ?? 0)) * ((bottom ?? 0) - (top ?? 0)));
  for (let row = top ?? 0; row < (bottom ?? 0); row += 1) {
    for (let at = 3 * (row * width + (left ?? 0)); at < 3 * (row * width + (right ?? 0)); at += 3) {
      mean.red += share * (rgb[at] ?? 0);
      mean.green += share * (rgb[at + 1] ?? 0);
      mean.blue += share * (rgb[at + 2] ?? 0);
    }
  }
  return mean;
}

/** The pixels of a PNG file whose rows all use Paeth's filter (section 9.4). */
function pixelsOf(file: Uint8Array) {
  const { width, height, rows } = decodePng(file);
  const stride = width * 3;
  const rgb = Buffer.alloc(stride * height);
  for (let row = 0; row < height; row += 1) {
    if (rows[row * (stride + 1)] !== 4) throw new Error("another filter");
    for (let at = row * stride; at < (row + 1) * stride; at += 1) {
      const hasLeft = at >= row * stride + 3;
      const left = hasLeft ? (rgb[at - 3] ?? 0) : 0;
      const above = rgb[at - stride] ?? 0;
      const corner = hasLeft ? (rgb[at - stride - 3] ?? 0) : 0;
      const [nearest = 0] = [left, above, corner].toSorted(
        (a, b) => Math.abs(left + above - corner - a) - Math.abs(left + above - corner - b),
      );
      rgb[at] = (rows[at + row + 1] ?? 0) + nearest;
    }
  }
  return { width, height, rgb };
}

it("a file has the pixels that were drawn", async () => {
  const drawn = pictureOf({ prompt: "a lighthouse on a cliff at sunset" });
  expect(pixelsOf(await encodePng(drawn))).toEqual({ ...drawn, rgb: Buffer.from(drawn.rgb) });
});

it("the sky is dark at night and light by day", () => {
  for (const subject of ["a lighthouse on a cliff", "a forest", "mountains", "a city"]) {
    const night = colourOf({ prompt: `${subject} at night` }, TOP);
    const day = colourOf({ prompt: `${subject} by day` }, TOP);
    expect(night.red + night.green + night.blue, `${subject} at night`).toBeLessThan(240);
    expect(day.red + day.green + day.blue, `${subject} by day`).toBeGreaterThan(400);
  }
});

it("a lighthouse has its tower where a cliff, mountains and the sea have sky", () => {
  // The red stripes of the tower.
  const tower: Area = [0.2, 0.25, 0.24, 0.5];
  const lighthouse = colourOf({ prompt: "a lighthouse on a cliff by day" }, tower);
  expect(lighthouse.red - lighthouse.blue).toBeGreaterThan(40);
  for (const prompt of ["a cliff by day", "mountains by day", "the sea by day"]) {
    const sky = colourOf({ prompt }, tower);
    expect(sky.red - sky.blue, prompt).toBeLessThan(0);
  }
});

it("a colour word colours the thing after it", () => {
  const front: Area = [0.3, 0.75, 0.5, 0.85];
  const red = colourOf({ prompt: "a red house by day" }, front);
  const blue = colourOf({ prompt: "a blue house by day" }, front);
  expect(red.red - red.blue).toBeGreaterThan(50);
  expect(blue.blue - blue.red).toBeGreaterThan(20);
});

it("whole words, plurals and words of other scripts count, parts of longer words do not", () => {
  const fur: Area = [0.3, 0.75, 0.34, 0.85];
  for (const prompt of ["a cat by day", "кот", "猫", "🐱", "three cats by day"]) {
    const { red, blue } = colourOf({ prompt }, prompt.startsWith("three") ? [0.43, 0.73, 0.46, 0.8] : fur);
    expect(red - blue, prompt).toBeGreaterThan(50);
  }
  const { red, blue } = colourOf({ prompt: "catalogue of meadows by day" }, fur);
  expect(red - blue).toBeLessThan(50);
});

it("a negative prompt removes its things", () => {
  const sail: Area = [0.4, 0.45, 0.5, 0.6];
  const prompt = "a blue boat by day";
  const drawn = colourOf({ prompt }, sail);
  const left = colourOf({ prompt, negativePrompt: "boats" }, sail);
  expect(drawn.blue - drawn.red).toBeLessThan(10);
  expect(left.blue - left.red).toBeGreaterThan(20);
});

it("any subject is drawn", () => {
  const prompts = [
    "a friendly robot",
    "a",
    "ocean",
    "snowy mountains",
    "desert",
    "meadow",
    "galaxy",
    "rainy city",
    "🙂",
    "x".repeat(2000),
  ];
  for (const prompt of prompts) expect(pictureOf({ prompt }).rgb.length, prompt).toBe(3 * SIZE * SIZE);
});
