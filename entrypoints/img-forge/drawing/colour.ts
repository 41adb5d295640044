// Colours in OKLCH and OKLab (CSS Color 4), where equal steps look equal: gradients mixed here stay clean.

/** Lightness 0 to 1, chroma 0 to about 0.3, hue in degrees. */
export type Lch = readonly [lightness: number, chroma: number, hue: number];
/** Red, green and blue as a screen takes them (sRGB), 0 to 1. */
export type Rgb = readonly [red: number, green: number, blue: number];
type Lab = readonly [number, number, number];

export function rgb(colour: Lch): Rgb {
  return fromLab(lab(colour));
}

/** The colour at `t` (0 to 1) of an even walk through `stops`. */
export function gradient(stops: readonly [Lch, ...Lch[]], t: number): Rgb {
  const place = Math.min(1, Math.max(0, t)) * (stops.length - 1);
  const index = Math.min(stops.length - 2, Math.floor(place));
  const from = lab(stops[Math.max(0, index)] ?? stops[0]);
  const to = lab(stops[index + 1] ?? stops[0]);
  const share = place - index;
  return fromLab([mix(from[0], to[0], share), mix(from[1], to[1], share), mix(from[2], to[2], share)]);
}

/** Between two colours, straight through OKLab: unlike a walk around the hues, it meets no foreign colour. */
export function mixLch(from: Lch, to: Lch, share: number): Lch {
  const [start, end] = [lab(from), lab(to)];
  const a = mix(start[1], end[1], share);
  const b = mix(start[2], end[2], share);
  return [mix(start[0], end[0], share), Math.hypot(a, b), (Math.atan2(b, a) * 180) / Math.PI];
}

/** Between two screen colours. */
export function blend(from: Rgb, to: Rgb, share: number): Rgb {
  return [mix(from[0], to[0], share), mix(from[1], to[1], share), mix(from[2], to[2], share)];
}

export function mix(from: number, to: number, share: number): number {
  return from + (to - from) * share;
}

/** 0 below `low`, 1 above `high`, a soft step between. */
export function smoothstep(low: number, high: number, value: number): number {
  const t = Math.min(1, Math.max(0, (value - low) / (high - low)));
  return t * t * (3 - 2 * t);
}

function lab([lightness, chroma, hue]: Lch): Lab {
  const angle = (hue * Math.PI) / 180;
  return [lightness, chroma * Math.cos(angle), chroma * Math.sin(angle)];
}

function fromLab([lightness, a, b]: Lab): Rgb {
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    encode(4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s),
    encode(-1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s),
    encode(-0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s),
  ];
}

/** From linear light to sRGB; what a screen cannot show is clipped. */
function encode(linear: number): number {
  const light = Math.min(1, Math.max(0, linear));
  return light <= 0.0031308 ? 12.92 * light : 1.055 * light ** (1 / 2.4) - 0.055;
}
