import { coerceInputValue, GraphQLList, GraphQLNonNull, type GraphQLInputType } from 'graphql';
import { asPage, price, type ExportSelection } from '../../access/index.js';
import type { Dataset, Field } from '../../catalog/index.js';
import type { Limits } from '../../config/index.js';
import { HeadgateError } from '../../kernel/index.js';
import { parseOrder } from './page-args.js';
import { RequestShape } from './request-shape.js';
import type { DataPlane, DatasetTypes } from './types.js';
import { parseWhere } from './where.js';

/** What an export asks for, as it stands in a URL; all names are those of the GraphQL API. */
export interface ExportQuery {
  /** `id,bookedAt` */
  readonly fields?: string;
  /** The JSON of the argument `where`. */
  readonly where?: string;
  /** The JSON of the argument `orderBy`, or `name,-bookedAt`. */
  readonly orderBy?: string;
}

/** What is exported, and what the request brings beside: its values, by slot, and the regular expressions among them. */
export interface ExportAsked {
  readonly selection: ExportSelection;
  readonly values: readonly unknown[];
  readonly patterns: readonly string[];
}

/**
 * Reads a query as the GraphQL API reads the arguments of the dataset's page.
 * @param plane of the view that the principal has: names that they may not know are unknown
 * @throws HeadgateError NOT_FOUND for a dataset, BAD_USER_INPUT with `path`, QUERY_TOO_COMPLEX.
 */
export function parseExport(plane: DataPlane, name: string, query: ExportQuery, limits: Pick<Limits, 'maxCost'>): ExportAsked {
  const types = plane.types.get(name);
  if (!types) throw new HeadgateError('NOT_FOUND', `There is no dataset "${name.slice(0, 64)}".`, { dataset: name.slice(0, 64) });
  const { dataset } = types;
  const datasets = new Map([...plane.types].map(([key, { dataset: other }]) => [key, other]));
  const shape = new RequestShape();
  const fields = query.fields === undefined ? undefined : fieldsOf(query.fields, dataset);
  const where = query.where === undefined ? undefined : parseWhere(coerced(json('where', query.where), types.where, 'where'), dataset, datasets, shape);
  const order = query.orderBy === undefined ? [] : parseOrder(orderOf(query.orderBy, types), dataset, datasets, shape);
  const selection: ExportSelection = { dataset, ...(fields && { fields }), ...(where && { where }), order };
  // Rows are free here: a price is on what each of them costs to find.
  const cost = price({ kind: 'connection', connection: asPage(selection) });
  if (cost > limits.maxCost) {
    throw new HeadgateError('QUERY_TOO_COMPLEX', `The filter and the order cost ${cost}; ${limits.maxCost} are allowed. Ask for less.`, {
      price: cost,
      limit: limits.maxCost,
    });
  }
  return { selection, values: shape.values, patterns: shape.patterns };
}

function fieldsOf(text: string, dataset: Dataset): readonly Field[] {
  const fields = new Set<Field>();
  for (const name of text.split(',')) {
    const field = dataset.fields.find(({ graphqlName }) => graphqlName === name.trim());
    if (!field) throw bad('fields', `${dataset.name} has no field ${quoted(name)}; expected names of the GraphQL API with commas between`);
    if (fields.has(field)) throw bad('fields', `${quoted(name)} stands there twice`);
    fields.add(field);
  }
  return [...fields];
}

function orderOf(text: string, { orderBy }: DatasetTypes): unknown {
  const list = /^\s*[[{]/.test(text) ? json('orderBy', text) : text.split(',').map(shortTerm);
  return coerced(list, new GraphQLList(new GraphQLNonNull(orderBy)), 'orderBy');
}

function shortTerm(term: string): Record<string, string> {
  const name = term.trim();
  return name.startsWith('-') ? { [name.slice(1)]: 'DESC' } : { [name]: 'ASC' };
}

function json(path: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw bad(path, `expected JSON, as the argument ${path} of the GraphQL API has it`);
  }
}

/** The value as graphql-js takes it for an argument of this type. */
function coerced(value: unknown, type: GraphQLInputType, path: string): unknown {
  return coerceInputValue(
    value,
    type,
    (at, _invalid, error) => {
      throw bad([path, ...at].join('.'), error.message.replace(/\.$/, ''));
    },
    true,
  );
}

function quoted(name: string): string {
  return JSON.stringify(name.trim().slice(0, 64));
}

function bad(path: string, expected: string): HeadgateError {
  return new HeadgateError('BAD_USER_INPUT', `${path}: ${expected}.`, { path });
}
