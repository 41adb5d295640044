// Checks on a request's parameters and media type.

/** True if the request declares `mediaType`. Parameters such as a charset do not matter. */
export function hasMediaType(request: Request, mediaType: string): boolean {
  return request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === mediaType;
}

/**
 * True if a name occurs more than once, which RFC 6749 section 3.1 forbids: parsers would disagree
 * about which value counts.
 */
export function hasRepeatedName(parameters: URLSearchParams, except?: string): boolean {
  const names = [...parameters.keys()].filter((name) => name !== except);
  return new Set(names).size < names.length;
}

/**
 * The same parameters without a trailing slash on `resource` (RFC 8707), which some clients add.
 * The library decides whether the resource is ours.
 */
export function withPlainResource(parameters: URLSearchParams): URLSearchParams {
  return new URLSearchParams(
    [...parameters].map(([name, value]) => [name, name === "resource" ? value.replace(/\/$/, "") : value]),
  );
}
