// Host names as people read them: the letters that stand behind `xn--` (RFC 3492). Only for showing; every decision is made by the
// ASCII form, which `URL` has validated.

/** The host in letters; `null` for one that is plain ASCII already. */
export function spelledOut(host: string): string | null {
  const letters = host
    .split(".")
    .map((label) => (label.startsWith("xn--") && decode(label.slice(4))) || label)
    .join(".");
  return letters === host ? null : letters;
}

/** RFC 3492 section 6.2, with the parameters of section 5. `null` for what is no punycode. */
function decode(text: string): string | null {
  const end = text.lastIndexOf("-");
  const letters = [...text.slice(0, Math.max(0, end))];
  let [code, index, bias] = [128, 0, 72];
  for (let at = end + 1; at < text.length; ) {
    const start = index;
    for (let weight = 1, k = 36; ; k += 36) {
      const digit = "abcdefghijklmnopqrstuvwxyz0123456789".indexOf(text.charAt(at++) || " ");
      if (digit < 0) return null;
      index += digit * weight;
      const threshold = Math.min(26, Math.max(1, k - bias));
      if (digit < threshold) break;
      weight *= 36 - threshold;
    }
    bias = adapt(index - start, letters.length + 1, start === 0);
    code += Math.floor(index / (letters.length + 1));
    if (code > 0x10ffff) return null;
    index %= letters.length + 1;
    letters.splice(index++, 0, String.fromCodePoint(code));
  }
  return letters.join("");
}

/** RFC 3492 section 6.1. */
function adapt(difference: number, length: number, isFirst: boolean): number {
  let delta = Math.floor(difference / (isFirst ? 700 : 2));
  delta += Math.floor(delta / length);
  let bias = 0;
  for (; delta > 455; bias += 36) delta = Math.floor(delta / 35);
  return bias + Math.floor((36 * delta) / (delta + 38));
}
