// Parameters of a request as its endpoint reads them, and its media type.

/** True if the request declares `mediaType`. Parameters such as a charset do not matter. */
export function hasMediaType(request: Request, mediaType: string): boolean {
  return request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === mediaType;
}

/**
 * The parameters among `names` that have a value. RFC 6749 sections 3.1 and 3.2: others are
 * ignored, and an empty one counts as omitted. Each resource (RFC 8707 section 2) is there once,
 * without the trailing slash that some clients add; the library decides if it is ours.
 */
export function readParameters(sent: URLSearchParams, names: readonly string[]): URLSearchParams {
  const present = [...sent].filter(([name, value]) => names.includes(name) && value !== "");
  const others = present.filter(([name]) => name !== "resource");
  const resources = present.filter(([name]) => name === "resource").map(([, value]) => value.replace(/\/$/, ""));
  return new URLSearchParams([...others, ...[...new Set(resources)].map((value) => ["resource", value])]);
}

/**
 * True if a name occurs more than once, which RFC 6749 section 3.1 forbids: parsers would disagree
 * about which value counts.
 */
export function hasRepeatedName(parameters: URLSearchParams, except?: string): boolean {
  const names = [...parameters.keys()].filter((name) => name !== except);
  return new Set(names).size < names.length;
}
