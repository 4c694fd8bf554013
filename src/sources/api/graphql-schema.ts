import { buildClientSchema, getIntrospectionQuery, type GraphQLField, type GraphQLSchema, type IntrospectionQuery } from 'graphql';
import { didYouMean, listOf } from '../../catalog/index.js';
import { HeadgateError } from '../../kernel/index.js';
import type { HttpClient } from '../http/http-client.js';
import { rowsOf } from './graphql-types.js';

export type Root = GraphQLField<unknown, unknown>;

/** What an API says of itself. @throws HeadgateError CONTRACT_VIOLATION where introspection is off; as the client */
export async function schemaOf(client: Pick<HttpClient, 'send' | 'name'>, signal?: AbortSignal): Promise<GraphQLSchema> {
  const body = JSON.stringify({ query: getIntrospectionQuery() });
  const answer = await client.send({ method: 'POST', repeatable: true, body, ...(signal && { signal }) });
  try {
    return buildClientSchema((answer.json() as { readonly data: IntrospectionQuery }).data);
  } catch {
    throw new HeadgateError('CONTRACT_VIOLATION', `The source ${client.name} does not describe itself: introspection is off there, or it is no GraphQL API.`, {
      source: client.name,
    });
  }
}

/** The root field of a name among those that give lists of rows. @throws HeadgateError BAD_USER_INPUT when there is none */
export function listNamed(source: string, lists: readonly Root[], name: string): Root {
  const root = lists.find((candidate) => candidate.name === name);
  if (root) return root;
  const names = lists.map((list) => list.name);
  throw new HeadgateError(
    'BAD_USER_INPUT',
    `There is no field "${name.slice(0, 130)}" at ${source} that gives a list of rows.${didYouMean(name, names)} Fields: ${listOf(names)}.`,
  );
}

/** The root fields that give lists of rows. */
export function listsOf(schema: GraphQLSchema): readonly Root[] {
  return Object.values(schema.getQueryType()?.getFields() ?? {}).filter(({ type }) => rowsOf(type) !== undefined);
}
