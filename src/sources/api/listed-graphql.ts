import { getNamedType, isLeafType, isObjectType } from 'graphql';
import type { ScalarType } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { HttpClient } from '../http/http-client.js';
import { contractTypeOf, isOptional, rowsOf } from './graphql-types.js';
import { listNamed, listsOf, schemaOf } from './graphql-schema.js';

/** A field of the rows that a list of a GraphQL API gives. */
export interface ListedField {
  readonly name: string;
  /** Absent for a scalar of which nothing is known but its values. */
  readonly type?: ScalarType;
  readonly list: boolean;
  readonly required: boolean;
  /** Its type is `ID!`: what a row is known by, where it is called so. */
  readonly isId: boolean;
  readonly description?: string;
}

/** A root field of a GraphQL API that gives rows, and how they are asked for page by page. */
export interface ListedGraphql {
  readonly field: string;
  /** A JSON pointer to where the rows are in its answer, and to where the row is in each of them. */
  readonly items: string;
  readonly item: string;
  readonly fields: readonly ListedField[];
  /** Fields of the rows that are objects, or need an argument. */
  readonly leftOut: readonly string[];
  /** Arguments of pages; `size` says how many rows one has. */
  readonly pages: { readonly by: 'cursor' | 'offset'; readonly argument: string; readonly type: string } | undefined;
  readonly size: string | undefined;
}

/**
 * Describes one list by the API's introspection.
 * @throws HeadgateError BAD_USER_INPUT for a field that gives no list, or needs an argument; CONTRACT_VIOLATION where introspection is off
 */
export async function listedGraphql(client: Pick<HttpClient, 'send' | 'name'>, field: string, signal: AbortSignal): Promise<ListedGraphql> {
  const root = listNamed(client.name, listsOf(await schemaOf(client, signal)), field);
  const missing = root.args.find((argument) => !isOptional(argument) && argument.name !== 'first' && argument.name !== 'limit');
  const rows = rowsOf(root.type);
  if (!rows || missing) {
    const message = `${field} at ${client.name} needs the argument ${missing?.name ?? ''}, of which nothing is known: write its dataset and collector by hand.`;
    throw new HeadgateError('BAD_USER_INPUT', message, { source: client.name });
  }
  const remote = Object.values(rows.row.getFields());
  const shown = remote.filter(({ type, args }) => isLeafType(getNamedType(type)) && args.every(isOptional));
  const answer = getNamedType(root.type);
  const hasInfo = isObjectType(answer) && answer.getFields()['pageInfo'] !== undefined;
  const argument = (name: string) => root.args.find((candidate) => candidate.name === name);
  const [after, offset] = [hasInfo ? argument('after') : undefined, argument('offset')];
  return {
    field,
    items: rows.items ?? '',
    item: rows.item ?? '',
    fields: shown.map(({ name, type, description }) => {
      const known = contractTypeOf(type);
      const isId = String(type) === 'ID!';
      const facts = { name, list: known?.list ?? false, required: known?.required ?? false, isId, ...(description && { description }) };
      return { ...facts, ...(known && { type: known.type }) };
    }),
    leftOut: remote.filter((each) => !shown.includes(each)).map(({ name }) => name),
    pages: after ? { by: 'cursor', argument: 'after', type: String(after.type) } : offset && { by: 'offset', argument: 'offset', type: String(offset.type) },
    size: ['first', 'limit'].find(argument),
  };
}
