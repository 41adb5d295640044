// Encodes PNG files and reads their size (W3C PNG, third edition): 8-bit RGB, no interlacing.

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const BYTES_PER_PIXEL = 3;

/** A picture as rows of RGB bytes, from top to bottom. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly rgb: Uint8Array;
}

/** Encodes a picture as a PNG file. */
export async function encodePng({ width, height, rgb }: Pixels): Promise<Uint8Array<ArrayBuffer>> {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  // Bit depth 8, colour type 2 (truecolour); compression, filter and interlace method 0 (section
  // 11.2.1).
  header.set([8, 2, 0, 0, 0], 8);
  const chunks = [
    SIGNATURE,
    chunk("IHDR", header),
    chunk("IDAT", await deflate(filterRows(width, height, rgb))),
    chunk("IEND", new Uint8Array(0)),
  ];
  return concat(chunks);
}

/** Returns the width and height in the header of a PNG file; `null` for any other file. */
export function pngSize(file: Uint8Array): { width: number; height: number } | null {
  if (file.length < 33 || SIGNATURE.some((byte, index) => file[index] !== byte)) return null;
  const view = new DataView(file.buffer, file.byteOffset);
  return { width: view.getUint32(16), height: view.getUint32(20) };
}

/**
 * Applies the Paeth filter to each row (section 9.4), which turns soft gradients into small
 * numbers.
 */
function filterRows(width: number, height: number, rgb: Uint8Array): Uint8Array<ArrayBuffer> {
  const stride = width * BYTES_PER_PIXEL;
  const filtered = new Uint8Array((stride + 1) * height);
  for (let y = 0; y < height; y += 1) {
    const row = y * stride;
    const out = y * (stride + 1) + 1;
    filtered[out - 1] = 4;
    for (let x = 0; x < stride; x += 1) {
      const left = x >= BYTES_PER_PIXEL ? (rgb[row + x - BYTES_PER_PIXEL] ?? 0) : 0;
      const above = y > 0 ? (rgb[row + x - stride] ?? 0) : 0;
      const corner = y > 0 && x >= BYTES_PER_PIXEL ? (rgb[row + x - stride - BYTES_PER_PIXEL] ?? 0) : 0;
      // The filter is defined modulo 256, as is the assignment to a byte.
      filtered[out + x] = (rgb[row + x] ?? 0) - paeth(left, above, corner);
    }
  }
  return filtered;
}

/** Returns the neighbour that is nearest to the linear prediction from all three. */
function paeth(a: number, b: number, c: number): number {
  const pa = Math.abs(b - c);
  const pb = Math.abs(a - c);
  const pc = Math.abs(a + b - 2 * c);
  if (pa <= pb && pa <= pc) return a;
  return pb <= pc ? b : c;
}

async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** Length, type, data, CRC over type and data (section 5.3). */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(data.length + 12);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  view.setUint32(data.length + 8, crc32(bytes.subarray(4, data.length + 8)));
  return bytes;
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let crc = index;
  for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? 0xedb88320 ^ (crc >>> 1) : crc >>> 1;
  return crc;
});

/** Annex D of the specification. */
function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = (CRC_TABLE[(crc ^ byte) & 0xff] ?? 0) ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

function concat(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
