// The scene of a prompt: each feature from its words or, where they are silent, from its hash.
import { blend, hex, type Rgb } from "./canvas.ts";
import { pick, type Random, randomFrom } from "./numbers.ts";
import { THINGS, thingNamed } from "./things.ts";
import { COLOURS, namesIn } from "./vocabulary.ts";

export interface Scene {
  readonly seed: string;
  /** Names of its time, weather, places and lights. */
  readonly features: ReadonlySet<string>;
  /** Things, each with the colour that the prompt names. */
  readonly things: readonly { readonly name: string; readonly colour: Rgb | undefined }[];
  /** Cover by clouds, 0 to 1. */
  readonly cloudiness: number;
  readonly palette: string;
  /** Colours of the sky, from top to horizon. */
  readonly sky: readonly [Rgb, Rgb, Rgb];
  /** Colour of sun, moon and lamps. */
  readonly glow: Rgb;
  /** Colour of a white surface in this light. */
  readonly ambient: Rgb;
}

/** Palettes by time: a name, then `sky`, `glow` and `ambient`. */
const PALETTES: Readonly<Record<string, readonly [string, string]>> = {
  day: ["clear blue day,2f7cc8,86bdea,e6f3f6,fff6d0,ffffff", "turquoise day,2a8fb8,8fd0da,f0f6e6,fff3c4,fffaf0"],
  dawn: ["pastel dawn,7d8cc8,e3a9c4,fde3c0,fff0c8,e6d2dc", "peach dawn,6f9ccf,f0b9a8,ffe9c9,fff2d0,f0dcd0"],
  sunset: ["warm amber sunset,4a2c72,d9534f,fdc065,ffe6a0,b98a86", "rose sunset,2e2a66,b0487f,ffab7a,ffdca8,a88298"],
  night: ["deep indigo night,0b1030,1d2a5e,44518c,ffeebc,5f6c9c", "teal night,071426,12365a,3a6c88,fff2cc,5a7896"],
};
const CLOUDINESS: Readonly<Record<string, number>> = { clouds: 0.2, snow: 0.35, fog: 0.5, rain: 0.7 };
const PLACES = "sea shore cliff mountains hills meadow city forest desert room space plain abstract".split(" ");

/** Reads a prompt, without what `negativePrompt` names. Random choices follow from `seed`. */
export function readScene(prompt: string, negativePrompt: string, seed: string): Scene {
  const unwanted = namesIn(negativePrompt).map(({ name }) => name);
  const features = new Set<string>();
  const things: Scene["things"][number][] = [];
  const many = /\b(two|2|zwei|deux|dos)\b/i.test(prompt) ? 2 : 3;
  let colour: Rgb | undefined;
  for (const { name, isPlural } of namesIn(prompt).filter((one) => !unwanted.includes(one.name))) {
    if (name in COLOURS) colour = hex(name);
    else if (!(name in THINGS)) features.add(name);
    else if (!things.some((thing) => thing.name === name)) {
      things.push(...Array.from({ length: isPlural ? many : 1 }, () => ({ name, colour })));
      colour = undefined;
    }
  }
  const random = randomFrom(seed);
  addUsual(features, things, random);
  for (const name of unwanted) features.delete(name);
  return { seed, features, things: things.slice(0, 6), ...lightOf(features, colour, random) };
}

/** Adds what the prompt leaves open. */
function addUsual(features: Set<string>, things: Scene["things"], random: Random): void {
  const has = (...names: readonly string[]) => names.some((name) => features.has(name));
  const entries = things.map(({ name }) => thingNamed(name));
  const usual = features.size === 0 ? "abstract" : pick(random, ["hills", "sea", "mountains"]);
  if (!has(...PLACES)) features.add(entries[0]?.place ?? usual);
  const isOutdoors = !has("room", "plain", "space", "abstract");
  if (has("cliff", "shore") || (isOutdoors && entries.some(({ place }) => place === "sea"))) features.add("sea");
  if (has("sea") && !has("cliff") && entries.some(({ foot }) => foot > 0.8)) features.add("shore");
  if (has("forest", "meadow", "mountains")) features.add("hills");
  if (!has(...Object.keys(PALETTES)))
    features.add(has("moon", "stars", "space") ? "night" : pick(random, ["day", "dawn", "sunset"]));
  if (!isOutdoors && !has("room")) return;
  for (const light of has("night") ? ["moon", "stars"] : ["sun"]) features.add(light);
}

/** Weather and colours; `tint` is a colour that the prompt names for the whole scene. */
function lightOf(features: ReadonlySet<string>, tint: Rgb | undefined, random: Random) {
  const time = [...features].find((name) => name in PALETTES) ?? "day";
  const [palette = "", ...codes] = pick(random, PALETTES[time] ?? ["", ""]).split(",");
  const cloudiness = Math.max(0, ...Array.from(features, (name) => CLOUDINESS[name] ?? 0));
  const colours = codes.map((code, index): Rgb => {
    const pure = tint && index < 3 ? blend(hex(code), tint, 0.45) : hex(code);
    const grey = (pure[0] + 2 * pure[1] + pure[2]) / 4;
    return blend(pure, [grey, grey, grey], cloudiness);
  });
  const [top, middle, bottom, glow, outdoors] = colours as [Rgb, Rgb, Rgb, Rgb, Rgb]; // as many as a palette has
  const isLamplit = ["room", "plain", "space"].some((name) => features.has(name));
  const ambient = isLamplit ? blend(outdoors, hex("fff0dc"), 0.7) : outdoors;
  return { cloudiness, palette, sky: [top, middle, bottom] as const, glow, ambient };
}
