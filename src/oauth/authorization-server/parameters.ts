// Small questions about what a request carries.

/** Whether the request says that its body is `mediaType`; parameters such as a charset do not matter. */
export function hasMediaType(request: Request, mediaType: string): boolean {
  return request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === mediaType;
}

/** Whether a name occurs more than once, for which RFC 6749 section 3.1 knows no meaning; parsers would disagree about which counts. */
export function hasRepeatedName(parameters: URLSearchParams, except?: string): boolean {
  const names = [...parameters.keys()].filter((name) => name !== except);
  return new Set(names).size < names.length;
}

/**
 * The same parameters, with no slash at the end of what they name as the resource (RFC 8707): some clients add one. Which resource
 * it is, and whether it is ours, the library judges.
 */
export function withPlainResource(parameters: URLSearchParams): URLSearchParams {
  return new URLSearchParams(
    [...parameters].map(([name, value]) => [name, name === "resource" ? value.replace(/\/$/, "") : value]),
  );
}
