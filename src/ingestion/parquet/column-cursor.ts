import type { RowGroup } from 'hyparquet';
import { damaged, inColumn } from './damage.js';
import { textEntries, type Encoder, type Entries, type ValuePlace } from './entries.js';
import { int96Nanos, type StoredValue } from './leaf-text.js';
import { nestedTexts } from './nested-column.js';
import { PageReader } from './page-reader.js';
import type { ParquetColumn, ParquetFile } from './parquet-file.js';

/** Rows of what is built of others that are encoded at a time. */
const NESTED_ROWS = 4096;
const NOTHING = Buffer.from([0xff, 0xff, 0xff, 0xff]);

/** A stretch of rows of a column: which have a value, and which entry each has. */
interface Stretch {
  readonly rows: number;
  readonly levels: ArrayLike<number> | undefined;
  readonly entries: Entries;
  readonly indexes: ArrayLike<number> | undefined;
}

/** Walks down one column of a row group, some rows at a time, as the rows of a COPY are put together. */
export class ColumnCursor {
  readonly #stretches: AsyncGenerator<Stretch>;
  readonly #name: string;
  #stretch: Stretch | undefined;
  /** Rows and values of the stretch that are done. */
  #row = 0;
  #value = 0;

  constructor(file: ParquetFile, column: ParquetColumn, group: RowGroup, encoder: Encoder, place: ValuePlace) {
    this.#name = column.name;
    this.#stretches = column.tree.children.length > 0 || column.isList ? nested(file, column, group, place) : flat(file, column, group, encoder, place);
  }

  /** Makes sure that there are rows to go on with; returns how many can be taken at once. */
  async fill(): Promise<number> {
    try {
      while (!this.#stretch || this.#row === this.#stretch.rows) {
        const { done, value } = await this.#stretches.next();
        if (done) throw damaged('a column ends before its rows do');
        this.#stretch = value;
        this.#row = 0;
        this.#value = 0;
      }
      return this.#stretch.rows - this.#row;
    } catch (error) {
      throw inColumn(error, this.#name);
    }
  }

  /** Adds to each of the next rows how many bytes it takes of this column. */
  addSizes(sizes: Uint32Array, count: number): void {
    const { levels, entries, indexes } = this.#now();
    const { starts } = entries;
    let value = this.#value;
    for (let row = 0; row < count; row += 1) {
      if (levels !== undefined && levels[this.#row + row] !== 1) {
        sizes[row] = (sizes[row] as number) + 4;
        continue;
      }
      const entry = indexes === undefined ? value : (indexes[value] as number);
      value += 1;
      sizes[row] = (sizes[row] as number) + (starts[entry + 1] as number) - (starts[entry] as number);
    }
  }

  /** Writes the next rows' values to where `cursors` are, and moves them and itself on. */
  write(out: Buffer, cursors: Uint32Array, count: number): void {
    const { levels, entries, indexes } = this.#now();
    const { starts, bytes } = entries;
    let value = this.#value;
    const first = this.#row;
    for (let row = 0; row < count; row += 1) {
      let at = cursors[row] as number;
      if (levels !== undefined && levels[first + row] !== 1) {
        out.set(NOTHING, at);
        cursors[row] = at + 4;
        continue;
      }
      const entry = indexes === undefined ? value : (indexes[value] as number);
      value += 1;
      const to = starts[entry + 1] as number;
      let from = starts[entry] as number;
      if (to - from > 64) {
        bytes.copy(out, at, from, to);
        at += to - from;
      } else for (; from < to; from += 1, at += 1) out[at] = bytes[from] as number;
      cursors[row] = at;
    }
    this.#value = value;
    this.#row += count;
  }

  /** The texts of the next rows, without moving on; of columns that are encoded as texts. */
  texts(count: number): (string | null)[] {
    const { levels, entries, indexes } = this.#now();
    let value = this.#value;
    return Array.from({ length: count }, (_, row) => {
      if (levels !== undefined && levels[this.#row + row] !== 1) return null;
      const entry = indexes === undefined ? value : (indexes[value] as number);
      value += 1;
      return entries.bytes.toString('utf8', (entries.starts[entry] as number) + 4, entries.starts[entry + 1]);
    });
  }

  /** Moves on without writing. */
  skip(count: number): void {
    const { levels } = this.#now();
    if (levels === undefined) this.#value += count;
    else for (let row = 0; row < count; row += 1) if (levels[this.#row + row] === 1) this.#value += 1;
    this.#row += count;
  }

  async close(): Promise<void> {
    await this.#stretches.return(undefined);
  }

  #now(): Stretch {
    if (!this.#stretch) throw new Error('a column that was not filled');
    return this.#stretch;
  }
}

async function* flat(file: ParquetFile, { tree, name }: ParquetColumn, group: RowGroup, encoder: Encoder, place: ValuePlace): AsyncGenerator<Stretch> {
  const chunk = group.columns.find(({ meta_data: data }) => data?.path_in_schema.length === 1 && data.path_in_schema[0] === name);
  if (!chunk) throw damaged('a column is not in each row group');
  const pages = new PageReader(file, tree, chunk, Number(group.num_rows));
  const encode = (values: ArrayLike<unknown>) => {
    const stored = values as ArrayLike<StoredValue>;
    return encoder(tree.element.type === 'INT96' ? Array.from(stored, (value) => int96Nanos(value as bigint)) : stored, place);
  };
  let dictionary: { readonly of: unknown; readonly entries: Entries } | undefined;
  for (let page = await pages.next(); page; page = await pages.next()) {
    const { rows, levels, values, isIndexed } = page;
    if (isIndexed && pages.dictionary && dictionary?.of !== pages.dictionary) dictionary = { of: pages.dictionary, entries: encode(pages.dictionary) };
    const entries = isIndexed && dictionary ? dictionary.entries : encode(values);
    const indexes = isIndexed ? (values as ArrayLike<number>) : undefined;
    checkStretch(rows, levels, indexes ?? values, indexes ? entries.starts.length - 1 : undefined);
    yield { rows, levels, entries, indexes };
  }
}

async function* nested(file: ParquetFile, { tree }: ParquetColumn, group: RowGroup, place: ValuePlace): AsyncGenerator<Stretch> {
  const texts = await nestedTexts(file, tree, group);
  for (let from = 0; from < texts.length; from += NESTED_ROWS) {
    const some = texts.slice(from, from + NESTED_ROWS);
    yield {
      rows: some.length,
      levels: some.map((text) => (text === null ? 0 : 1)),
      entries: textEntries(
        some.filter((text) => text !== null),
        place,
      ),
      indexes: undefined,
    };
  }
}

/** A page has a value for each row that says so, and none but what is in the dictionary. */
function checkStretch(rows: number, levels: ArrayLike<number> | undefined, values: ArrayLike<unknown>, most: number | undefined): void {
  let present = rows;
  if (levels !== undefined) {
    if (levels.length < rows) throw damaged('a page has other rows than it says');
    present = 0;
    for (let row = 0; row < rows; row += 1) if (levels[row] === 1) present += 1;
  }
  if (values.length < present) throw damaged('a page has fewer values than it says');
  if (most === undefined) return;
  for (let i = 0; i < present; i += 1) if (!((values[i] as number) < most)) throw damaged('a value is not in the dictionary');
}
