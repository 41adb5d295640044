// The browser and the country of a request, by which a user tells apart the connections of one app.
// Names come from the lists here: nothing that a client sends is shown.

/** Tokens of `User-Agent` headers. Chromium's others also contain "Chrome", which has "Safari". */
const BROWSERS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bEdg(?:A|iOS)?\//, "Edge"],
  [/\bOPR\//, "Opera"],
  [/\bSamsungBrowser\//, "Samsung Internet"],
  [/\b(?:Firefox|FxiOS)\//, "Firefox"],
  [/\b(?:Chrome|CriOS|HeadlessChrome)\//, "Chrome"],
  [/\bSafari\//, "Safari"],
];
/** Android's contain "Linux", and those of an iPhone "Mac OS X". */
const SYSTEMS: readonly (readonly [token: RegExp, name: string])[] = [
  [/\bAndroid\b/, "Android"],
  [/\biPhone\b/, "iPhone"],
  [/\biPad\b/, "iPad"],
  [/\bWindows\b/, "Windows"],
  [/\bMac OS X\b/, "macOS"],
  [/\bCrOS\b/, "ChromeOS"],
  [/\bLinux\b/, "Linux"],
];
const MAX_USER_AGENT_LENGTH = 512;
/** Cloudflare's codes for an unknown country and for Tor are none of ISO 3166. */
const COUNTRY = /^(?!XX)[A-Z]{2}$/;

/** For example "Firefox on Windows, Germany"; `null` if nothing is known. */
export function deviceOf(request: Request): string | null {
  const agent = (request.headers.get("User-Agent") ?? "").slice(0, MAX_USER_AGENT_LENGTH);
  const nameIn = (list: typeof BROWSERS) => list.find(([token]) => token.test(agent))?.[1];
  const device = [nameIn(BROWSERS), nameIn(SYSTEMS)].filter(Boolean).join(" on ");
  return [device, countryOf(request)].filter(Boolean).join(", ") || null;
}

function countryOf(request: Request): string | undefined {
  const code = request.cf?.country;
  return typeof code === "string" && COUNTRY.test(code)
    ? new Intl.DisplayNames(["en"], { type: "region" }).of(code)
    : undefined;
}
