// Words of a prompt that a picture follows, and the search for them. For things: see things.ts.
import { hex, type Rgb } from "./canvas.ts";
import { THINGS, thingNamed } from "./things.ts";

/** Times, weathers, places, lights and age. */
const FEATURES = {
  day: "day daytime daylight noon midday sunny sunlit sunshine summer bright tag jour día 昼 白天 ☀",
  dawn: "dawn sunrise daybreak morning morgen matin aube amanecer 朝 夜明け 日出 晨 🌅",
  sunset: "sunset sundown golden_hour dusk evening twilight abend soir atardecer 夕 黄昏 日落 🌇",
  night: "night nighttime midnight moonlit moonlight starry starlit dark nacht nuit noche 夜 晚 🌃",
  rain: "rain rainy raining drizzle storm stormy thunderstorm wet regen pluie lluvia 雨 ☔ 🌧",
  snow: "snow snowy snowing snowfall winter frozen frosty icy arctic schnee neige nieve 雪 冬 ❄",
  fog: "fog foggy mist misty haze hazy nebel brume niebla 霧 雾 🌫",
  clouds: "cloud cloudy overcast wolke wolken nuage nube 雲 云 ☁",
  sea: "sea ocean lake river water wave harbour harbor bay island coast meer mer mar 海 湖 川 河 波 港 🌊",
  shore: "beach shore seaside strand plage playa 浜 沙滩 🏖",
  cliff: "cliff headland klippe falaise acantilado 崖",
  mountains: "mountain alps peak summit berg berge montagne montaña 山 ⛰ 🏔 🗻",
  hills: "hill hillside valley village countryside farm colline colina 丘 村",
  meadow: "meadow field grass garden park spring prairie wiese garten jardin prado 草 庭 花园",
  city: "city cities skyline new_york town street skyscraper downtown urban stadt ville ciudad 街 城 都市 東京 京都 🏙",
  forest: "forest wood woodland jungle wald forêt bosque лес лесу 森 林",
  desert: "desert dune sahara wüste désert desierto 砂漠 沙漠 🏜",
  room: "room indoors kitchen desk table shelf windowsill zimmer tisch 部屋 机",
  space: "space galaxy galaxies nebula cosmos universe orbit weltall espace espacio 宇宙 銀河 🌌",
  plain: "icon logo emblem sticker badge portrait studio bildnis retrato",
  abstract: "abstract pattern texture wallpaper abstrakt abstrait abstracto",
  moon: "moon mond lune luna 月 🌙 🌕",
  sun: "sun sonne soleil sol 太陽 太阳 🌞",
  stars: "star stern sterne étoile estrella 星 ⭐",
  old: "old elderly aged grandfather grandmother alter vieux viejo 老",
};

/** Colours by value, `rrggbb`. */
export const COLOURS = {
  cf3f34: "red crimson scarlet ruby rot roter rote rouge rojo 赤 红",
  e8833a: "orange amber copper autumn herbst 橙 秋",
  f4c64f: "yellow gold golden gelb jaune amarillo 黄色",
  "4f9a55": "green emerald mint grün vert verde 緑 绿",
  "3d7fc6": "blue azure turquoise teal blau bleu azul 青 蓝",
  "8458b8": "purple violet lavender lila morado 紫",
  ee8fb2: "pink magenta rosa 粉 桜",
  f6f2ea: "white ivory weiß blanc blanco 白",
  "949aa6": "grey gray silver grau gris 灰",
  "2b2d38": "black schwarz noir negro 黒 黑",
  "8a5b3d": "brown braun brun marrón 茶色",
  e6b18c: "beige peach",
};

const things = Object.fromEntries(Object.keys(THINGS).map((name) => [name, thingNamed(name).words]));
/** Names of features, colours and things, by word. */
const NAMES = new Map<string, string>();
for (const [name, words] of Object.entries({ ...FEATURES, ...COLOURS, ...things }))
  for (const word of words.split(" ")) NAMES.set(word.replaceAll("_", " ").normalize("NFKC"), name);
const WORDS = [...NAMES.keys()].sort((a, b) => b.length - a.length);
const isSpaced = (word: string) => /^[\p{Script=Latin}\p{Script=Cyrillic} ]+$/u.test(word);
const [SPACED, OTHER] = [WORDS.filter(isSpaced).join("|"), WORDS.filter((word) => !isSpaced(word)).join("|")];
const PATTERN = new RegExp(`(?<!\\p{L})(${SPACED})(e?s)?(?!\\p{L})|${OTHER}`, "gu");

/** Names in the order of a text: by whole words and plurals, without spaces by any part. */
export function namesIn(text: string): { name: string; isPlural: boolean }[] {
  const found = text.normalize("NFKC").toLowerCase().matchAll(PATTERN);
  return Array.from(found, ([whole, word = whole, plural]) => ({ name: NAMES.get(word) ?? "", isPlural: !!plural }));
}

/** The colour of an English word. */
export function colourNamed(word: string): Rgb {
  return hex(NAMES.get(word) ?? "");
}
