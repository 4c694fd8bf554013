import { rejected } from './rejection.js';

/** What a file begins with that holds no rows as text, and what to do about it. */
const FOREIGN: readonly (readonly [begin: readonly number[], what: string])[] = [
  [[0xff, 0xfe], 'UTF-16 text. Convert it first: iconv -f UTF-16 -t UTF-8. Or say so: --encoding utf-16le (or ?encoding=), or have it found out: --detect'],
  [[0xfe, 0xff], 'UTF-16 text. Convert it first: iconv -f UTF-16 -t UTF-8. Or say so: --encoding utf-16le (or ?encoding=), or have it found out: --detect'],
  [[0x50, 0x4b, 0x03, 0x04], 'a ZIP archive or a spreadsheet. Take the file out, or save the sheet as CSV in UTF-8'],
  [[0xd0, 0xcf, 0x11, 0xe0], 'an old spreadsheet. Save the sheet as CSV in UTF-8'],
  [[0x50, 0x41, 0x52, 0x31, 0x15], 'Parquet. Name its format: --format parquet, or ?format=parquet'],
  [[0x28, 0xb5, 0x2f, 0xfd], 'packed with zstd twice. Unpack it once'],
  [[0xfd, 0x37, 0x7a, 0x58], 'packed with xz. Unpack it, or pack it with zstd or gzip'],
  [[0x1f, 0x8b], 'packed with gzip twice. Unpack it once'],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], 'a PDF. Send the rows as CSV, NDJSON or JSON'],
  [[0x89, 0x50, 0x4e, 0x47], 'a picture. Send the rows as CSV, NDJSON or JSON'],
  [[0xff, 0xd8, 0xff], 'a picture. Send the rows as CSV, NDJSON or JSON'],
];

/**
 * Tells files apart that are often sent by mistake, so that they are not told of a character somewhere in them.
 * @throws HeadgateError DATA_REJECTED for a file that begins like one of them.
 */
export function refuseForeign(begin: Buffer): void {
  const found = FOREIGN.find(([bytes]) => bytes.every((byte, i) => begin[i] === byte));
  if (found) throw rejected(`The file is not rows as text; it looks like ${found[1]}. (line 1, column 1)`, { line: 1, column: 1 });
}
