import { columnType, remoteTableOf, ROW_ID, type Dataset, type Field } from '../catalog/index.js';
import type { MaskKeys } from '../governance/index.js';
import { HeadgateError } from '../kernel/index.js';
import { castColumn, fits, type RemoteColumn } from '../sources/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import type { Dialect } from './dialect.js';

/**
 * The table under one use of a dataset: where its rows come from, unmasked and unfiltered. Columns are asked for by their
 * contract's names.
 */
export interface Table {
  /** The value as the store keeps it: its type, and code points for the order of texts. */
  column(name: string): Sql;
  /** Tells rows apart, and nothing of them. */
  rowId(): Sql;
  /** Where the row lies, at a source whose contract has no key: a text that tells nothing of what is in it. Null for rows of a view. */
  place(): Sql;
  /** The FROM item; to be called when all columns have been asked for. */
  toSql(): Sql;
}

/** In the store: the columns are as the contract has them. */
export class StoredTable implements Table {
  readonly #dataset: Dataset;
  readonly #alias: Sql;

  constructor(dataset: Dataset, alias: Sql) {
    this.#dataset = dataset;
    this.#alias = alias;
  }

  column(name: string): Sql {
    return sql`${this.#alias}.${identifier(name)}`;
  }

  rowId(): Sql {
    return this.column(ROW_ID);
  }

  place(): Sql {
    throw new Error(`the rows of ${this.#dataset.name} have ids`);
  }

  toSql(): Sql {
    return sql`${identifier('data', this.#dataset.name)} AS ${this.#alias}`;
  }
}

/** What is known of a dataset's table at its source, and what of it statements rely on. */
export class RemoteShape {
  readonly dataset: Dataset;
  /** By field. */
  readonly #columns: ReadonlyMap<string, RemoteColumn>;
  readonly #used = new Set<RemoteColumn>();

  /** @param columns of the table as it was last seen; undefined when it was not there */
  constructor(dataset: Dataset, columns: readonly RemoteColumn[] | undefined) {
    this.dataset = dataset;
    if (!columns) throw changed(dataset, 'its table is not there any more');
    const byName = new Map(columns.map((column) => [column.name, column]));
    this.#columns = new Map(dataset.fields.flatMap((field) => pairOf(field, byName.get(field.column ?? field.name))));
  }

  /** The columns that were asked for. */
  get used(): readonly RemoteColumn[] {
    return [...this.#used];
  }

  /** @throws HeadgateError CONTRACT_VIOLATION when it is gone, or has a type that the field can't show */
  columnOf(field: Field): RemoteColumn {
    const column = this.#columns.get(field.name);
    if (!column) throw changed(this.dataset, `its column for ${field.name} is gone`);
    if (!fits(column, field))
      throw changed(this.dataset, `its column for ${field.name} is now ${column.typeText}, and the contract says ${field.type}${field.list ? '[]' : ''}`);
    this.#used.add(column);
    return column;
  }
}

function pairOf(field: Field, column: RemoteColumn | undefined): [string, RemoteColumn][] {
  return column ? [[field.name, column]] : [];
}

/** Names and types alone, and none of rows. */
export function changed(dataset: Dataset, what: string): HeadgateError {
  const { source = '' } = dataset.source ?? {};
  return new HeadgateError(
    'CONTRACT_VIOLATION',
    `${dataset.name} has changed at the source ${source}: ${what}. Bring the contract to it, or it to the contract.`,
    {
      dataset: dataset.name,
      source,
    },
  );
}

export interface RemoteTableOptions {
  readonly shape: RemoteShape;
  readonly alias: Sql;
  readonly dialect: Dialect;
  readonly maskKeys: MaskKeys;
}

/** At a source: a subquery, which PostgreSQL flattens, gives the columns that are asked for in the contract's names and types. */
export class RemoteTable implements Table {
  readonly #options: RemoteTableOptions;
  readonly #needed = new Map<string, Sql>();
  /** Of the table itself, inside. */
  readonly #inner = raw('r');

  constructor(options: RemoteTableOptions) {
    this.#options = options;
  }

  column(name: string): Sql {
    const { shape, alias } = this.#options;
    const field = shape.dataset.fields.find((candidate) => candidate.name === name);
    if (!field) throw new Error(`${shape.dataset.name} has no field ${name}`);
    if (!this.#needed.has(name)) this.#needed.set(name, this.#cast(field));
    return sql`${alias}.${identifier(name)}`;
  }

  /**
   * A keyed hash of the row's key, or of the whole row where the contract has none: as good as random to whoever does not
   * have the key, and the same at each read.
   */
  rowId(): Sql {
    const { shape, alias, maskKeys } = this.#options;
    const { dataset } = shape;
    const key = dataset.key.flatMap((name) => dataset.fields.find((field) => field.name === name) ?? []);
    const texts = key.map((field) => sql`(${this.#cast(field)})::text`);
    const text = texts.length > 0 ? sql`pg_catalog.json_build_array(${join(texts)})::text` : sql`(${this.#inner}.*)::text`;
    if (!this.#needed.has(ROW_ID)) this.#needed.set(ROW_ID, keyedHash(dataset, text, maskKeys));
    return sql`${alias}.${identifier(ROW_ID)}`;
  }

  place(): Sql {
    this.#needed.set(PLACE, sql`${this.#inner}.${identifier(PLACE)}`);
    return sql`${this.#options.alias}.${identifier(PLACE)}`;
  }

  toSql(): Sql {
    const { shape, alias } = this.#options;
    const { schema = '', name = '' } = remoteTableOf(shape.dataset)?.table ?? {};
    const columns = [...this.#needed].map(([field, value]) => sql`${value} AS ${identifier(field)}`);
    const list = columns.length > 0 ? join(columns) : raw('1');
    const table = sql`${identifier(schema, name)} AS ${this.#inner}`;
    return sql`(SELECT ${list} FROM ${this.#needed.has(PLACE) ? placed(table, this.#inner) : table}) AS ${alias}`;
  }

  #cast(field: Field): Sql {
    const { shape, dialect } = this.#options;
    const column = shape.columnOf(field);
    return castColumn(column, field, sql`${this.#inner}.${identifier(column.name)}`, dialect.version);
  }
}

const PLACE = '_place';

/** A table with the place of its rows. A view has none: there the names are found one level further out, and are null. */
function placed(table: Sql, name: Sql): Sql {
  const place = sql`(tableoid || ' ' || ctid) AS ${identifier(PLACE)}`;
  return sql`(VALUES (NULL::text, NULL::text)) AS o (tableoid, ctid) CROSS JOIN LATERAL (SELECT ${place}, ${name}.* FROM ${table}) AS ${name}`;
}

/** A row id of a text that tells the rows of a dataset apart. */
export function keyedHash({ name }: Dataset, text: Sql, maskKeys: MaskKeys): Sql {
  const { inner, outer } = maskKeys(`row/${name}`);
  return sql`pg_catalog.sha256(${outer} || pg_catalog.sha256(${inner} || pg_catalog.textsend(${text})))`;
}

/** `NULL` of the field's type. */
export function nothing(field: Field): Sql {
  return raw(`NULL::${columnType(field)}`);
}
