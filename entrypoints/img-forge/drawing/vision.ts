// From words to what is drawn: subject, light and colours, each from words of the prompt (some languages' words are known) or, where
// the prompt is silent, from its hash. What the negative prompt names is left out.
import { type Lch, mixLch } from "./colour.ts";
import { between, pick, type Random, randomFrom } from "./random.ts";

export type Motif = "sea" | "forest" | "mountains" | "city" | "desert" | "meadow" | "space" | "robot" | "ribbons";
export type Light = "day" | "dawn" | "sunset" | "night" | "storm";
export type Extra = "stars" | "moon" | "sun" | "clouds" | "birds" | "snow" | "rain" | "boat";

export interface Vision {
  readonly motif: Motif;
  readonly light: Light;
  readonly extras: ReadonlySet<Extra>;
  /** From the top of the sky to the horizon. */
  readonly sky: readonly [Lch, Lch, Lch];
  /** The land or water farthest away, and nearest. */
  readonly far: Lch;
  readonly near: Lch;
  /** Sun, moon, lit windows, flowers. */
  readonly accent: Lch;
  /** The colours' name, as style words have it. */
  readonly palette: string;
  /** The same words give the same numbers. */
  readonly random: Random;
}

const MOTIFS: readonly (readonly [Motif, RegExp])[] = [
  ["robot", /robot|android|cyborg|droid|mech\b|machine|roboter|ロボット|机器人/iu],
  ["space", /space|galax|planet|nebula|cosm|universe|orbit|astronaut|rocket|weltall|espace|宇宙|星系|银河|銀河/iu],
  [
    "sea",
    /\bsea\b|ocean|beach|wave|coast|shore|lake|water|sail|ship|boat|harbou?r|island|meer|\bmer\b|playa|海|湖|波|島|岛/iu,
  ],
  [
    "city",
    /city|skyline|street|town|skyscraper|building|urban|tokyo|new york|london|paris|berlin|stadt|ville|ciudad|東京|都市|街|京都|大阪|北京|上海|城/iu,
  ],
  ["forest", /forest|wood(s|land)?\b|tree|jungle|pine|wald|forêt|bosque|森|林|木/iu],
  ["desert", /desert|dune|sahara|sand|cactus|wüste|désert|desierto|砂漠|沙漠/iu],
  ["mountains", /mountain|alps|hill|peak|summit|valley|cliff|canyon|himalaya|berg|montagne|montaña|山|谷/iu],
  ["meadow", /meadow|flower|garden|field|grass|spring|rose|tulip|prairie|wiese|blume|fleur|flor|花|庭|草/iu],
];
const LIGHTS: readonly (readonly [Light, RegExp])[] = [
  ["night", /night|midnight|moon|star(s|ry|light)?\b|dark|neon|nacht|nuit|noche|夜|月|星/iu],
  ["sunset", /sunset|sundown|dusk|evening|twilight|golden hour|abend|sonnenuntergang|coucher|atardecer|夕|黄昏|日落/iu],
  ["dawn", /sunrise|dawn|morning|morgen|aube|amanecer|matin|朝|日出|晨/iu],
  ["storm", /storm|rain|thunder|fog|mist|grey|gray|gloomy|regen|nebel|pluie|brume|lluvia|雨|嵐|霧|雾/iu],
  ["day", /\bday|sunny|noon|bright|summer|blue sky|tag\b|jour\b|昼|晴|白天/iu],
];
const HUES: readonly (readonly [name: string, hue: number, RegExp])[] = [
  ["crimson", 22, /\bred\b|crimson|scarlet|ruby|blood|\brot\b|rouge|rojo|赤|红|紅/iu],
  ["orange", 55, /orange|amber|copper|autumn|fire|flame|herbst|火|秋|橙/iu],
  ["golden", 88, /gold|yellow|honey|wheat|gelb|jaune|dorado|金|黄色/iu],
  ["green", 148, /green|emerald|lime|moss|jade|grün|vert\b|verde|緑|绿/iu],
  ["teal", 195, /teal|turquoise|cyan|aqua|mint/iu],
  ["blue", 255, /\bblue|azure|sapphire|cobalt|blau|bleu|azul|青|蓝|藍/iu],
  ["violet", 300, /purple|violet|lavender|indigo|amethyst|lila|紫/iu],
  ["rose", 355, /pink|magenta|rose\b|coral|cherry|rosa|桜|樱|粉/iu],
];
const EXTRAS: readonly (readonly [Extra, RegExp])[] = [
  ["stars", /star|milky|星/iu],
  ["moon", /moon|月/iu],
  ["sun", /sun|太陽|太阳|日出|日落/iu],
  ["clouds", /cloud|wolke|nuage|nube|雲|云/iu],
  ["birds", /bird|gull|crow|vogel|oiseau|鳥|鸟/iu],
  ["snow", /snow|winter|frost|ice\b|arctic|schnee|neige|nieve|雪|冬|氷/iu],
  ["rain", /rain|storm|regen|pluie|lluvia|雨/iu],
  ["boat", /boat|ship|sail|yacht|schiff|bateau|barco|船|舟/iu],
];

/** What belongs to each light where nobody says otherwise. */
const USUAL_EXTRAS: Readonly<Record<Light, readonly Extra[]>> = {
  day: ["sun", "clouds"],
  dawn: ["sun", "clouds", "birds"],
  sunset: ["sun", "clouds", "birds"],
  night: ["stars", "moon"],
  storm: ["clouds", "rain"],
};

const SKIES: Readonly<Record<Light, readonly [Lch, Lch, Lch]>> = {
  day: [
    [0.6, 0.13, 250],
    [0.78, 0.08, 235],
    [0.94, 0.03, 215],
  ],
  dawn: [
    [0.58, 0.08, 275],
    [0.79, 0.09, 350],
    [0.93, 0.07, 75],
  ],
  sunset: [
    [0.36, 0.13, 295],
    [0.62, 0.18, 25],
    [0.87, 0.14, 78],
  ],
  night: [
    [0.15, 0.05, 275],
    [0.26, 0.09, 278],
    [0.44, 0.1, 285],
  ],
  storm: [
    [0.34, 0.03, 255],
    [0.52, 0.03, 245],
    [0.74, 0.03, 230],
  ],
};
const ACCENTS: Readonly<Record<Light, Lch>> = {
  day: [0.97, 0.06, 95],
  dawn: [0.95, 0.09, 80],
  sunset: [0.93, 0.14, 75],
  night: [0.95, 0.04, 95],
  storm: [0.86, 0.02, 220],
};
/** Hue and chroma of the ground. */
const GROUNDS: Readonly<Record<Motif, readonly [hue: number, chroma: number]>> = {
  sea: [235, 0.09],
  forest: [155, 0.07],
  mountains: [265, 0.06],
  city: [275, 0.06],
  desert: [58, 0.1],
  meadow: [135, 0.11],
  space: [290, 0.1],
  robot: [255, 0.05],
  ribbons: [280, 0.1],
};

/** How dark the nearest ground is: against a low light everything is a silhouette. */
const NEAR_LIGHTNESS: Readonly<Record<Light, number>> = {
  day: 0.4,
  dawn: 0.31,
  sunset: 0.21,
  night: 0.14,
  storm: 0.23,
};

/** Reads a prompt. `seed` is everything that the picture follows from. */
export function imagine(prompt: string, negativePrompt: string, seed: string): Vision {
  const random = randomFrom(seed);
  const asked = <Name>(table: readonly (readonly [Name, ...unknown[], RegExp])[]) =>
    table.flatMap((row) => {
      const pattern = row[row.length - 1] as RegExp; // every row of these tables ends with its pattern
      return pattern.test(prompt) && !pattern.test(negativePrompt) ? [row[0]] : [];
    });
  const unwanted = <Name>(table: readonly (readonly [Name, RegExp])[], name: Name) =>
    table.some(([one, pattern]) => one === name && pattern.test(negativePrompt));
  const motif = asked(MOTIFS)[0] ?? "ribbons";
  const [first = "day", ...others] = (["dawn", "sunset", "night", "day"] as const).filter(
    (light) => !unwanted(LIGHTS, light),
  );
  const light = asked(LIGHTS)[0] ?? (motif === "space" ? "night" : pick(random, [first, ...others]));
  const named = asked(HUES)[0];
  const hue = HUES.find(([name]) => name === named)?.[1];
  const drift = between(random, -14, 14);
  const extras = [...asked(EXTRAS), ...USUAL_EXTRAS[light]].filter((extra) => !unwanted(EXTRAS, extra));
  const [groundHue, groundChroma] = GROUNDS[motif];
  const sky = SKIES[light].map(([l, c, h], index) => tint([l, c, h + drift], hue, index === 0 ? 0.55 : 0.8)) as [
    Lch,
    Lch,
    Lch,
  ]; // maps three to three
  const horizon = sky[2];
  const snow = extras.includes("snow") ? 0.2 : 0;
  return {
    motif,
    light,
    extras: new Set(extras),
    sky,
    far: tint(
      mixLch([horizon[0] * 0.84, horizon[1], horizon[2]], [0.5 + snow, groundChroma, groundHue], 0.42),
      hue,
      0.2,
    ),
    near: tint([NEAR_LIGHTNESS[light] + snow, groundChroma * (0.7 - snow), groundHue + drift], hue, 0.12),
    accent: tint(ACCENTS[light], hue, 0.6),
    palette:
      named ??
      { day: "clear blue", dawn: "pastel", sunset: "warm amber", night: "deep indigo", storm: "muted grey" }[light],
    random,
  };
}

/** The words that describe how `vision` is drawn. */
export function styleWords({ motif, light, palette, extras }: Vision): string[] {
  const subject =
    { ribbons: "abstract flowing ribbons", robot: "geometric robot portrait" }[motif as string] ?? `${motif} scene`;
  const isOutdoors = motif !== "ribbons" && motif !== "robot" && motif !== "space";
  const shown = [...extras].filter(
    (extra) => extra === "snow" || extra === "rain" || (extra === "boat" ? motif === "sea" : isOutdoors),
  );
  return [subject, `${light} light`, `${palette} palette`, ...shown, "layered depth", "soft gradients"];
}

/** Turns a colour towards a hue that was asked for. */
function tint([lightness, chroma, hue]: Lch, wanted: number | undefined, strength: number): Lch {
  if (wanted === undefined) return [lightness, chroma, hue];
  return [lightness, Math.max(chroma, 0.11 * strength), turn(hue, wanted, strength)];
}

/** From one hue towards another, the short way round. */
function turn(from: number, to: number, share: number): number {
  const way = ((((to - from) % 360) + 540) % 360) - 180;
  return from + way * share;
}
