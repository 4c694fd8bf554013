import { columnType, ROW_ID, type FetchedDataset, type Field } from '../catalog/index.js';
import type { MaskKeys } from '../governance/index.js';
import { identifier, join, literal, param, raw, sql, type Sql } from '../sql/index.js';
import { FetchedJson } from './binding.js';
import { keyedHash, type Table } from './table.js';

/** What statements read of the rows that are fetched for a dataset. */
export class FetchedShape {
  readonly dataset: FetchedDataset;
  /** One parameter for all uses of the dataset in a statement. */
  readonly rows: Sql;
  /** The fields that were asked for; complete when the statement is. */
  readonly used = new Set<string>();

  constructor(dataset: FetchedDataset) {
    this.dataset = dataset;
    this.rows = param(new FetchedJson(dataset.name), 'jsonb');
    for (const name of dataset.key) this.used.add(name);
  }
}

/**
 * Rows that an API gave, as a table of the store has them: in the contract's names and types, and of each key one. A text that its type
 * can't hold is null. Nothing that is said above it can raise an error on them.
 */
export class FetchedTable implements Table {
  readonly #shape: FetchedShape;
  readonly #alias: Sql;
  readonly #maskKeys: MaskKeys;
  readonly #needed = new Map<string, Sql>();

  constructor(shape: FetchedShape, alias: Sql, maskKeys: MaskKeys) {
    this.#shape = shape;
    this.#alias = alias;
    this.#maskKeys = maskKeys;
    for (const field of this.#key) this.#needed.set(field.name, cast(field, this.#text(field)));
  }

  column(name: string): Sql {
    const field = this.#shape.dataset.fields.find((candidate) => candidate.name === name);
    if (!field) throw new Error(`${this.#shape.dataset.name} has no field ${name}`);
    if (!this.#needed.has(name)) this.#needed.set(name, cast(field, this.#text(field)));
    this.#shape.used.add(name);
    return sql`${this.#alias}.${identifier(name)}`;
  }

  /** A keyed hash of the key, or of the whole row where the contract has none. */
  rowId(): Sql {
    const { dataset } = this.#shape;
    const texts = this.#key.map((field) => sql`(${cast(field, this.#text(field))})::text`);
    const text = texts.length > 0 ? sql`pg_catalog.json_build_array(${join(texts)})::text` : raw('(r.*)::text');
    this.#needed.set(ROW_ID, keyedHash(dataset, text, this.#maskKeys));
    return sql`${this.#alias}.${identifier(ROW_ID)}`;
  }

  /** An API says nothing of where a row lies. */
  place(): Sql {
    return raw('NULL::text');
  }

  toSql(): Sql {
    const { dataset, rows, used } = this.#shape;
    const columns = [...this.#needed].map(([name, value]) => sql`${value} AS ${identifier(name)}`);
    const texts = dataset.fields.flatMap(({ name }, i) => (used.has(name) ? [raw(`c${i}`)] : []));
    const names = texts.length > 0 ? texts : [raw('c0')];
    const from = sql`ROWS FROM (jsonb_to_recordset(${rows}) AS (${join(names.map((name) => sql`${name} text`))})) WITH ORDINALITY AS r (${join([...names, raw('o')])})`;
    if (this.#key.length === 0) return sql`(SELECT ${columns.length > 0 ? join(columns) : raw('1')} FROM ${from}) AS ${this.#alias}`;
    // Pages that move while they are read, and requests that overlap, give rows twice. Those without a key are not told apart.
    const keys = this.#key.map(({ name }) => sql`d.${identifier(name)}`);
    const isMissing = join(
      keys.map((key) => sql`${key} IS NULL`),
      ' OR ',
    );
    const apart = join([...keys, sql`(CASE WHEN ${isMissing} THEN d._o ELSE 0 END)`]);
    return sql`(SELECT DISTINCT ON (${apart}) d.* FROM (SELECT ${join(columns)}, r.o AS _o FROM ${from}) AS d ORDER BY ${apart}, d._o) AS ${this.#alias}`;
  }

  get #key(): readonly Field[] {
    const { key, fields } = this.#shape.dataset;
    return key.flatMap((name) => fields.find((field) => field.name === name) ?? []);
  }

  #text(field: Field): Sql {
    return raw(`r.c${this.#shape.dataset.fields.indexOf(field)}`);
  }
}

/** The text as the field's type; null where it is no such value. */
function cast(field: Field, text: Sql): Sql {
  const type = columnType(field);
  if (type === 'text') return sql`(${text} COLLATE "C")`;
  const collation = raw(field.type === 'text' ? ' COLLATE "C"' : '');
  return sql`(CASE WHEN pg_catalog.pg_input_is_valid(${text}, ${literal(type)}) THEN ${text}::${raw(type)} END${collation})`;
}
