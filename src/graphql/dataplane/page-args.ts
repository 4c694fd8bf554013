import type { CursorPosition, OrderTerm, Page } from '../../access/index.js';
import type { Dataset } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { SortDirectionValue } from './filter-types.js';
import type { RequestShape } from './request-shape.js';

/** A cursor is made by a function of 100 arguments, and nobody needs so many. */
const MOST_TERMS = 20;

type Args = Readonly<Record<string, unknown>>;

/** The page that first, after, last, before and offset ask for. @throws HeadgateError BAD_USER_INPUT */
export function parsePage(args: Args, limits: Pick<Limits, 'defaultPage' | 'maxPage'>, shape: RequestShape): Page {
  const first = whole(args, 'first', limits.maxPage);
  const last = whole(args, 'last', limits.maxPage);
  const offset = whole(args, 'offset', 2 ** 31 - 1) ?? 0;
  if (first !== undefined && last !== undefined) throw new HeadgateError('BAD_USER_INPUT', 'Give first or last, not both.', { path: 'last' });
  if (last !== undefined && offset > 0)
    throw new HeadgateError('BAD_USER_INPUT', 'offset counts from the start, so it goes with first only.', { path: 'offset' });
  const limit = first ?? last ?? limits.defaultPage;
  shape.note(`[${limit} ${last !== undefined} ${offset}`);
  const after = cursor(args, 'after', shape);
  const before = cursor(args, 'before', shape);
  shape.note(']');
  return { limit, backward: last !== undefined, offset, ...(after && { after }), ...(before && { before }) };
}

/** A number of rows that an argument asks for. @throws HeadgateError BAD_USER_INPUT */
export function whole(args: Args, name: string, largest: number): number | undefined {
  const value = args[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number' || value < 0) throw new HeadgateError('BAD_USER_INPUT', `${name} must not be negative.`, { path: name });
  if (value > largest) throw new HeadgateError('BAD_USER_INPUT', `${name} may be ${largest} at the most. Read on with \`after\`.`, { path: name });
  return value;
}

/** Takes a cursor apart. That it belongs to this query is checked when the order is known. */
function cursor(args: Args, name: string, shape: RequestShape): CursorPosition | undefined {
  const text = args[name];
  if (text === undefined || text === null) return undefined;
  const parts = typeof text === 'string' ? decode(text) : undefined;
  if (parts === undefined)
    throw new HeadgateError('BAD_USER_INPUT', `${name} is not a cursor: give back one that an earlier answer had, unchanged.`, { path: name });
  const [fingerprint, ...values] = parts;
  shape.note(name);
  return { fingerprint: shape.slot(fingerprint), values: values.map((value) => (value === null ? (shape.note('null'), null) : shape.slot(value))) };
}

function decode(text: string): (string | null)[] | undefined {
  if (!/^[A-Za-z0-9_-]+$/.test(text) || text.length > 100_000) return undefined;
  try {
    const parts: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (!Array.isArray(parts) || parts.length < 2 || typeof parts[0] !== 'string') return undefined;
    return parts.every((part) => part === null || typeof part === 'string') ? (parts as (string | null)[]) : undefined;
  } catch {
    return undefined;
  }
}

/** `[{ fare: DESC }, { passenger: { name: ASC } }]`: each element names one field, maybe through to-one relations. */
export function parseOrder(input: unknown, dataset: Dataset, datasets: ReadonlyMap<string, Dataset>, shape: RequestShape): readonly OrderTerm[] {
  if (input === undefined || input === null) return [];
  const list = Array.isArray(input) ? input : [input];
  if (list.length > MOST_TERMS)
    throw new HeadgateError('QUERY_TOO_COMPLEX', `An order may have ${MOST_TERMS} terms; ${list.length} were given.`, { path: 'orderBy' });
  return list.map((element) => orderTerm(element as Args, dataset, datasets, shape, []));
}

function orderTerm(element: Args, dataset: Dataset, datasets: ReadonlyMap<string, Dataset>, shape: RequestShape, through: OrderTerm['through']): OrderTerm {
  const [entry] = Object.entries(element);
  const [name = '', value] = entry ?? [];
  shape.note(name);
  const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
  if (field) {
    const { descending, nullsFirst } = value as SortDirectionValue;
    shape.note(`${descending} ${nullsFirst}`);
    return { through, field, descending, nullsFirst };
  }
  const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
  const target = relation && datasets.get(relation.to);
  if (!relation || !target || typeof value !== 'object' || value === null)
    throw new HeadgateError('BAD_USER_INPUT', `${dataset.name} can't be ordered by ${name}.`, { path: 'orderBy' });
  shape.datasets.add(target);
  if (through.length >= 5) throw new HeadgateError('QUERY_TOO_COMPLEX', 'An order may follow five relations at the most.', { path: 'orderBy' });
  return orderTerm(value as Args, target, datasets, shape, [...through, { relation, target }]);
}
