import { CsvRecords, fieldsOf, placesOf } from '../csv-records.js';
import { rejected } from '../rejection.js';
import { StreamBytes } from '../stream-bytes.js';
import { TextBlocks } from '../text-blocks.js';

/** A header is not longer. */
const LONGEST_RECORD = 64 * 1024 * 1024;

/** The text as it is; `told` hears the names of its header. */
export async function* namesOfHeader(content: AsyncIterable<Buffer>, delimiter: number, told: (names: readonly string[]) => void): AsyncGenerator<Buffer> {
  let begin: Buffer | undefined = Buffer.alloc(0);
  for await (const chunk of content) {
    yield chunk;
    if (!begin) continue;
    begin = Buffer.concat([begin, chunk]);
    if (tell(begin, false, delimiter, told)) begin = undefined;
  }
  if (begin && begin.length > 0) tell(begin, true, delimiter, told);
}

function tell(begin: Buffer, last: boolean, delimiter: number, told: (names: readonly string[]) => void): boolean {
  const text = begin[0] === 0xef && begin[1] === 0xbb && begin[2] === 0xbf ? begin.subarray(3) : begin;
  try {
    return (
      new CsvRecords({ delimiter }).scan(text, last, ({ start, end }) => {
        told(namesOf(text.subarray(start, end), delimiter));
        return false;
      }) > 0
    );
  } catch {
    // Who reads the whole says what is wrong, and where.
    return true;
  }
}

function namesOf(record: Buffer, delimiter: number): readonly string[] {
  return fieldsOf(record, delimiter).map((name) => (name ?? '').trim());
}

export interface CsvJoint {
  /** Of the first file; undefined where none has a header. */
  readonly columns: readonly string[] | undefined;
  /** Of the first file, and of this one. */
  readonly delimiter: number;
  readonly own: number;
}

/**
 * The rows of a file that comes after another, with that one's columns in that one's order.
 * @throws HeadgateError DATA_REJECTED for other columns
 */
export async function* withoutHeader(content: AsyncIterable<Buffer>, { columns, delimiter, own }: CsvJoint): AsyncGenerator<Buffer> {
  const blocks = new TextBlocks(async () => new StreamBytes(content), LONGEST_RECORD);
  const records = new CsvRecords({ delimiter: own });
  let order: readonly number[] | undefined;
  let isAsItIs = columns === undefined && delimiter === own;
  let hasHeader = columns === undefined;
  let isFirst = true;
  const reading = blocks.read<Buffer>(
    ({ bytes, last }) => {
      let begin = isFirst && bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
      isFirst = false;
      if (!hasHeader) {
        const text = bytes.subarray(begin);
        const used = records.scan(text, last, ({ start, end }) => {
          order = orderOf(namesOf(text.subarray(start, end), own), columns ?? []);
          return false;
        });
        if (!order) return { used: 0, out: [] };
        hasHeader = true;
        begin += used;
        isAsItIs = delimiter === own && order.every((place, i) => place === i);
      }
      const rows = bytes.subarray(begin);
      if (isAsItIs) return { used: bytes.length, out: [rows] };
      const out: Buffer[] = [];
      const used = records.scan(rows, last, ({ start, end, next }) => {
        out.push(reordered(rows.subarray(start, end), own, delimiter, order), rows.subarray(end, next));
      });
      return { used: begin + used, out: [Buffer.concat(out)] };
    },
    () => records.line,
  );
  yield* reading;
}

function orderOf(names: readonly string[], columns: readonly string[]): readonly number[] {
  const extra = names.filter((name) => !columns.includes(name));
  const missing = columns.filter((name) => !names.includes(name));
  if (extra.length + missing.length > 0 || names.length !== columns.length) {
    throw rejected('The columns are not those of the first file of the load. Load it by itself.', {
      line: 1,
      missing: missing.map((name) => name.slice(0, 80)),
      extra: extra.map((name) => name.slice(0, 80)),
    });
  }
  return columns.map((name) => names.indexOf(name));
}

/** A record with its fields in another order, or with another character between them. One that is ragged stays so, for who counts. */
function reordered(record: Buffer, own: number, delimiter: number, order: readonly number[] | undefined): Buffer {
  const places = placesOf(record, own);
  const fields = places.map(({ from, to }) => {
    const field = record.subarray(from, to);
    return own !== delimiter && field[0] !== 0x22 && field.includes(delimiter) ? Buffer.concat([QUOTE, field, QUOTE]) : field;
  });
  const inOrder = order && order.length === fields.length ? order.map((place) => fields[place] ?? NOTHING) : fields;
  const separator = Buffer.from([delimiter]);
  return Buffer.concat(inOrder.flatMap((field, i) => (i === 0 ? [field] : [separator, field])));
}

const QUOTE = Buffer.from('"');
const NOTHING = Buffer.alloc(0);
