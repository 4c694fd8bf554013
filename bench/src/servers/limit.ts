import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import pg from 'pg';
import { serveFor } from './child.ts';

/**
 * What this machine can do at all with Node and PostgreSQL: a bare HTTP server with a prepared statement for each read, whose
 * JSON is made by PostgreSQL. No GraphQL, no one who asks, nothing masked, nothing recorded.
 */
const CUSTOMER = 'id::text, name, email, birth_date AS "birthDate", country, city, tier';
const ORDERS = `(SELECT json_build_object('nodes', coalesce(json_agg(o), '[]')) FROM (
    SELECT id::text, status, amount::text, placed_at AS "placedAt" FROM data.orders WHERE customer_id = c.id ORDER BY placed_at DESC LIMIT 10
  ) AS o) AS orders`;

const STATEMENTS: Readonly<Record<string, { readonly text: string; readonly values: (variables: Variables) => unknown[] }>> = {
  flat: {
    text: `SELECT coalesce(json_agg(r), '[]')::text FROM (
      SELECT ${CUSTOMER} FROM data.customers WHERE country = $1 AND tier = $2 ORDER BY customers.id LIMIT 100) AS r`,
    values: ({ country, tier }) => [country, tier],
  },
  nested: {
    text: `SELECT coalesce(json_agg(r), '[]')::text FROM (
      SELECT id::text, name, country, ${ORDERS} FROM data.customers AS c WHERE country = $1 AND tier = $2 ORDER BY c.id LIMIT 50) AS r`,
    values: ({ country, tier }) => [country, tier],
  },
  one: {
    text: `SELECT to_json(r)::text FROM (SELECT ${CUSTOMER} FROM data.customers WHERE country = $1 AND id = $2) AS r`,
    values: ({ country, id }) => [country, id],
  },
  aggregate: {
    text: `SELECT json_build_object('aggregate', json_build_object('count', count(*)::text, 'countDistinct', json_build_object('city', count(DISTINCT city)::text),
        'sum', json_build_object('id', sum(id)::text), 'avg', json_build_object('id', avg(id)::text), 'min', json_build_object('id', min(id)::text),
        'max', json_build_object('id', max(id)::text), 'stddev', json_build_object('id', stddev(id)::text), 'variance', json_build_object('id', variance(id)::text)))::text
      FROM data.customers WHERE country = $1 AND tier = $2`,
    values: ({ country, tier }) => [country, tier],
  },
  groups: {
    text: `SELECT json_build_object('groupBy', coalesce(json_agg(g), '[]'))::text FROM (
      SELECT json_build_object('city', city) AS keys, json_build_object('sum', json_build_object('id', sum(id)::text), 'min', json_build_object('id', min(id)::text), 'max', json_build_object('id', max(id)::text)) AS aggregate
      FROM data.customers WHERE country = $1 AND tier = $2 GROUP BY city ORDER BY city LIMIT 100) AS g`,
    values: ({ country, tier }) => [country, tier],
  },
};

interface Variables {
  readonly country: string;
  readonly tier?: string;
  readonly id?: string;
}

const pool = new pg.Pool({ connectionString: process.env['DATABASE_URL'], max: 20 });

const server = createServer((request, response) => {
  answer(request).then(
    (body) => response.writeHead(200, { 'content-type': 'application/json; charset=utf-8', 'content-length': Buffer.byteLength(body) }).end(body),
    (error: unknown) => response.writeHead(500).end(String(error)),
  );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
serveFor(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, async () => {
  server.close();
  server.closeAllConnections();
  await pool.end();
});

async function answer(request: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece as Buffer);
  const { query, variables } = JSON.parse(Buffer.concat(pieces).toString()) as { query: string; variables: Variables };
  const statement = STATEMENTS[query];
  if (!statement) throw new Error(`no statement "${query}"`);
  const { rows } = await pool.query<[string]>({ name: query, text: statement.text, values: statement.values(variables), rowMode: 'array' });
  const json = rows[0]?.[0] ?? 'null';
  if (query === 'one') return `{"data":{"customersByKey":${json}}}`;
  return query === 'aggregate' || query === 'groups' ? `{"data":{"customers":${json}}}` : `{"data":{"customers":{"nodes":${json}}}}`;
}
