import { buildSchema, graphql, type GraphQLScalarType, type GraphQLSchema } from 'graphql';
import { ApiServer, json } from '../support/api-server.js';
import { pageOf, type Row, type Tables } from './rows-server.js';

/** What a request asked for. */
export interface GraphqlAsked {
  readonly query: string;
  readonly variables: Readonly<Record<string, unknown>>;
}

type Arguments = Readonly<Record<string, unknown>>;

const camelCase = (name: string) => name.replaceAll(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/**
 * Another GraphQL API with a root field for each table, its rows behind `nodes` and `edges { node }`, with filters in `where` and pages by cursor; by its first column, one row
 * with `<table>By`, and several with `<table>Of`. Executed by graphql-js.
 */
export async function serveGraphql(tables: Tables): Promise<{ readonly api: ApiServer; readonly asked: GraphqlAsked[] }> {
  const asked: GraphqlAsked[] = [];
  const schema = schemaOf(tables);
  const api = await ApiServer.start(async ({ body }, response) => {
    const request = JSON.parse(body) as GraphqlAsked;
    asked.push(request);
    const result = await graphql({ schema, source: request.query, variableValues: request.variables, rootValue: rootOf(tables) });
    json(response, JSON.stringify(result));
  });
  return { api, asked };
}

function schemaOf(tables: Tables): GraphQLSchema {
  const types = Object.entries(tables).map(([table, [first = {}]]) => {
    const columns = Object.keys(first).map((name) => `${camelCase(name)}: Any`);
    return `type ${table}Row { ${columns.join(' ')} } type ${table}Edge { node: ${table}Row! } type ${table}Page { nodes: [${table}Row!]! edges: [${table}Edge!]! total: Int! pageInfo: Info! } input ${table}Where { ${Object.keys(
      first,
    )
      .map((name) => `${name}: [ID!]`)
      .join(' ')} }`;
  });
  const roots = Object.keys(tables).map(
    (table) =>
      `${table}(where: ${table}Where, first: Int!, after: String): ${table}Page! ${table}By(key: ID!): ${table}Row ${table}Of(keys: [ID!]!): [${table}Row]!`,
  );
  const schema = buildSchema(`scalar Any type Info { endCursor: String hasNextPage: Boolean! } ${types.join(' ')} type Query { ${roots.join(' ')} }`);
  (schema.getType('Any') as GraphQLScalarType).serialize = (value) => value;
  return schema;
}

function rootOf(tables: Tables): Readonly<Record<string, unknown>> {
  const entries = Object.entries(tables).flatMap(([table, rows]): [string, unknown][] => {
    const [key = ''] = Object.keys(rows[0] ?? {});
    const byKey = (value: string): Row | undefined => rows.find((row) => String(row[key]) === value);
    const shown = (row: Row | undefined) => row && Object.fromEntries(Object.entries(row).map(([name, value]) => [camelCase(name), value]));
    return [
      [`${table}By`, ({ key: value }: Arguments) => shown(byKey(String(value)))],
      [`${table}Of`, ({ keys }: Arguments) => (keys as string[]).map((value) => shown(byKey(value)) ?? null)],
      [
        table,
        ({ where = {}, first, after }: Arguments) => {
          const query = new URLSearchParams(
            Object.entries(where as Record<string, string[]>).flatMap(([name, values]) => values.map((value): [string, string] => [name, value])),
          );
          const from = Number(after ?? 0);
          query.set('per_page', '1000');
          const all = pageOf(rows, { query }).data;
          const end = from + Number(first);
          const nodes = all.slice(from, end).map(shown);
          const edges = nodes.map((node) => ({ node }));
          return { nodes, edges, total: all.length, pageInfo: { endCursor: String(end), hasNextPage: end < all.length } };
        },
      ],
    ];
  });
  return Object.fromEntries(entries);
}
