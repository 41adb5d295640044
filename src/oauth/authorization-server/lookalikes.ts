// Letters that pass for others, by rule (UTS #39, UAX #31): a word that mixes alphabets, or has
// letters of scripts that names are not written in any more, or styled ones, is not what it seems.
// A word in any living script is.

/** Scripts in everyday use (UAX #31 table 5), by their ISO 15924 codes. */
const LIVING_SCRIPTS =
  "Latn Grek Cyrl Armn Hebr Arab Thaa Deva Beng Guru Gujr Orya Taml Telu Knda Mlym Sinh Thai Laoo Tibt Mymr Geor Hang Ethi Khmr Hira Kana Bopo Hani Zyyy Zinh";

interface Patterns {
  readonly word: RegExp;
  /** Letters of a script that is not in everyday use. */
  readonly unusual: RegExp;
  /** Alphabets with many letters of one shape. No word has letters of two of them. */
  readonly alphabets: readonly RegExp[];
  /** Plain letters by those that look like them. */
  readonly plainLetters: ReadonlyMap<string, string>;
}

let made: Patterns | undefined;

/** Made at their first use: reading the tables of Unicode would delay the start of the Worker. */
function patterns(): Patterns {
  made ??= {
    word: /[\p{L}\p{M}\p{N}\u249c-\u24e9\u{1f110}-\u{1f189}]+/gu,
    unusual: new RegExp(`(?=\\p{L})[^${LIVING_SCRIPTS.replace(/(\w+) ?/g, "\\p{scx=$1}")}]`, "u"),
    alphabets: [/\p{sc=Latn}/u, /\p{sc=Grek}/u, /\p{sc=Cyrl}/u, /\p{sc=Armn}/u],
    plainLetters: new Map(
      ROWS.flatMap(([letter = "", ...others]) => others.map((other) => [other.toLowerCase(), letter] as const)),
    ),
  };
  return made;
}

/** Small capitals and letters of phonetic alphabets that look like plain ones. */
const PHONETIC = /[ɡɑɢɪɴʀʏʙʜʟ\u1d00-\u1d25\ua730\ua731\ua7af]/u;

/** Letters in circles, squares and brackets: A to Z from each of these. */
const ENCLOSED_STARTS = [0x249c, 0x24b6, 0x24d0, 0x1f110, 0x1f130, 0x1f150, 0x1f170, 0x1f1e6];
const ENCLOSED = /[\u249c-\u24e9\u{1f110}-\u{1f189}]/u;

/**
 * Each row: a plain letter, then those that look like it: Cyrillic, Greek, Armenian, phonetic,
 * Coptic, Lisu, Cherokee, Canadian syllables, others.
 */
const ROWS = [
  ...["aаαɑᴀⲁꓮᎪᗅᗩ", "bвьβʙⲃꓐᏴᏏᗷ", "cсϲᴄⲥꓚᏟᑕ", "dԁժᴅꓓᎠᗞᗪ", "eеєεҽᴇⲉꓰᎬᕮ", "fꜰꓝᖴϝ", "gɡցɢꓖᏀᘜ"],
  ...["hнһհʜⲏꓧᎻᕼ", "iіıɩιɪⲓꓲᎥ", "jјϳᴊꓙᎫᒍ", "kкκᴋⲕꓗᏦ", "lӏ|ʟⳑꓡᏞᒪ丨ㅣ", "mмᴍⲙꓟᎷᗰ", "nпռηոɴⲛꓠᑎ"],
  ...["oоοσօᴏⲟꓳᎾᎤᗝㅇഠဝ০०੦૦୦௦౦೦൦๐໐၀", "pрρᴘⲣꓑᏢᑭ", "qԛգꞯϥᑫ", "rгᴦʀⲅꓣᎡᏒᖇ", "sѕꜱꓢᏚᏕᔕ", "tтτᴛⲧꓔᎢ"],
  ...["uսυμᴜꓴᏌᑌ", "vѵνᴠꓦᏙᐯ", "wԝшɯωᴡⲱꓪᎳᏔᗯ", "xхχⲭꓫ᙭", "yуүγʏⲩꓬᎩᎽ", "zᴢζⲍꓜᏃᘔ"],
];

/** The Latin letters, or the digit, that `character` looks like; itself if it looks like none. */
export function plainLetterOf(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80 && character !== "|") return character;
  const start = ENCLOSED_STARTS.find((first) => code >= first && code < first + 26);
  if (start !== undefined) return String.fromCharCode((start === 0x249c || start === 0x24d0 ? 97 : 65) + code - start);
  const normal = character.normalize("NFKC");
  if (isPlain(normal)) return normal;
  const small = normal.toLowerCase();
  const { plainLetters } = patterns();
  const letter = plainLetters.get(character) ?? plainLetters.get(small) ?? normal;
  return normal === small ? letter : letter.toUpperCase();
}

function isPlain(text: string): boolean {
  return /^[A-Za-z0-9]+$/.test(text);
}

/** The reading of `text` in Latin letters; `null` if it is written in them, or has none. */
export function readingOf(text: string): string | null {
  const reading = Array.from(text, plainLetterOf).join("");
  return reading !== text && /^[\p{sc=Latn}\p{M}\x20-\x7e]+$/u.test(reading) ? reading : null;
}

/**
 * A name with a word that is not what it seems. `reading`: the name as it reads, or `null` if that
 * cannot be said.
 */
export interface Disguise {
  readonly reading: string | null;
}

/** The disguise of `name`; `null` for a name whose words are what they seem. */
export function disguiseOf(name: string): Disguise | null {
  let isDisguised = false;
  let isReadable = true;
  const reading = name.replace(patterns().word, (word) => {
    if (!isWordDisguised(word)) return word;
    const plain = readingOf(word);
    isDisguised = true;
    isReadable &&= plain !== null;
    return plain ?? word;
  });
  return isDisguised ? { reading: isReadable ? reading : null } : null;
}

function isWordDisguised(word: string): boolean {
  const characters = [...word];
  const { unusual, alphabets } = patterns();
  // A letter in a circle alone is a sign, such as that of a car park.
  if (characters.length === 1 && ENCLOSED.test(word)) return false;
  if (unusual.test(word) || PHONETIC.test(word) || characters.some(isStyled)) return true;
  const letters = characters.filter((character) => /\p{L}/u.test(character)).join("");
  if (alphabets.filter((alphabet) => alphabet.test(letters)).length > 1) return true;
  return /[A-Za-z]/.test(word) && characters.some(isForeignLookalike);
}

/** A character that passes for a Latin letter beside one, such as a Bengali zero. */
function isForeignLookalike(character: string): boolean {
  const isForeign = /[\p{L}\p{Nd}\p{Nl}]/u.test(character) && !/(?=\p{L})[\p{sc=Latn}]|[0-9]/u.test(character);
  return isForeign && isPlain(plainLetterOf(character));
}

/** Fullwidth, mathematical, raised, enclosed: anything that is a plain letter in other clothes. */
function isStyled(character: string): boolean {
  const isOther = (character.codePointAt(0) ?? 0) >= 0x250;
  return (
    isOther && (ENCLOSED.test(character) || (/[\p{L}\p{Nd}]/u.test(character) && isPlain(character.normalize("NFKC"))))
  );
}
