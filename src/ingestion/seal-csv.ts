import type { Dataset } from '../catalog/index.js';
import { headerOf, type CsvHeader } from './csv-header.js';
import { CsvRecords, fieldsOf, placesOf } from './csv-records.js';
import { Sealer, type Stretch, type ToSeal } from './sealer.js';
import { StreamBytes } from './stream-bytes.js';
import { TextBlocks } from './text-blocks.js';

interface CsvSealing {
  readonly dataset: Dataset;
  readonly delimiter: number;
  /** False: the first line is a row. */
  readonly header?: boolean | undefined;
  readonly maxValueBytes: number;
}

/** A CSV text with the values of encrypted fields taken out, block by block. */
export async function* sealedCsv(content: AsyncIterable<Buffer>, { dataset, delimiter, header: named, maxValueBytes }: CsvSealing): AsyncGenerator<Stretch> {
  const sealer = new Sealer(dataset);
  const blocks = new TextBlocks(async () => new StreamBytes(content), maxValueBytes);
  let header: CsvHeader | undefined;
  let records: CsvRecords | undefined;
  let record: RecordSealer | undefined;
  const reading = blocks.read<Stretch>(
    ({ bytes, last }) => {
      let begin = 0;
      if (!header || !records || !record) {
        header = headerOf(bytes, last, { delimiter, header: named, dataset });
        if (!header) return { used: 0, out: [] };
        begin = header.bytes;
        records = new CsvRecords({ delimiter, columns: header.columns.length, line: header.line });
        record = new RecordSealer(
          sealer,
          header.columns.map(({ name, field }) => field?.name ?? name),
          delimiter,
        );
      }
      const rows = bytes.subarray(begin);
      const pieces: (Buffer | ToSeal)[] = begin > 0 ? [bytes.subarray(0, begin)] : [];
      const pieceOf = record;
      const used = records.scan(rows, last, ({ start, end, next }) => {
        pieceOf.add(rows.subarray(start, end), pieces);
        pieces.push(rows.subarray(end, next));
      });
      return { used: begin + used, out: [pieces] };
    },
    () => records?.line ?? 1,
  );
  yield* reading;
}

class RecordSealer {
  readonly #sealer: Sealer;
  readonly #names: readonly string[];
  readonly #delimiter: number;
  readonly #subjectAt: number;
  /** The columns of encrypted fields. */
  readonly #encrypted: readonly number[];

  constructor(sealer: Sealer, names: readonly string[], delimiter: number) {
    this.#sealer = sealer;
    this.#names = names;
    this.#delimiter = delimiter;
    this.#subjectAt = sealer.subject === undefined ? -1 : names.indexOf(sealer.subject);
    this.#encrypted = names.flatMap((name, i) => (sealer.fields.has(name) ? [i] : []));
  }

  add(record: Buffer, pieces: (Buffer | ToSeal)[]): void {
    const places = placesOf(record, this.#delimiter);
    const valueAt = (column: number): string | null => {
      const place = places[column];
      return place ? (fieldsOf(record.subarray(place.from, place.to), this.#delimiter)[0] ?? null) : null;
    };
    const subject = this.#subjectAt < 0 ? null : valueAt(this.#subjectAt);
    let from = 0;
    for (const column of this.#encrypted) {
      const place = places[column];
      const value = valueAt(column);
      if (!place || value === null) continue;
      pieces.push(record.subarray(from, place.from), this.#sealer.toSeal(this.#names[column] ?? '', subject, value));
      from = place.to;
    }
    pieces.push(record.subarray(from));
  }
}
