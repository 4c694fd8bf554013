import {
  datasetKind,
  didYouMean,
  documentText,
  isJoinable,
  listOf,
  remoteTableOf,
  tableNameText,
  unclassifiedField,
  type Catalog,
  type Dataset,
  type DatasetDocument,
} from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { ForeignKey, ListedTable } from './list-tables.js';
import { localName, TakenNames } from './local-name.js';
import type { PostgresSource } from './postgres-source.js';
import { contractType, type RemoteColumn } from './remote-column.js';

/** Tables at once: more is not read by anyone. */
const MOST_TABLES = 500;

/** Manifests that say what a source has. */
export interface ImportedTables {
  /** Documents of kind Dataset, as YAML that can be applied. */
  readonly manifest: string;
  readonly datasets: readonly string[];
  /** What of the tables is not in it, and why. */
  readonly warnings: readonly string[];
}

/**
 * Describes tables and views of a source as live datasets: types, keys, what must not be null, comments; and relations
 * where a foreign key leads from one of them to another. Datasets that are there for the same table keep their names.
 * @param wanted `schema.table`, or the table's name alone; all when absent
 * @throws HeadgateError BAD_USER_INPUT for a table that is not there; as the source's queries
 */
export async function importTables(source: PostgresSource, catalog: Catalog, wanted?: readonly string[]): Promise<ImportedTables> {
  await source.facts();
  const tables = chosen(await source.tables(), source.name, wanted);
  const importer = new Importer(source.name, catalog);
  for (const table of tables) importer.add(table, (await source.columns(table)) ?? []);
  return importer.finish();
}

function chosen(tables: readonly ListedTable[], source: string, wanted: readonly string[] | undefined): readonly ListedTable[] {
  const names = tables.map((table) => tableNameText(table));
  const found = (wanted ?? names).flatMap((name) => {
    const matching = tables.filter((table) => name === tableNameText(table) || name === table.name);
    if (matching.length > 0) return matching;
    throw new HeadgateError(
      'BAD_USER_INPUT',
      `There is no table or view "${name.slice(0, 130)}" at ${source} that its user may read.${didYouMean(name, [...names, ...tables.map((table) => table.name)])} Tables: ${listOf(names)}.`,
    );
  });
  const distinct = [...new Set(found)];
  if (distinct.length > MOST_TABLES)
    throw new HeadgateError('BAD_USER_INPUT', `${source} has ${distinct.length} tables; ${MOST_TABLES} can be imported at once. Name those that are wanted.`);
  return distinct;
}

type FieldDocument = DatasetDocument['fields'][number];
type RelationDocument = NonNullable<DatasetDocument['relations']>[number];

interface Imported {
  readonly table: ListedTable;
  readonly name: string;
  /** By the column's name. */
  readonly fields: ReadonlyMap<string, FieldDocument>;
  readonly key: readonly string[];
  readonly taken: TakenNames;
  readonly relations: RelationDocument[];
}

class Importer {
  readonly #source: string;
  readonly #catalog: Catalog;
  readonly #names: TakenNames;
  readonly #imported: Imported[] = [];
  readonly #warnings: string[] = [];

  constructor(source: string, catalog: Catalog) {
    this.#source = source;
    this.#catalog = catalog;
    this.#names = new TakenNames(catalog.datasets.keys());
  }

  add(table: ListedTable, columns: readonly RemoteColumn[]): void {
    const where = tableNameText(table);
    const taken = new TakenNames();
    const fields = new Map<string, FieldDocument>();
    const there = this.#datasetOf(table);
    for (const column of columns) {
      const type = contractType(column);
      if (!type) {
        this.#warnings.push(`${where}: the column "${column.name}" is ${column.typeText}, which no type of a contract can show; it is left out.`);
        continue;
      }
      const name = taken.take(localName(column.name, 'field'));
      const isKey = table.key?.includes(column.name);
      const field = {
        name,
        type: `${type.type}${type.list ? '[]' : ''}` as FieldDocument['type'],
        ...(column.notNull && !isKey && { required: true }),
        ...(name !== column.name && { column: column.name }),
        ...(column.comment && { description: column.comment.slice(0, 10_000) }),
      };
      fields.set(column.name, there ? this.#classified(field, column.name, there) : field);
    }
    if (fields.size === 0) return void this.#warnings.push(`${where} has no column that a contract can show; it is left out.`);
    const key = (table.key ?? []).map((column) => fields.get(column));
    const isKey = key.length > 0 && key.every((field) => field !== undefined && isJoinable(field.type));
    if (table.key && !isKey) this.#warnings.push(`${where}: its primary key has a type that can't identify a row exactly; the dataset has no key.`);
    this.#imported.push({ table, name: this.#nameOf(table), fields, key: isKey ? key.flatMap((field) => field?.name ?? []) : [], taken, relations: [] });
  }

  finish(): ImportedTables {
    for (const one of this.#imported) for (const link of one.table.foreignKeys ?? []) this.#relate(one, link);
    const texts = this.#imported.map((one) => documentText(datasetKind, this.#checked(one)));
    const remarks = this.#warnings.map((warning) => `# ${warning.replaceAll(/\s+/g, ' ')}\n`).join('');
    return { manifest: remarks + texts.join('---\n'), datasets: this.#imported.map(({ name }) => name), warnings: this.#warnings };
  }

  /**
   * A column that the dataset knows keeps what guards it: the manifest takes the place of one with tags, perhaps. One that it
   * does not know came to the table without anybody saying what it is.
   */
  #classified(field: FieldDocument, column: string, there: Dataset): FieldDocument {
    const known = there.fields.find((candidate) => (candidate.column ?? candidate.name) === column);
    if (known) return { ...field, ...(known.tags.length > 0 && { tags: [...known.tags] }), ...(known.visibility === 'secret' && { visibility: 'secret' }) };
    this.#warnings.push(`${there.name}: the column "${column}" is new, and tagged unclassified until a steward says what it is.`);
    return unclassifiedField(field);
  }

  /** The dataset that has the table already. */
  #datasetOf(table: ListedTable): Dataset | undefined {
    return [...this.#catalog.datasets.values()].find((dataset) => {
      const at = remoteTableOf(dataset);
      return at?.source === this.#source && at.table.schema === table.schema && at.table.name === table.name;
    });
  }

  /** Of the dataset that has the table already, else a free one. */
  #nameOf(table: ListedTable): string {
    const there = this.#datasetOf(table);
    if (there) return there.name;
    const name = localName(table.name, 'table');
    const candidates = [name, localName(`${table.schema}_${table.name}`, 'table'), localName(`${this.#source}_${table.schema}_${table.name}`, 'table')];
    const [first = name, ...others] = candidates.filter((candidate) => this.#isFree(candidate));
    return this.#names.take(first, ...others);
  }

  /** Some names are the control plane's. */
  #isFree(name: string): boolean {
    return datasetKind.schema.safeParse({ name, fields: [{ name: 'id', type: 'text' }] }).success;
  }

  /** One way to the row that the key leads to, and back to the rows that lead there. */
  #relate(one: Imported, { schema, table, pairs }: ForeignKey): void {
    const other = this.#imported.find((candidate) => candidate.table.schema === schema && candidate.table.name === table);
    if (!other) return;
    const on = pairs.map(([here, there]) => [one.fields.get(here), other.fields.get(there)] as const);
    const isWhole = other.key.length > 0 && other.key.every((name) => on.some(([, there]) => there?.name === name));
    if (!isWhole || !on.every(([here, there]) => here && there && isComparable(here.type, there.type))) return;
    const names = on.map(([here, there]) => [here?.name ?? '', there?.name ?? ''] as const);
    const [[local] = ['']] = names;
    const short = names.length === 1 ? local.replace(/_(id|key|no|code)$/, '') : other.name;
    one.relations.push({ name: one.taken.take(short, other.name, `${short}_row`), to: other.name, on: Object.fromEntries(names) });
    const back = Object.fromEntries(names.map(([here, there]) => [there, here]));
    other.relations.push({ name: other.taken.take(one.name, `${one.name}_by_${short}`.slice(0, 50).replace(/_$/, '')), to: one.name, on: back, many: true });
  }

  #checked({ table, name, fields, key, relations }: Imported): object {
    const document: DatasetDocument = {
      name,
      ...(table.comment && { description: table.comment.slice(0, 10_000) }),
      source: this.#source,
      table: tableNameText(table),
      fields: [...fields.values()],
      ...(key.length > 0 && { key: [...key] }),
      ...(relations.length > 0 && { relations }),
    };
    const parsed = datasetKind.schema.safeParse(document);
    if (parsed.success) return parsed.data;
    throw new Error(`the import of ${tableNameText(table)} is no contract: ${parsed.error.issues[0]?.message ?? ''}`);
  }
}

const WHOLE = ['integer', 'bigint', 'decimal'];

function isComparable(a: string, b: string): boolean {
  return isJoinable(a) && isJoinable(b) && (a === b || (WHOLE.includes(a) && WHOLE.includes(b)));
}
