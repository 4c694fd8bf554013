import { brotliDecompressSync, gunzipSync, inflateRawSync, zstdDecompressSync } from 'node:zlib';
import type { Compressors } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';

/** What a page may unpack to. Writers make pages of some MiB; a few make one of a whole column of a row group. */
export const MOST_PAGE_BYTES = 128 * 1024 * 1024;

type Codec = (input: Uint8Array, outputLength: number) => Uint8Array;

/** Where Node.js has a codec it is quicker, and stops at the length that it is told. */
const CODECS: Readonly<Record<string, Codec | undefined>> = {
  GZIP: (input, size) => (input[0] === 0x1f && input[1] === 0x8b ? gunzipSync : inflateRawSync)(input, { maxOutputLength: most(size) }),
  ZSTD: (input, size) => zstdDecompressSync(input, { maxOutputLength: most(size) }),
  BROTLI: (input, size) => brotliDecompressSync(input, { maxOutputLength: most(size) }),
  SNAPPY: compressors.SNAPPY,
  LZ4: compressors.LZ4,
  LZ4_RAW: compressors.LZ4_RAW,
};

/** Unpacks pages. The lengths that they were declared with were checked before. */
export const codecs: Compressors = CODECS as Compressors;

export function isKnownCodec(codec: string): boolean {
  return codec === 'UNCOMPRESSED' || CODECS[codec] !== undefined;
}

/** zlib takes no zero. */
function most(size: number): number {
  return Math.max(1, size);
}
