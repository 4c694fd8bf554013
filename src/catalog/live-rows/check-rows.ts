import { placeKeys } from '../../kernel/index.js';
import type { DatasetShape } from '../dataset-shape.js';
import type { FieldShape } from '../field-spec.js';
import type { ScalarType } from '../model.js';
import { isPlace } from '../pages.js';
import { splitType } from '../split-type.js';
import { didYouMean, listOf } from '../suggest.js';
import { placesIn } from './http-rows.js';
import type { GraphqlRows, Narrowing } from './rows.js';

type Complain = (path: readonly (string | number)[], message: string) => void;

/** Types whose order is the same wherever they are compared. That of texts depends on who compares them. */
const ORDERED: ReadonlySet<ScalarType> = new Set(['integer', 'bigint', 'decimal', 'float', 'date', 'timestamp', 'time']);
const FIELD_PLACE = /^((?!__)[_A-Za-z][_0-9A-Za-z]*|(\/(?!__)[_A-Za-z][_0-9A-Za-z]*){1,10})$/;

/** What can be known wrong of how an API is asked, by the contract alone. */
export function checkRowsAtApi(dataset: DatasetShape, complain: Complain): void {
  const kind = dataset.http ? 'http' : 'graphql';
  const rows = dataset.http ?? dataset.graphql;
  if (!rows) return;
  if (!rows.list && !rows.get && !rows.batch) complain([kind], 'say how rows are had: by list, get or batch');
  checkColumns(dataset, kind, complain);
  for (const [name, operators] of Object.entries(rows.list?.filters ?? {})) {
    const path = [kind, 'list', 'filters', name];
    const field = fieldOf(dataset, name, path, complain);
    if (!field) continue;
    for (const operator of Object.keys(operators) as Narrowing[]) {
      const problem = operatorProblem(field, operator);
      if (problem !== undefined) complain([...path, operator], problem);
    }
  }
  for (const name of Object.keys(rows.list?.order?.by ?? {})) {
    const path = [kind, 'list', 'order', 'by', name];
    const field = fieldOf(dataset, name, path, complain);
    if (field && !isOrdered(field)) complain(path, `${name} is ${field.type}, and its order is not the same everywhere; rows are ordered by it here`);
  }
  checkKeys(dataset, kind, complain);
  checkConstants(dataset, kind, complain);
  if (dataset.graphql) checkArguments(dataset.graphql, complain);
}

function operatorProblem(field: FieldShape, operator: Narrowing): string | undefined {
  const { type, list } = splitType(field.type);
  if (list || type === 'json') return `${field.name} is ${field.type}, which no API can be asked for exactly`;
  if (operator === 'eq' || operator === 'in') return type === 'float' ? `${field.name} is float, of which equal values are not written alike` : undefined;
  return isOrdered(field) ? undefined : `${field.name} is ${field.type}, and its order is not the same everywhere; only eq and in can be asked for`;
}

function isOrdered(field: FieldShape): boolean {
  const { type, list } = splitType(field.type);
  return !list && ORDERED.has(type);
}

function checkColumns({ fields }: DatasetShape, kind: 'http' | 'graphql', complain: Complain): void {
  fields.forEach(({ column }, i) => {
    if (column === undefined) return;
    const path = ['fields', i, 'column'];
    if (kind === 'graphql' && !FIELD_PLACE.test(column)) complain(path, 'expected a GraphQL field, or a JSON pointer to one inside another: /address/city');
    if (kind === 'http' && column.startsWith('/') && !isPlace(column)) complain(path, 'expected the name of a member, or a JSON pointer such as /address/city');
  });
}

function checkKeys(dataset: DatasetShape, kind: 'http' | 'graphql', complain: Complain): void {
  const key = dataset.key ?? [];
  const { get, batch } = dataset[kind] ?? {};
  const has = key.length === 0 ? 'the dataset has no key' : `the key is ${key.join(', ')}`;
  if (get) {
    const named = 'path' in get ? placesIn(get.path) : Object.keys(get.keys);
    const isKey = key.length > 0 && named.length === key.length && key.every((name) => named.includes(name));
    if (!isKey) complain([kind, 'get', 'path' in get ? 'path' : 'keys'], `a row is got by its whole key, each field once, and ${has}`);
  }
  if (batch && key.length !== 1) complain([kind, 'batch'], `rows are got by the values of one field that is the key, and ${has}`);
}

/** A constant says which rows are the dataset's: nothing that a reader asks for may take its place. */
function checkConstants({ http, graphql }: DatasetShape, kind: 'http' | 'graphql', complain: Complain): void {
  const { filters = {}, pages, order } = http?.list ?? graphql?.list ?? {};
  const constants = http ? (http.list?.query ?? {}) : (graphql?.list?.constants ?? {});
  const used = [
    ...Object.entries(filters).flatMap(([name, operators]) => Object.entries(operators).map(([operator, as]) => [['filters', name, operator], as] as const)),
    ...(pages && 'parameter' in pages ? [[['pages', 'parameter'], pages.parameter] as const] : []),
    ...(pages && 'argument' in pages ? [[['pages', 'argument'], pages.argument] as const] : []),
    ...(order ? [[['order'], 'parameter' in order ? order.parameter : order.argument] as const] : []),
  ];
  const taken = new Map<string, string>();
  for (const [path, as] of used) {
    // `eq` and `in` of one field ask for the same.
    const purpose = path[0] === 'filters' && (path[2] === 'eq' || path[2] === 'in') ? `${path[1]} eq` : path.join(' ');
    const other = as === undefined ? undefined : taken.get(as);
    if (as !== undefined && other !== undefined && other !== purpose) complain([kind, 'list', ...path], `"${as}" asks for something else already`);
    if (as !== undefined) taken.set(as, purpose);
    if (as !== undefined && isConstant(constants, http ? [as] : placeKeys(as)))
      complain([kind, 'list', ...path], `"${as}" is a constant of the list, which a filter, page or order would take the place of; keep one of them`);
  }
}

/** What stands there, or around it, is said and is no object that takes another member. */
function isConstant(constants: unknown, [name = '', ...rest]: readonly string[]): boolean {
  if (typeof constants !== 'object' || constants === null || !Object.hasOwn(constants, name)) return false;
  const there: unknown = (constants as Readonly<Record<string, unknown>>)[name];
  if (rest.length === 0) return true;
  return typeof there !== 'object' || there === null || Array.isArray(there) || isConstant(there, rest);
}

/** Each argument that is given needs its type. */
function checkArguments({ list, get, batch }: GraphqlRows, complain: Complain): void {
  const check = (known: Readonly<Record<string, string>> | undefined, used: readonly (readonly [path: readonly string[], argument: string])[]): void => {
    for (const [path, text] of used) {
      const [argument = ''] = placeKeys(text);
      if (known && Object.hasOwn(known, argument)) continue;
      complain(['graphql', ...path], `the type of the argument "${argument}" is not said: add it to arguments, such as ${argument}: String`);
    }
  };
  if (list) {
    const { pages } = list;
    check(list.arguments, [
      ...Object.keys(list.constants ?? {}).map((name) => [['list', 'constants', name], name] as const),
      ...Object.entries(list.filters ?? {}).flatMap(([name, operators]) =>
        Object.entries(operators).map(([operator, argument]) => [['list', 'filters', name, operator], String(argument)] as const),
      ),
      ...(pages ? [[['list', 'pages', 'argument'], pages.argument] as const] : []),
      ...(pages?.size ? [[['list', 'pages', 'size', 'argument'], pages.size.argument] as const] : []),
      ...(list.order ? [[['list', 'order', 'argument'], list.order.argument] as const] : []),
    ]);
  }
  if (get)
    check(
      get.arguments,
      Object.entries(get.keys).map(([name, argument]) => [['get', 'keys', name], argument] as const),
    );
  if (batch)
    check(batch.arguments, [
      [['batch', 'argument'], batch.argument],
      ...Object.keys(batch.constants ?? {}).map((name) => [['batch', 'constants', name], name] as const),
    ]);
}

function fieldOf({ fields }: DatasetShape, name: string, path: readonly string[], complain: Complain): FieldShape | undefined {
  const names = fields.map((field) => field.name);
  const field = fields.find((candidate) => candidate.name === name);
  if (!field) complain(path, `there is no field "${name}".${didYouMean(name, names)} Fields: ${listOf(names)}.`);
  return field;
}
