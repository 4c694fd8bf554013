import { readFileSync } from 'node:fs';
import { request, type IncomingMessage } from 'node:http';
import { once } from 'node:events';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

const FIXTURE = join(import.meta.dirname, '../cases/fixture');
const BIG = `
kind: Dataset
name: big
fields: [{ name: id, type: integer }, { name: what, type: text }]
key: [id]
---
kind: Grant
name: takers
to: { roles: [taker] }
on: { datasets: [big] }
rights: [export]
fields: { '*': allow }
---
kind: Grant
name: lookers
to: { roles: [looker] }
on: { datasets: [big] }
rights: [read]
fields: { '*': allow }
`;

let served: Served;
let agent: string;
let analyst: string;
let taker: string;
let owner: pg.Client;

beforeAll(async () => {
  served = await Served.start();
  await furnish(served);
  await served.sql(readFileSync(join(FIXTURE, 'rows.sql'), 'utf8'));
  await served.sql("INSERT INTO data.big (id, what) SELECT g, repeat('x', 500) FROM generate_series(1, 100000) AS g");
  agent = await served.token('agent', ['agent'], { claims: { country: 'DE' } });
  analyst = await served.token('analyst', ['analyst']);
  taker = await served.token('taker', ['taker']);
  owner = new pg.Client(served.connection);
  await owner.connect();
});
afterAll(async () => {
  await owner?.end();
  await served?.close();
});

async function furnish(house: Served): Promise<void> {
  const admin = await house.token('ada', ['admin']);
  for (const text of [...['1-datasets.yaml', '2-grants.yaml', '3-consent.yaml'].map((file) => readFileSync(join(FIXTURE, file), 'utf8')), BIG]) {
    const { errors } = await house.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: text });
    if (errors) throw new Error(JSON.stringify(errors));
  }
}

async function get(who: string | null, path: string, headers: Record<string, string> = {}, url = served.url): Promise<Response> {
  return fetch(`${url}/export/${path}`, { headers: { ...(who && { authorization: `Bearer ${who}` }), ...headers } });
}

/** The response as it comes, before any of its body is read. */
async function open(who: string, path: string, headers: Record<string, string> = {}): Promise<IncomingMessage> {
  const asking = request(`${served.url}/export/${path}`, { headers: { authorization: `Bearer ${who}`, ...headers } });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  return response;
}

async function problem(response: Response): Promise<Record<string, unknown>> {
  expect(response.headers.get('content-type')).toContain('application/problem+json');
  return (await response.json()) as Record<string, unknown>;
}

/** The entries of the latest export, oldest first. */
async function entries(dataset: string): Promise<{ decision: string; row_count: string | null; details: Record<string, unknown> }[]> {
  const { rows } = await owner.query(
    "SELECT decision, row_count, details FROM headgate.audit_record WHERE action = 'export' AND dataset = $1 ORDER BY at DESC, id DESC LIMIT 6",
    [dataset],
  );
  const found = rows as { decision: string; row_count: string | null; details: Record<string, unknown> }[];
  return found.filter(({ details }) => details['export'] === found[0]?.details['export']).toReversed();
}

async function running(): Promise<number> {
  const { rows } = await owner.query<{ count: number }>(
    "SELECT count(*)::int AS count FROM pg_stat_activity WHERE datname = current_database() AND state <> 'idle' AND query LIKE 'COPY (%'",
  );
  return rows[0]?.count ?? -1;
}

describe('a file', () => {
  test.each([
    ['csv', 'text/csv; charset=utf-8; header=present'],
    ['ndjson', 'application/x-ndjson; charset=utf-8'],
    ['json', 'application/json; charset=utf-8'],
    ['parquet', 'application/vnd.apache.parquet'],
  ])('as %s says what it is, and has the rows that GraphQL gives', async (format, type) => {
    const response = await get(agent, `orders?format=${format}&fields=id,status,details,labels&orderBy=-id`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe(type);
    expect(response.headers.get('content-disposition')).toBe(`attachment; filename="orders.${format}"`);
    expect(response.headers.get('x-headgate-masked')).toBeNull();
    const bytes = await response.arrayBuffer();
    const { data } = await served.ask<{ orders: { nodes: object[] } }>(agent, '{ orders(orderBy: [{ id: DESC }]) { nodes { id status details labels } } }');
    const text = new TextDecoder().decode(bytes);
    if (format === 'ndjson')
      expect(
        text
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual(data.orders.nodes);
    if (format === 'json') expect(JSON.parse(text)).toEqual(data.orders.nodes);
    if (format === 'csv') expect(text).toBe(CSV);
    if (format === 'parquet') {
      const rows = await parquetReadObjects({ file: bytes });
      const shown = rows.map((row) => ({
        ...row,
        id: String(row['id']),
        details: JSON.parse((row['details'] as string | null) ?? 'null') as unknown,
        labels: row['labels'] ?? null,
      }));
      expect(shown).toEqual(data.orders.nodes);
    }
  });

  const CSV = `id,status,details,labels
105,open,,
104,lost,null,
103,open,"{""gift"": false}","[""gift"",null]"
102,open,[],[]
101,shipped,"{""gift"": true, ""note"": ""für Oma"", ""lines"": [{""n"": 2, ""sku"": ""A-1""}]}","[""fragile"",""gift""]"
`;

  test('is CSV when nothing is said', async () => {
    expect(await (await get(agent, 'customers?fields=id,name')).text()).toBe('id,name\n1,Anna Ahorn\n3,Clara Buche\n');
  });

  test('tells what is masked in it', async () => {
    const response = await get(analyst, 'customers?fields=birthDate,id,email');
    expect(response.headers.get('x-headgate-masked')).toBe('customers.birthDate, customers.email');
    expect(await response.text()).not.toMatch(/anna@|02-29/);
  });

  test.each([
    ['gzip', true],
    ['br;q=1, GZIP;q=0.5', true],
    ['identity', false],
    ['gzip;q=0', false],
    ['deflate, br', false],
  ])('is packed for who takes gzip: %s', async (accept, packed) => {
    const response = await open(agent, 'customers?fields=id&orderBy=id', { 'accept-encoding': accept });
    const bytes = Buffer.concat((await response.toArray()) as Buffer[]);
    expect(response.headers['content-encoding']).toBe(packed ? 'gzip' : undefined);
    expect(response.headers['vary']).toContain('Accept-Encoding');
    expect((packed ? gunzipSync(bytes) : bytes).toString()).toBe('id\n1\n3\n');
  });

  test('of any size comes whole, and is on the record with its rows and bytes', async () => {
    const response = await open(taker, 'big?format=ndjson');
    let bytes = 0;
    for await (const chunk of response as AsyncIterable<Buffer>) bytes += chunk.length;
    expect(response.complete).toBe(true);
    expect(await entries('big')).toMatchObject([
      { decision: 'ALLOWED', details: { state: 'started' } },
      { decision: 'ALLOWED', row_count: '100000', details: { state: 'finished', bytes } },
    ]);
  });
});

describe('a refusal', () => {
  test.each([
    ['an unknown dataset', 'nothing', 404, 'NOT_FOUND'],
    ['an unknown parameter', 'orders?first=3', 400, 'BAD_USER_INPUT'],
    ['a parameter that comes twice', 'orders?fields=id&fields=status', 400, 'BAD_USER_INPUT'],
    ['an unknown format', 'orders?format=xlsx', 400, 'BAD_USER_INPUT'],
    ['a format that objects have', 'orders?format=constructor', 400, 'BAD_USER_INPUT'],
    ['an unknown field', 'orders?fields=id,nothing', 400, 'BAD_USER_INPUT'],
    ['no field', 'orders?fields=', 400, 'BAD_USER_INPUT'],
    ['a field twice', 'orders?fields=id,id', 400, 'BAD_USER_INPUT'],
    ['a filter that is no JSON', 'orders?where={id:1}', 400, 'BAD_USER_INPUT'],
    ['a filter that is null', 'orders?where=null', 400, 'BAD_USER_INPUT'],
    ['a filter of another type', `orders?where=${encodeURIComponent('{"id":{"eq":"x"}}')}`, 400, 'BAD_USER_INPUT'],
    ['an operator with null', `orders?where=${encodeURIComponent('{"id":{"eq":null}}')}`, 400, 'BAD_USER_INPUT'],
    ['a pattern that is none', `orders?where=${encodeURIComponent('{"status":{"matches":"("}}')}`, 400, 'BAD_USER_INPUT'],
    ['a value that its type does not hold', `orders?where=${encodeURIComponent('{"shipDate":{"eq":"2026-02-30"}}')}`, 400, 'BAD_USER_INPUT'],
    ['an order by what has none', 'orders?orderBy=details', 400, 'BAD_USER_INPUT'],
    ['an order that names two fields in one', `orders?orderBy=${encodeURIComponent('[{"id":"ASC","status":"ASC"}]')}`, 400, 'BAD_USER_INPUT'],
    ['a filter that nests too deep', `orders?where=${encodeURIComponent('{"not":'.repeat(30) + '{}' + '}'.repeat(30))}`, 413, 'QUERY_TOO_COMPLEX'],
  ])('of %s is a problem, and gives nothing', async (_what, path, status, code) => {
    const response = await get(agent, path);
    expect(response.status).toBe(status);
    expect(await problem(response)).toMatchObject({ code, status });
  });

  test('where the right to read is granted and that to export is not', async () => {
    const looker = await served.token('looker', ['looker']);
    expect((await served.ask<{ big: object }>(looker, '{ big(first: 1) { nodes { id } } }')).data.big).toEqual({ nodes: [{ id: 1 }] });
    expect(await problem(await get(looker, 'big'))).toMatchObject({ status: 403, code: 'FORBIDDEN', dataset: 'big' });
    expect((await get(null, 'big')).status).toBe(401);
    // And the other way round.
    expect((await served.ask(taker, '{ big(first: 1) { nodes { id } } }')).errors).toBeDefined();
  });

  test('HEAD asks for no file', async () => {
    expect((await fetch(`${served.url}/export/big`, { method: 'HEAD', headers: { authorization: `Bearer ${taker}` } })).status).toBe(404);
  });

  test('when it can not be put on the record, nothing is given', async () => {
    await served.sql('ALTER TABLE headgate.audit_pending RENAME TO away');
    try {
      expect(await problem(await get(taker, 'big'))).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    } finally {
      await served.sql('ALTER TABLE headgate.away RENAME TO audit_pending');
    }
    await until('its session is free', async () => (await running()) === 0);
  });
});

/** Holds the table, so that who reads it waits, until the work is done. */
async function locked(work: () => Promise<void>, connection = served.connection): Promise<void> {
  const locker = new pg.Client(connection);
  await locker.connect();
  try {
    await locker.query('BEGIN; LOCK TABLE data.big IN ACCESS EXCLUSIVE MODE');
    await work();
  } finally {
    await locker.end();
  }
}

describe('on the way', () => {
  test('a client that goes away ends the statement', async () => {
    const response = await open(taker, 'big?format=csv');
    await once(response, 'readable');
    expect(await running()).toBe(1);
    response.destroy();
    await until('the statement ended', async () => (await running()) === 0);
    await until('it is on the record', async () => (await entries('big')).at(-1)?.details['state'] === 'aborted');
    expect((await entries('big')).at(-1)).toMatchObject({ decision: 'FAILED' });
  });

  test('so does one that goes away before there is a byte', async () => {
    await locked(async () => {
      const asking = request(`${served.url}/export/big?orderBy=what`, { headers: { authorization: `Bearer ${taker}` } });
      asking.on('error', () => undefined).end();
      await until('it waits for the table', async () => (await running()) === 1);
      asking.destroy();
      await until('the statement ended', async () => (await running()) === 0);
    });
    await until('it is on the record', async () => (await entries('big')).at(-1)?.details['state'] === 'aborted');
  });

  test.each(['identity', 'gzip'])('an error cuts the connection, so that no file looks whole: %s', async (accept) => {
    const response = await open(taker, 'big?format=json', { 'accept-encoding': accept });
    await once(response, 'readable');
    const { rowCount } = await owner.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'COPY (%' AND state = 'active'",
    );
    expect(rowCount).toBe(1);
    await expect(response.toArray()).rejects.toThrow();
    expect(response.complete).toBe(false);
    await until('it is on the record', async () => (await entries('big')).at(-1)?.details['state'] === 'failed');
    expect((await entries('big')).at(-1)).toMatchObject({ decision: 'FAILED', details: { code: 'UNAVAILABLE' } });
    // And the next one is served.
    expect((await get(taker, `big?where=${encodeURIComponent('{"id":{"lt":3}}')}&fields=id`)).status).toBe(200);
  });

  test('as many as may run at a time; who comes then is told when to come again', async () => {
    const path = `big?fields=id&where=${encodeURIComponent('{"id":{"lt":3}}')}`;
    const asked: Promise<Response>[] = [];
    const takers = await Promise.all(Array.from({ length: 13 }, async (_, i) => served.token(`taker ${i}`, ['taker'])));
    await locked(async () => {
      for (let i = 0; i < 4; i++) asked.push(get(takers[i] ?? '', path));
      await until('they wait for the table', async () => (await running()) === 4);
      const more = takers.slice(4).map(async (token) => get(token, path));
      asked.push(...more);
      const refused = await Promise.race(more);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await problem(refused)).toMatchObject({ status: 503, code: 'UNAVAILABLE' });
    });
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(12);
    expect(statuses.filter((status) => status === 503)).toHaveLength(1);
    await until('the refusal is on the record', async () => {
      const rows = await served.sql("SELECT FROM headgate.audit_record WHERE action = 'limit' AND details->>'reason' = 'exports' AND decision = 'DENIED'");
      return rows.length === 1;
    });
  });

  test('one principal leaves a place to the others', async () => {
    const path = `big?fields=id&where=${encodeURIComponent('{"id":{"lt":3}}')}`;
    const asked: Promise<Response>[] = [];
    const other = await served.token('another taker', ['taker']);
    await locked(async () => {
      for (let i = 0; i < 3; i++) asked.push(get(taker, path));
      await until('they wait for the table', async () => (await running()) === 3);
      const refused = await get(taker, path);
      expect(refused.headers.get('retry-after')).toMatch(/^\d+$/);
      expect(await problem(refused)).toMatchObject({ status: 429, code: 'RATE_LIMITED', limit: 3 });
      asked.push(get(other, path));
      await until('the other one has the place', async () => (await running()) === 4);
    });
    expect((await Promise.all(asked)).map(({ status }) => status)).toEqual([200, 200, 200, 200]);
    // Its places are free again.
    await until('no export runs', async () => (await running()) === 0);
    expect((await get(taker, path)).status).toBe(200);
  });

  test('one that takes too long is a problem of its own', async () => {
    const hasty = await Served.start({ HEADGATE_EXPORT_TIMEOUT_MS: '500' });
    try {
      await furnish(hasty);
      const token = await hasty.token('taker', ['taker']);
      await locked(async () => {
        expect(await problem(await get(token, 'big', {}, hasty.url))).toMatchObject({ status: 504, code: 'TIMEOUT' });
      }, hasty.connection);
    } finally {
      await hasty.close();
    }
  });
});
