// Reads streams of unknown length up to a limit: the one reader of bodies from outside.

/** The client hung up before the end of its body. Nothing is wrong here. */
export class UnfinishedBodyError extends Error {
  override readonly name = "UnfinishedBodyError";
}

/**
 * All bytes of a request's body; `null` if it has, or announces, more than `limitBytes`. Throws an
 * `UnfinishedBodyError` if it ends early.
 */
export async function readBody(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  try {
    return await readAnnounced(request, limitBytes);
  } catch {
    throw new UnfinishedBodyError("The body ended early.");
  }
}

async function readAnnounced(request: Request, limitBytes: number): Promise<Uint8Array<ArrayBuffer> | null> {
  const announced = request.headers.get("content-length") ?? "";
  if (!/^\d+$/.test(announced)) return readUpTo(request.body, limitBytes);
  // Refused before a byte is read. The transport enforces the announced length.
  if (Number(announced) > limitBytes) return null;
  const bytes = await request.arrayBuffer();
  return bytes.byteLength > limitBytes ? null : new Uint8Array(bytes);
}

/**
 * All bytes of `body`. `null` if there are more than `limitBytes`; the rest is then cancelled.
 * Throws if the last byte takes longer than `timeoutMs`, and cancels the rest.
 */
export async function readUpTo(
  body: ReadableStream<Uint8Array> | null,
  limitBytes: number,
  timeoutMs?: number,
): Promise<Uint8Array<ArrayBuffer> | null> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body === null ? [] : chunksOf(body, timeoutMs)) {
    size += chunk.byteLength;
    if (size > limitBytes) return null;
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(size);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.byteLength;
  }
  return bytes;
}

/**
 * The chunks of `body`. Cancels the rest if its consumer stops early, or if the last chunk takes
 * longer than `timeoutMs`, and throws then.
 */
export async function* chunksOf(body: ReadableStream<Uint8Array>, timeoutMs?: number): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  const late = Promise.withResolvers<never>();
  late.promise.catch(() => undefined); // the reader may have ended
  const fail = () => late.reject(new Error("The bytes did not arrive in time."));
  const timer = timeoutMs === undefined ? null : setTimeout(fail, timeoutMs);
  let hasEnded = false;
  try {
    for (;;) {
      const { done, value } = await Promise.race([reader.read(), late.promise]);
      hasEnded = done;
      if (done) return;
      yield value;
    }
  } finally {
    clearTimeout(timer);
    if (!hasEnded) void reader.cancel().catch(() => undefined); // a broken stream cannot be cancelled
  }
}
