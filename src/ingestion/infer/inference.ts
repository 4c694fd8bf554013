import type { ScalarType } from '../../catalog/index.js';
import { detect, type Finding } from '../../classification/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { localName, TakenNames } from '../../sources/index.js';
import type { Dialect } from '../dialect/dialect.js';
import type { Format } from '../format.js';
import type { ParquetColumn } from '../parquet/parquet-file.js';
import { chooseType, rowsText, typeOfKind, type ChosenType } from './choose-type.js';
import { ColumnProfile, type Cell } from './column-profile.js';
import { inferRules, type InferredRule } from './rules.js';

/** A field as it is proposed, with what is doubtful of it. */
export interface InferredField extends ChosenType {
  readonly name: string;
  /** As files have it, where it is another name. */
  readonly alias?: string;
  readonly required: boolean;
  readonly tag?: string;
  readonly rules: readonly InferredRule[];
  readonly description?: string;
}

/** What a source says of a column, beside the values that are in it. */
export interface DeclaredColumn {
  readonly name: string;
  /** By its values when absent. */
  readonly type?: ScalarType;
  readonly list?: boolean;
  readonly required?: boolean;
  readonly description?: string;
}

export interface InferenceOptions {
  /** Of each file; more are not looked at. */
  readonly mostRows: number;
  /** Whether values that rows have may stand in the contract: whoever asks has the rows. */
  readonly tellsValues?: boolean;
}

export interface InferredDataset {
  readonly name: string;
  readonly fields: readonly InferredField[];
  readonly key: readonly string[];
  readonly rows: number;
  /** False when not all rows were looked at. */
  readonly isWhole: boolean;
  readonly dialect: Dialect;
  readonly formats: readonly Format[];
  readonly files: readonly string[];
}

/** More columns than a table can have beside our own. */
const MOST_COLUMNS = 1_590;
const KEY_TYPES: readonly string[] = ['integer', 'bigint', 'uuid', 'text', 'date'];
/** A name that says "this tells rows apart". */
const KEY_NAME = /^(id|uuid|guid|key|pk|oid|rid)$|_(id|uuid|guid|key)$/;
const LONGEST_KEY = 200;
/** In fewer rows anything differs. */
const FIRST_FROM_ROWS = 20;

/** Looks at rows, of one file or several, and says which contract they have. */
export class Inference {
  readonly #profiles = new Map<string, ColumnProfile>();
  readonly #kinds = new Map<string, ParquetColumn>();
  readonly #described = new Map<string, DeclaredColumn>();
  readonly #mostRows: number;
  readonly #tellsValues: boolean;
  #rows = 0;
  #ofFile = 0;
  #dialect: Dialect = {};
  isWhole = true;

  constructor({ mostRows, tellsValues = true }: InferenceOptions) {
    this.#mostRows = mostRows;
    this.#tellsValues = tellsValues;
  }

  /** What a reader of one file tells. */
  visitor(): { columns(names: readonly string[], dialect: Dialect): void; row(cells: Iterable<readonly [string, Cell | null]>): boolean } {
    this.#ofFile = 0;
    return {
      columns: (names, dialect) => {
        this.#dialect = { ...this.#dialect, ...dialect };
        for (const name of names) this.#profile(name);
      },
      row: (cells) => {
        if (this.#ofFile >= this.#mostRows) return false;
        const found = new Map(cells);
        for (const name of found.keys()) this.#profile(name);
        this.#rows += 1;
        this.#ofFile += 1;
        for (const [name, profile] of this.#profiles) profile.add(found.get(name) ?? null);
        return true;
      },
    };
  }

  /** What a Parquet file says of its columns. */
  declared(columns: readonly ParquetColumn[]): void {
    for (const column of columns) if (!this.#kinds.has(column.name)) this.#kinds.set(column.name, column);
  }

  /** What a source says of its columns: it holds for rows that were not seen too. */
  describe(columns: readonly DeclaredColumn[]): void {
    for (const column of columns) {
      this.#profile(column.name);
      this.#described.set(column.name, column);
    }
  }

  /**
   * @param declaredKey columns that the source itself knows its rows by
   * @throws HeadgateError DATA_REJECTED when there was no column, or too many
   */
  async dataset(name: string, files: readonly string[], formats: readonly Format[], declaredKey: readonly string[] = []): Promise<InferredDataset> {
    if (this.#profiles.size === 0) throw new HeadgateError('DATA_REJECTED', 'There is no row from which columns could be told. Give it a file with rows.');
    const taken = new TakenNames();
    const columns = [...this.#profiles.values()].map((profile) => {
      const local = taken.take(localName(profile.name, 'column'));
      return { profile, local, chosen: this.#typeOf(profile, local) };
    });
    const tags = await this.#tags(name, columns);
    // Nobody is known by a name, an address or a telephone.
    const candidates = columns.filter(({ profile, local, chosen }) => !tags.has(local) && isCandidate(profile, chosen, this.#rows));
    const known = declaredKey.flatMap((column) => columns.find(({ profile }) => profile.name === column)?.local ?? []);
    const likely = keyOf(candidates, columns[0], name);
    const key = known.length > 0 ? known : this.isWhole && likely ? [likely.local] : [];
    const perhaps = key.length > 0 ? undefined : (likely ?? candidates.find(({ chosen }) => chosen.type === 'text' || chosen.type === 'uuid'));
    const fields = columns.map((column): InferredField => {
      const { profile, local, chosen } = column;
      const isNull = chosen.type === 'text' && !chosen.list ? profile.nulls > 0 : profile.nulls + profile.empties > 0;
      const described = this.#described.get(profile.name);
      const required = described?.required ?? (this.isWhole && this.#rows > 0 && !isNull);
      const doubts = [...chosen.doubts];
      if (profile.padded > 0 && chosen.type === 'text') doubts.push(`spaces around the values of ${rowsText(profile.padded)}`);
      if (column === perhaps) doubts.push(`differs in all rows${this.isWhole ? '' : ' that were seen'}: perhaps the key`);
      const tag = tags.get(local)?.tag;
      // What is said of people is not written into a manifest.
      const rules = this.isWhole && !chosen.list && tag === undefined ? inferRules(profile, local, chosen.type) : [];
      const told = rules.filter((rule) => this.#tellsValues || !('in' in rule));
      if (told.length < rules.length) doubts.push(`${profile.counts?.size ?? 0} different values, each of them often: perhaps a rule in`);
      return {
        ...chosen,
        doubts,
        name: local,
        ...(local !== profile.name && { alias: profile.name }),
        required,
        ...(tag !== undefined && { tag }),
        rules: told,
        ...(described?.description !== undefined && { description: described.description }),
      };
    });
    return { name, fields, key, rows: this.#rows, isWhole: this.isWhole, dialect: this.#dialect, formats, files };
  }

  #profile(name: string): void {
    if (this.#profiles.has(name)) return;
    if (this.#profiles.size === MOST_COLUMNS) throw new HeadgateError('DATA_REJECTED', `The rows have more than ${MOST_COLUMNS} columns, which no table has.`);
    const profile = new ColumnProfile(name, this.#dialect.decimal === 'comma');
    profile.skip(this.#rows);
    this.#profiles.set(name, profile);
  }

  #typeOf(profile: ColumnProfile, local: string): ChosenType {
    const { type, list } = this.#described.get(profile.name) ?? {};
    if (type) return { type, ...(list && { list }), doubts: [] };
    const declared = this.#kinds.get(profile.name);
    if (declared && !declared.leaf) return { type: 'json', doubts: [] };
    const known = declared?.leaf && typeOfKind(declared.leaf, declared.isList);
    return known ?? chooseType(profile, local, this.isWhole);
  }

  async #tags(
    dataset: string,
    columns: readonly { readonly profile: ColumnProfile; readonly local: string; readonly chosen: ChosenType }[],
  ): Promise<ReadonlyMap<string, Finding>> {
    return detect(
      columns
        .filter(({ chosen }) => !chosen.list)
        .map(({ profile, local, chosen }) => ({ dataset, name: local, type: chosen.type, values: [...profile.sample] })),
    );
  }
}

interface Column {
  readonly profile: ColumnProfile;
  readonly local: string;
  readonly chosen: ChosenType;
}

function isCandidate(profile: ColumnProfile, { type, format, list = false }: ChosenType, rows: number): boolean {
  const { nulls, empties, isUnique, longest } = profile;
  return rows > 1 && nulls + empties === 0 && isUnique && !list && format === undefined && KEY_TYPES.includes(type) && longest <= LONGEST_KEY;
}

/** One column that tells all rows apart: by its name, or the first one of the file. */
function keyOf(candidates: readonly Column[], first: Column | undefined, dataset: string): Column | undefined {
  const own = dataset.replace(/s$/, '');
  return (
    candidates.find(({ local }) => local === 'id') ??
    candidates.find(({ local }) => local === `${own}_id` || local === `${dataset}_id`) ??
    candidates.find(({ local }) => KEY_NAME.test(local)) ??
    // What comes first is most often what a row is known by; of a handful of rows that proves nothing.
    candidates.find((column) => column === first && column.profile.rows >= FIRST_FROM_ROWS)
  );
}
