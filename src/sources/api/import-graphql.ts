import { getNamedType, isInputObjectType, isObjectType } from 'graphql';
import {
  datasetKind,
  documentText,
  isFetched,
  isJoinable,
  unclassifiedField,
  type Catalog,
  type Dataset,
  type DatasetDocument,
  type DatasetSpec,
  type GraphqlList,
  type Narrowing,
} from '../../catalog/index.js';
import { camelCase, placeKeys } from '../../kernel/index.js';
import type { HttpClient } from '../http/http-client.js';
import type { ImportedTables } from '../import-tables.js';
import { localName, TakenNames } from '../local-name.js';
import { listNamed, listsOf, schemaOf, type Root } from './graphql-schema.js';
import { contractTypeOf, filtersIn, isOptional, rowsOf } from './graphql-types.js';

type FieldDocument = DatasetDocument['fields'][number];

/** Rows that one request asks for. */
const PAGE = 100;
const ORDERED: ReadonlySet<string> = new Set(['integer', 'bigint', 'decimal', 'date', 'timestamp', 'time']);

/**
 * Describes the root fields of a GraphQL API that give lists of rows as live datasets: types, the key where a row can be got by it, pages, and
 * the filters that its arguments have.
 * @param wanted names of root fields; all that can be described when absent
 * @throws HeadgateError BAD_USER_INPUT for a field that is not there; CONTRACT_VIOLATION where introspection is off; as the client
 */
export async function importGraphql(client: Pick<HttpClient, 'send' | 'name'>, catalog: Catalog, wanted?: readonly string[]): Promise<ImportedTables> {
  const schema = await schemaOf(client);
  const roots = Object.values(schema.getQueryType()?.getFields() ?? {});
  const lists = listsOf(schema);
  const chosen = wanted?.map((name) => listNamed(client.name, lists, name)) ?? lists;
  const importer = new Importer(client.name, catalog, roots);
  const documents = chosen.flatMap((root) => importer.document(root, wanted !== undefined) ?? []);
  const remarks = importer.warnings.map((warning) => `# ${warning.replaceAll(/\s+/g, ' ')}\n`).join('');
  const texts = documents.map((document) => documentText(datasetKind, document));
  return { manifest: remarks + texts.join('---\n'), datasets: documents.map(({ name }) => name), warnings: importer.warnings };
}

class Importer {
  readonly warnings: string[] = [];
  readonly #source: string;
  readonly #catalog: Catalog;
  readonly #roots: readonly Root[];
  readonly #names: TakenNames;

  constructor(source: string, catalog: Catalog, roots: readonly Root[]) {
    this.#source = source;
    this.#catalog = catalog;
    this.#roots = roots;
    this.#names = new TakenNames(catalog.datasets.keys());
  }

  /** @param isWanted it was named, so that it is told why it is left out */
  document(root: Root, isWanted: boolean): DatasetSpec | undefined {
    const rows = rowsOf(root.type);
    const missing = root.args.find((argument) => !isOptional(argument));
    if (!rows || missing) {
      if (isWanted && missing) this.warnings.push(`${root.name} needs the argument ${missing.name}, of which nothing is known; it is left out.`);
      return undefined;
    }
    const there = this.#datasetOf(root.name);
    const fields = this.#fields(root.name, Object.values(rows.row.getFields()), there);
    if (fields.length === 0) return void (isWanted && this.warnings.push(`${root.name} has no field that a contract can show; it is left out.`));
    const byKey = this.#byKey(rows.row.name, fields);
    const name = there?.name ?? this.#nameOf(root.name);
    const document = {
      name,
      ...(root.description && { description: root.description.slice(0, 10_000) }),
      source: this.#source,
      graphql: { list: this.#list(root, rows, fields, byKey?.key ?? []), ...(byKey && { get: byKey.get }) },
      fields: fields.map(({ document: field }) => field),
      ...(byKey && { key: [...byKey.key] }),
    };
    const parsed = datasetKind.schema.safeParse(document);
    if (parsed.success) return parsed.data;
    this.warnings.push(`${root.name} can't be described: ${parsed.error.issues[0]?.message ?? ''}; it is left out.`);
    return undefined;
  }

  #fields(root: string, remote: readonly Root[], there: Dataset | undefined): readonly Described[] {
    const taken = new TakenNames();
    return remote.flatMap(({ name: column, type, description, args }) => {
      if (args.some((argument) => !isOptional(argument))) return [];
      const known = contractTypeOf(type);
      if (!known) {
        if (!isObjectType(getNamedType(type)))
          this.warnings.push(`${root}: ${column} is ${String(type)}, which no type of a contract can show; it is left out.`);
        return [];
      }
      const name = taken.take(localName(column, 'field'));
      const document: FieldDocument = {
        name,
        type: `${known.type}${known.list ? '[]' : ''}` as FieldDocument['type'],
        ...(known.required && { required: true }),
        ...(camelCase(name) !== column && { column }),
        ...(description && { description: description.slice(0, 10_000) }),
      };
      return [{ column, document: there ? this.#classified(document, there) : document }];
    });
  }

  #list(root: Root, { items, item }: Pick<GraphqlList, 'items' | 'item'>, fields: readonly Described[], key: readonly string[]): GraphqlList {
    const filters = Object.fromEntries(
      fields.flatMap(({ column, document: { name, type } }) => {
        const found = filtersIn(root.args, column, operatorsOf(type));
        return Object.keys(found).length > 0 ? [[name, found]] : [];
      }),
    );
    const answer = getNamedType(root.type);
    const given = new Set(root.args.map(({ name }) => name));
    const hasInfo = isObjectType(answer) && answer.getFields()['pageInfo'] !== undefined;
    const size = given.has('first') ? 'first' : given.has('limit') ? 'limit' : undefined;
    const pages = pagesOf(given, hasInfo, size);
    if (!pages && size === undefined) this.warnings.push(`${root.name}: no arguments of pages are known, so its answer counts as all there is.`);
    const order = orderOf(root, fields, key);
    const used = new Set([
      ...Object.values(filters).flatMap((said) => Object.values(said).map((argument) => placeKeys(argument)[0] ?? '')),
      ...(pages ? [pages.argument, size ?? ''] : []),
      ...(order ? [order.argument] : []),
    ]);
    const types = Object.fromEntries(root.args.filter(({ name }) => used.has(name)).map(({ name, type }) => [name, String(type)]));
    return {
      field: root.name,
      ...(items !== undefined && { items }),
      ...(item !== undefined && { item }),
      ...(Object.keys(types).length > 0 && { arguments: types }),
      ...(Object.keys(filters).length > 0 && { filters }),
      ...(pages && { pages }),
      ...(order && { order }),
    };
  }

  /** A root field that gives one such row, by arguments that are fields of it. */
  #byKey(row: string, fields: readonly Described[]) {
    for (const { name: field, type, args } of this.#roots) {
      const named = getNamedType(type);
      if (!isObjectType(named) || named.name !== row || rowsOf(type) || args.length === 0) continue;
      const parts = args.map((argument) => ({ argument, described: fields.find(({ column }) => column === argument.name) }));
      if (!parts.every(({ argument, described }) => !isOptional(argument) && described && isJoinable(described.document.type))) continue;
      const keys = Object.fromEntries(parts.map(({ argument, described }) => [described?.document.name ?? '', argument.name]));
      return { key: Object.keys(keys), get: { field, arguments: Object.fromEntries(args.map((argument) => [argument.name, String(argument.type)])), keys } };
    }
    return undefined;
  }

  /** As with tables: what guards a field stays, and one that nobody has looked at is unclassified. */
  #classified(field: FieldDocument, there: Dataset): FieldDocument {
    const known = there.fields.find(({ name }) => name === field.name);
    if (known) return { ...field, ...(known.tags.length > 0 && { tags: [...known.tags] }), ...(known.visibility === 'secret' && { visibility: 'secret' }) };
    this.warnings.push(`${there.name}: the field "${field.name}" is new, and tagged unclassified until a steward says what it is.`);
    return unclassifiedField(field);
  }

  #datasetOf(root: string): Dataset | undefined {
    return [...this.#catalog.datasets.values()].find(
      (dataset) => isFetched(dataset) && dataset.source.source === this.#source && 'graphql' in dataset.source && dataset.source.graphql.list?.field === root,
    );
  }

  #nameOf(root: string): string {
    const candidates = [localName(root, 'rows'), localName(`${this.#source}_${root}`, 'rows')];
    const free = candidates.filter((name) => datasetKind.schema.safeParse({ name, fields: [{ name: 'id', type: 'text' }] }).success);
    const [first = `${this.#source}_rows`, ...others] = free;
    return this.#names.take(first, ...others);
  }
}

interface Described {
  readonly column: string;
  readonly document: FieldDocument;
}

function operatorsOf(type: string): readonly Narrowing[] {
  if (type.endsWith('[]') || type === 'json') return [];
  const equal = type === 'float' ? [] : (['eq', 'in'] as const);
  return ORDERED.has(type) || type === 'float' ? [...equal, 'gt', 'gte', 'lt', 'lte'] : equal;
}

function pagesOf(given: ReadonlySet<string>, hasInfo: boolean, argument: string | undefined): GraphqlList['pages'] {
  const size = argument === undefined ? {} : { size: { argument, rows: PAGE } };
  if (hasInfo && given.has('after')) return { by: 'cursor', argument: 'after', ...size };
  if (given.has('offset')) return { by: 'offset', argument: 'offset', ...size };
  return given.has('page') ? { by: 'page', argument: 'page', ...size } : undefined;
}

/** An order by the key, in the way of Headgate: `orderBy: [{ id: ASC }]`. */
function orderOf(root: Root, fields: readonly Described[], [name, ...more]: readonly string[]): GraphqlList['order'] {
  const key = more.length === 0 ? fields.find(({ document }) => document.name === name) : undefined;
  const argument = root.args.find((candidate) => candidate.name === 'orderBy');
  const input = argument && getNamedType(argument.type);
  const direction = key && isInputObjectType(input) ? input.getFields()[key.column] : undefined;
  if (!key || !argument || !direction || !ORDERED.has(key.document.type) || !String(argument.type).startsWith('[')) return undefined;
  const values = getNamedType(direction.type);
  if (!('getValues' in values) || !['ASC', 'DESC'].every((value) => values.getValues().some((candidate) => candidate.name === value))) return undefined;
  return { argument: 'orderBy', by: { [key.document.name]: { asc: [{ [key.column]: 'ASC' }], desc: [{ [key.column]: 'DESC' }] } } };
}
