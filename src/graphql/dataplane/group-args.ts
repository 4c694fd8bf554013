import { measureType, type GroupKey, type GroupOrder, type MeasureFunction, type Through, type Truncation } from '../../access/index.js';
import type { Dataset } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { asList, type Input } from './given.js';
import type { SortDirectionValue } from './filter-types.js';
import { whole } from './page-args.js';
import type { RequestShape } from './request-shape.js';

const MOST_KEYS = 10;
const MOST_TERMS = 20;
const DEEPEST_KEY = 5;

/** What the arguments of one `groupBy` are read with. */
export interface GroupArgsContext {
  readonly dataset: Dataset;
  readonly datasets: ReadonlyMap<string, Dataset>;
  readonly shape: RequestShape;
}

/** `[{ country: true }, { placedAt: MONTH }, { customer: { tier: true } }]`. @throws HeadgateError BAD_USER_INPUT, QUERY_TOO_COMPLEX */
export function parseGroupKeys(input: unknown, context: GroupArgsContext): readonly GroupKey[] {
  const list = asList(input, 'keys');
  if (list.length === 0) throw new HeadgateError('BAD_USER_INPUT', 'groupBy needs a key. For numbers over all rows use aggregate.', { path: 'keys' });
  if (list.length > MOST_KEYS)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `Rows can be grouped by ${MOST_KEYS} keys at the most; ${list.length} were given.`, { path: 'keys' });
  const keys = list.map((element) => groupKey(element as Input, context.dataset, context, []));
  const places = keys.map(placeOf);
  const twice = places.findIndex((place, i) => places.indexOf(place) < i);
  if (twice >= 0) throw new HeadgateError('BAD_USER_INPUT', `${places[twice]} is among the keys twice.`, { path: `keys[${twice}]` });
  return keys;
}

function groupKey(element: Input, dataset: Dataset, context: GroupArgsContext, through: Through): GroupKey {
  const [[name, value] = ['', undefined]] = Object.entries(element);
  const { shape } = context;
  shape.note(name);
  const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
  if (field) {
    if (value === false) throw new HeadgateError('BAD_USER_INPUT', `keys: to not group by ${name}, leave it out.`, { path: 'keys' });
    shape.note(String(value));
    const truncation = truncationOf(value, field.type);
    return { through, field, ...(truncation && { truncation }) };
  }
  const hop = followed(name, dataset, context);
  if (through.length >= DEEPEST_KEY) throw new HeadgateError('QUERY_TOO_COMPLEX', `A key may follow ${DEEPEST_KEY} relations at the most.`, { path: 'keys' });
  return groupKey(value as Input, hop.target, context, [...through, hop]);
}

/** A day has no hours: cut to the hour it is as it is. */
function truncationOf(value: unknown, type: string): Truncation | undefined {
  if (value === true || value === 'NONE' || typeof value !== 'string') return undefined;
  return type === 'date' && (value === 'HOUR' || value === 'DAY') ? undefined : (value as Truncation);
}

function followed(name: string, dataset: Dataset, { datasets, shape }: GroupArgsContext): Through[number] {
  const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
  const target = relation && datasets.get(relation.to);
  if (!relation || !target) throw new HeadgateError('BAD_USER_INPUT', `${dataset.name} has no ${name} to group by.`, { path: 'keys' });
  shape.datasets.add(target);
  return { relation, target };
}

/** The names that lead to a key, as in an order or in `keys { ... }`. */
export function placeOf({ through, field }: GroupKey): string {
  return [...through.map(({ relation }) => relation.graphqlName), field.graphqlName].join('.');
}

/** `[{ sum: { amount: DESC } }, { key: { country: ASC } }]`. @throws HeadgateError BAD_USER_INPUT for a key that is not grouped by, QUERY_TOO_COMPLEX */
export function parseGroupOrder(input: unknown, keys: readonly GroupKey[], { dataset, shape }: GroupArgsContext): readonly GroupOrder[] {
  if (input === undefined || input === null) return [];
  const list = asList(input, 'orderBy');
  if (list.length > MOST_TERMS)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `An order may have ${MOST_TERMS} terms; ${list.length} were given.`, { path: 'orderBy' });
  const places = keys.map(placeOf);
  return list.map((element): GroupOrder => {
    const names: string[] = [];
    let value: unknown = element;
    for (; !isDirection(value); [value] = Object.values(value as Input)) names.push(Object.keys(value as Input)[0] ?? '');
    const { descending, nullsFirst } = value;
    shape.note(`${names.join('.')} ${descending} ${nullsFirst}`);
    const [kind = '', ...rest] = names;
    if (kind === 'count') return { by: { kind: 'count' }, descending, nullsFirst };
    if (kind === 'key') {
      const index = places.indexOf(rest.join('.'));
      if (index < 0) throw new HeadgateError('BAD_USER_INPUT', `orderBy: the rows are not grouped by ${rest.join('.')}.`, { path: 'orderBy' });
      return { by: { kind: 'key', index }, descending, nullsFirst };
    }
    const field = dataset.fields.find((candidate) => candidate.graphqlName === rest[0]);
    if (!field || !measureType(kind as MeasureFunction, field))
      throw new HeadgateError('BAD_USER_INPUT', `There is no ${kind} of ${rest[0]}.`, { path: 'orderBy' });
    return { by: { kind: 'measure', measure: kind as MeasureFunction, field }, descending, nullsFirst };
  });
}

function isDirection(value: unknown): value is SortDirectionValue {
  if (typeof value !== 'object' || value === null) throw new HeadgateError('BAD_USER_INPUT', 'orderBy: a direction is missing.', { path: 'orderBy' });
  return 'descending' in value && typeof value.descending === 'boolean';
}

/** Groups at the most, and those to leave out first. */
export function parseGroupPage(
  args: Input,
  limits: Pick<Limits, 'defaultPage' | 'maxPage'>,
  shape: RequestShape,
): { readonly limit: number; readonly offset: number } {
  const limit = whole(args, 'first', limits.maxPage) ?? limits.defaultPage;
  const offset = whole(args, 'offset', 2 ** 31 - 1) ?? 0;
  shape.note(`[${limit} ${offset}]`);
  return { limit, offset };
}
