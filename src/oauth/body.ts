// Request bodies of a known greatest size: the declared length is believed when it refuses, never when it promises.

/** The whole body, or `null` when it is longer than `limitBytes`. */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  if (Number(request.headers.get("Content-Length") ?? 0) > limitBytes) {
    await request.body?.cancel();
    return null;
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > limitBytes) return null;
    chunks.push(chunk);
  }
  const body = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    body.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return body;
}

/** Whether the request says that its body is `mediaType`; parameters such as a charset do not matter. */
export function hasMediaType(request: Request, mediaType: string): boolean {
  return request.headers.get("Content-Type")?.split(";")[0]?.trim().toLowerCase() === mediaType;
}

/** A name that occurs more than once, for which RFC 6749 section 3.1 knows no meaning; parsers would disagree about which counts. */
export function repeatedName(parameters: URLSearchParams, allowed: readonly string[] = []): string | undefined {
  const names = [...parameters.keys()];
  return names.find((name, index) => names.indexOf(name) !== index && !allowed.includes(name));
}
