import { sha256 } from '../kernel/index.js';
import { identifier, join, raw, sql, type Sql } from '../sql/index.js';
import { columnType, LOAD_ID, ROW_ID, type Dataset, type Field } from './model.js';

/** Where a table is; a load builds its replacement in the schema `work` and moves it. */
export interface TableName {
  readonly schema: string;
  readonly name: string;
}

/** Of the vault's envelopes: what stands between their first and second dot. */
const BLIND_INDEX_PART = 2;

type Shape = Pick<Dataset, 'name' | 'fields' | 'key'>;

/** The table that serves a dataset. */
export function tableOf(dataset: Pick<Dataset, 'name'>): TableName {
  return { schema: 'data', name: dataset.name };
}

/** The type of a column, with the collation: text is ordered by code point wherever it is. */
export function columnDefinition(field: Field): Sql {
  return sql`${identifier(field.name)} ${typeDefinition(field)}${raw(field.required ? ' NOT NULL' : '')}`;
}

export function typeDefinition(field: Pick<Field, 'type' | 'list'>): Sql {
  return raw(columnType(field) + (field.type === 'text' ? ' COLLATE "C"' : ''));
}

/**
 * A new row id: random, as a UUID is, and in its bytes. Of these PostgreSQL makes a bulk of rows in half the time that it
 * needs to read UUIDs.
 */
export const NEW_ROW_ID = raw('uuid_send(gen_random_uuid())');

/** The bare table, to be filled; `completeTable` adds what is faster made after. Columns are in the contract's order, then `_rid` and `_load`. */
export function createTable(dataset: Shape, table: TableName = tableOf(dataset)): Sql {
  const columns = [
    ...dataset.fields.map(columnDefinition),
    sql`${identifier(ROW_ID)} bytea NOT NULL DEFAULT ${NEW_ROW_ID}`,
    sql`${identifier(LOAD_ID)} bigint NOT NULL DEFAULT 0`,
  ];
  return sql`CREATE TABLE ${identifier(table.schema, table.name)} (${join(columns)})`;
}

/**
 * Key, indexes and rights, a statement each. Constraint and indexes are named for the dataset, not for the table, so a
 * table that is built in another schema keeps them when it is moved (ALTER TABLE ... SET SCHEMA data, then RENAME).
 */
export function completeTable(dataset: Shape, indexes: readonly (readonly string[])[], table: TableName = tableOf(dataset)): Sql[] {
  const target = identifier(table.schema, table.name);
  return [
    ...(dataset.key.length > 0 ? [sql`ALTER TABLE ${target} ADD ${keyConstraint(dataset)}`] : []),
    ...indexes.map((columns) => createIndex(dataset, columns, table)),
    sql`GRANT SELECT ON ${target} TO headgate_reader, headgate_pipeline`,
  ];
}

/** No dataset can have such a name: names have single underscores only, so index and table never meet in the schema. */
export function keyName(dataset: Pick<Dataset, 'name'>): string {
  return `${dataset.name}__key`;
}

export function keyConstraint(dataset: Pick<Dataset, 'name' | 'key'>): Sql {
  return sql`CONSTRAINT ${identifier(keyName(dataset))} PRIMARY KEY (${columnList(dataset.key)})`;
}

export function createIndex(dataset: Pick<Dataset, 'name'>, columns: readonly string[], table: TableName = tableOf(dataset)): Sql {
  const name = `${dataset.name}__ix_${sha256(columns.join(',')).slice(0, 8)}`;
  return sql`CREATE INDEX ${identifier(name)} ON ${identifier(table.schema, table.name)} (${columnList(columns)})`;
}

/** The index by which values of an encrypted field are found: of the part of an envelope that equal values have in common. */
export function createBlindIndex(dataset: Pick<Dataset, 'name'>, field: string, table: TableName = tableOf(dataset)): Sql {
  const part = sql`split_part(${identifier(field)}, '.', ${raw(String(BLIND_INDEX_PART))})`;
  return sql`CREATE INDEX ${identifier(blindIndexName(dataset, field))} ON ${identifier(table.schema, table.name)} (${part})`;
}

export function blindIndexName(dataset: Pick<Dataset, 'name'>, field: string): string {
  return `${dataset.name}__bx_${sha256(field).slice(0, 8)}`;
}

/**
 * The indexes that a dataset's table should have beside its key: the declared ones, and those that its relations need,
 * from both sides. One that a longer one or the key begins with is left out, unless it was declared.
 */
export function indexesOf(dataset: Dataset, datasets: ReadonlyMap<string, Dataset>): (readonly string[])[] {
  const wanted = dataset.indexes.filter((index) => !sameList(index, dataset.key));
  const forRelations = [
    ...dataset.relations.filter(({ many }) => !many).map(({ on }) => on.map(({ local }) => local)),
    ...[...datasets.values()].flatMap(({ relations }) =>
      relations.filter(({ to, many }) => many && to === dataset.name).map(({ on }) => on.map(({ remote }) => remote)),
    ),
  ];
  for (const columns of forRelations.toSorted((a, b) => b.length - a.length)) {
    const covered = [dataset.key, ...wanted].some((longer) => sameList(columns, longer.slice(0, columns.length)));
    if (!covered) wanted.push(columns);
  }
  return wanted;
}

export function columnList(names: readonly string[]): Sql {
  return join(names.map((name) => identifier(name)));
}

export function sameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, i) => item === b[i]);
}
