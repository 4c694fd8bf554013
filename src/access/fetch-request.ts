import { limitsOf, type FetchedDataset } from '../catalog/index.js';
import { isAskedFor, type RowTest, type WantedRows } from '../sources/index.js';
import { claimText, type Keys, type ReadRequest } from './binding.js';
import type { DatasetFetch, Necessary } from './fetch-plan.js';
import { joinedTests } from './joined-tests.js';
import type { Operand, PlannedTest } from './planned-test.js';
import { wireText } from './wire-text.js';

interface Bound {
  readonly tests: readonly RowTest[];
  readonly isWhole: boolean;
}

/**
 * The rows to fetch for one request; undefined when none can be in the answer.
 *
 * What a reader asks for decides how much is fetched only where each fetched row is one that the reader sees: else the limits, which refuse
 * what is too much, would tell how many hidden rows there are of whatever is asked for. Rows that are got by their whole key are the exception:
 * of these there are no more than keys, and so many requests whether they are there or not.
 *
 * @param isPaged no more than a page may be fetched, where the API can be asked for all else
 */
export function wantedRows(
  fetch: DatasetFetch,
  request: Pick<ReadRequest, 'values' | 'claims'>,
  keys: Keys | undefined,
  isPaged: boolean,
): WantedRows | undefined {
  const { shape, granted, asked, told } = fetch;
  if (!granted) return undefined;
  const seen = bound(granted, request, keys);
  const wanted = bound(asked, request, keys);
  const { dataset } = shape;
  // Then no hidden row is fetched, as long as the API does what it is asked.
  const isSeen = seen.isWhole && seen.tests.every((test) => isAskedFor(dataset, test));
  const tests = joinedTests([...seen.tests, ...(isSeen ? wanted.tests : [])], dataset);
  const byKey = isSeen ? undefined : joinedTests([...seen.tests, ...byWholeKey(wanted.tests, dataset)], dataset);
  if ([...tests, ...(byKey ?? [])].some(({ operator, values }) => operator === 'in' && values.length === 0)) return undefined;
  const first = isSeen && isPaged && wanted.isWhole && tests.every((test) => isAskedFor(dataset, test)) ? firstOf(fetch, request) : undefined;
  return {
    dataset,
    tests: first ? joinedTests([...tests, ...first.beyond], dataset) : tests,
    fields: [...shape.used],
    ...(byKey && { byKey }),
    ...(first && { first: first.rows }),
    told,
  };
}

/** The first rows in an order that the API can be asked for, behind a cursor that it can be asked for too. */
function firstOf({ page, shape: { dataset } }: DatasetFetch, request: Pick<ReadRequest, 'values' | 'claims'>) {
  const { source } = dataset;
  const list = 'http' in source ? source.http.list : source.graphql.list;
  const by = page && list?.order?.by[page.key.name];
  if (!page || !by || (page.descending ? by.desc : by.asc) === undefined) return undefined;
  const beyond = page.beyond.map((test) => boundTest(test, request, undefined)).filter((test) => test !== undefined);
  if (beyond.length < page.beyond.length || !beyond.every((test) => isAskedFor(dataset, test))) return undefined;
  return { beyond, rows: { rows: page.rows, by: page.key.name, descending: page.descending } };
}

/**
 * Of no more keys than rows may be fetched: else it would tell of one of them, by what is too much, whether a hidden row has it.
 */
function byWholeKey(tests: readonly RowTest[], { key, source }: FetchedDataset): readonly RowTest[] {
  const named = key.flatMap((name) => tests.find(({ field, operator }) => field === name && operator === 'in') ?? []);
  const keys = named.reduce((product, { values }) => product * values.length, 1);
  return named.length === key.length && keys <= limitsOf('http' in source ? source.http : source.graphql).rows ? named : [];
}

function bound({ tests, isWhole }: Necessary, request: Pick<ReadRequest, 'values' | 'claims'>, keys: Keys | undefined): Bound {
  const all = tests.map((test) => boundTest(test, request, keys));
  const known = all.filter((test) => test !== undefined);
  return { tests: known, isWhole: isWhole && known.length === all.length };
}

/** Undefined where a value can't be put into words that every API reads alike. */
function boundTest({ field, operator, operands }: PlannedTest, request: Pick<ReadRequest, 'values' | 'claims'>, keys: Keys | undefined): RowTest | undefined {
  const values = operands.flatMap((operand) => valuesOf(operand, request, keys));
  // Nothing equals null, and nothing is beyond it.
  const texts = values.filter((value) => value !== null && value !== undefined).map((value) => wireText(field.type, value));
  const known = texts.filter((text) => text !== undefined);
  if (known.length < texts.length) return undefined;
  return { field: field.name, operator: known.length === 0 ? 'in' : operator, values: [...new Set(known)] };
}

function valuesOf(operand: Operand, { values, claims }: Pick<ReadRequest, 'values' | 'claims'>, keys: Keys = []): readonly unknown[] {
  if ('text' in operand) return [operand.text];
  if ('claim' in operand) return [claimText(claims, operand.claim)];
  if ('keysAt' in operand) return keys.map((key) => key[operand.keysAt]);
  const value = values[operand.slot];
  return Array.isArray(value) ? (value as unknown[]) : [value];
}
