// PNG files as the img-forge reference Worker writes them, read with Node's own checksum and
// decompression.
import { crc32, inflateSync } from "node:zlib";

export interface DecodedPng {
  readonly width: number;
  readonly height: number;
  /** For each row a byte that names its filter, and three bytes a pixel. */
  readonly rows: Buffer;
}

/** Reads a file of three chunks with 8-bit RGB. Throws for any other file. */
export function decodePng(file: Uint8Array): DecodedPng {
  const bytes = Buffer.from(file);
  if (bytes.subarray(0, 8).toString("hex") !== "89504e470d0a1a0a") throw new Error("This is no PNG file.");
  const chunks: { type: string; data: Buffer }[] = [];
  for (let at = 8; at < bytes.length; ) {
    const length = bytes.readUInt32BE(at);
    const [type, data] = [bytes.toString("latin1", at + 4, at + 8), bytes.subarray(at + 8, at + 8 + length)];
    if (bytes.readUInt32BE(at + 8 + length) !== crc32(bytes.subarray(at + 4, at + 8 + length)))
      throw new Error(`${type} has a wrong checksum.`);
    chunks.push({ type, data });
    at += 12 + length;
  }
  const [header, data, end] = chunks;
  const types = chunks.map(({ type }) => type).join(" ");
  if (!header || !data || !end || types !== "IHDR IDAT IEND") throw new Error(`The chunks are ${types}.`);
  if (header.data.subarray(8).toString("hex") !== "0802000000") throw new Error("The file has another format.");
  return { width: header.data.readUInt32BE(0), height: header.data.readUInt32BE(4), rows: inflateSync(data.data) };
}
