import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: notes
fields:
  - { name: id, type: bigint }
  - { name: body, type: text }
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [notes] }
fields: { '*': allow }
---
kind: Grant
name: everyone
to: { anonymous: true }
on: { datasets: [notes] }
fields: { '*': allow }
`;

interface Problem {
  readonly status: number;
  readonly code: string;
  readonly reason: string;
  readonly retryAfter: number;
}

let served: Served | undefined;
let admin: string;
let reader: string;

async function start(env: NodeJS.ProcessEnv): Promise<Served> {
  served = await Served.start(env);
  admin = await served.token('ada', ['admin']);
  reader = await served.token('ron', ['reader']);
  await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
  return served;
}

async function stop(): Promise<void> {
  await served?.close();
  served = undefined;
}

function house(): Served {
  if (!served) throw new Error('nothing is served');
  return served;
}

/** A request whose headers count. */
async function get(path: string, headers: Record<string, string> = {}, init: RequestInit = {}) {
  const response = await fetch(house().url + path, { ...init, headers });
  return { status: response.status, retryAfter: response.headers.get('retry-after'), text: await response.text() };
}

async function graphql(query: string, headers: Record<string, string> = {}) {
  const { text, ...answer } = await get('/graphql', { 'content-type': 'application/json', ...headers }, { method: 'POST', body: JSON.stringify({ query }) });
  const body = JSON.parse(text) as { data?: Record<string, unknown>; errors?: { message: string; extensions: Record<string, unknown> }[] };
  return { ...answer, ...body, code: body.errors?.[0]?.extensions['code'], reason: body.errors?.[0]?.extensions['reason'] };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });
const ME = '{ me { sub } }';
const NOTES = '{ notes { nodes { id } } }';

interface Entry {
  readonly principal: string;
  readonly decision: string;
  readonly details: { readonly code: string; readonly reason: string; readonly count: number };
}

async function entries(reason: string): Promise<Entry[]> {
  return (await house().sql(
    `SELECT principal, decision, details FROM headgate.audit_record WHERE action = 'limit' AND details->>'reason' = '${reason}' ORDER BY at`,
  )) as Entry[];
}

const told = (all: readonly Entry[]): number => all.reduce((sum, { details }) => sum + details.count, 0);

describe('requests a minute', () => {
  beforeAll(() => start({ HEADGATE_RATE_LIMIT: '20', HEADGATE_RATE_LIMIT_ANONYMOUS: '5', HEADGATE_RATE_LIMIT_INTROSPECTION: '2' }));
  afterAll(stop);

  test('are bounded for each principal, whichever of its tokens it uses, on all routes together', async () => {
    const eve = [await house().token('eve', ['engineer']), await house().token('eve', ['reader', 'engineer'])];
    const paths = ['/manifests', '/audit/export'];
    const statuses: number[] = [];
    for (let i = 0; i < 20; i++) statuses.push((await get(paths[i % 2] ?? '', bearer(eve[i % 2] ?? ''))).status);
    expect(new Set(statuses)).toEqual(new Set([200, 403]));
    const over = await get('/manifests', bearer(eve[0] ?? ''));
    expect(over.status).toBe(429);
    const problem = JSON.parse(over.text) as Problem;
    expect(problem).toMatchObject({ status: 429, code: 'RATE_LIMITED', reason: 'rate', limit: 20 });
    expect(over.retryAfter).toBe(String(problem.retryAfter));
    expect(problem.retryAfter).toBeGreaterThan(0);
    expect(problem.retryAfter).toBeLessThanOrEqual(60);
    const upload = await house().upload(eve[1] ?? '', 'notes', 'id,body\n1,a\n');
    expect([upload.status, upload.headers.get('retry-after')]).toEqual([429, expect.stringMatching(/^\d+$/)]);
    const query = await graphql(ME, bearer(eve[1] ?? ''));
    expect(query).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^\d+$/), code: 'RATE_LIMITED', reason: 'rate' });
    expect(query.data).toBeUndefined();
    // Others go on.
    expect((await graphql(ME, bearer(reader))).status).toBe(200);
  });

  test('without a credential are bounded by address, and with one that is refused too; good ones still come in', async () => {
    const statuses = [];
    for (let i = 0; i < 7; i++) statuses.push((await graphql(ME)).status);
    expect(statuses).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const bad = [];
    for (let i = 0; i < 7; i++) bad.push((await graphql(ME, bearer(`${reader.slice(0, -8)}AAAAAAAA`))).status);
    expect(bad).toEqual([401, 401, 401, 401, 401, 429, 429]);
    expect((await graphql(ME, bearer(reader))).status).toBe(200);
  });

  test('that ask for the schema have a bound of their own, beside other fields as well', async () => {
    const schema = '{ __schema { queryType { name } } }';
    const ira = bearer(await house().token('ira', ['reader']));
    expect((await graphql(schema, ira)).status).toBe(200);
    expect((await graphql('{ __type(name: "Query") { name } }', ira)).status).toBe(200);
    const over = await graphql(
      `
        {
          me {
            sub
          }
          ...S
        }
        fragment S on Query {
          __schema {
            queryType {
              name
            }
          }
        }
      `,
      ira,
    );
    expect(over).toMatchObject({ status: 429, retryAfter: expect.stringMatching(/^\d+$/), code: 'RATE_LIMITED', reason: 'introspection' });
    expect(over.data).toBeUndefined();
    expect((await graphql('{ __typename me { sub } }', ira)).status).toBe(200);
  });

  test('that were refused are on the record and in the metrics by their number, not one by one', async () => {
    const url = '/manifests';
    const flo = bearer(await house().token('flo', ['engineer']));
    const all = await Promise.all(Array.from({ length: 220 }, () => get(url, flo)));
    expect(all.filter(({ status }) => status === 429)).toHaveLength(200);
    const ofFlo = async () => (await entries('rate')).filter(({ principal }) => principal === 'flo');
    await until('all are told', async () => told(await ofFlo()) === 200);
    expect((await ofFlo()).length).toBeLessThan(20);
    expect((await ofFlo())[0]).toMatchObject({ decision: 'DENIED', details: { code: 'RATE_LIMITED', reason: 'rate' } });
    expect(await entries('login')).toMatchObject([{ principal: 'unknown' }]);
    const { text } = await get('/metrics');
    expect(text).toMatch(/headgate_refused_total\{reason="rate"\} 20\d/);
    expect(text).toMatch(/headgate_refused_total\{reason="anonymous"\} 2/);
  });
});

describe('reads under way', () => {
  afterEach(stop);

  /** Holds what reads of notes need, so that they wait until it is let go. */
  async function lockNotes(): Promise<() => Promise<void>> {
    const { default: pg } = await import('pg');
    const client = new pg.Client(house().connection);
    await client.connect();
    await client.query('BEGIN; LOCK TABLE data.notes IN ACCESS EXCLUSIVE MODE');
    return () => client.end();
  }
  const waiting = async (count: number): Promise<void> =>
    until(`${count} reads wait for the lock`, async () => {
      const rows = await house().sql(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%data%notes%' AND datname = current_database()",
      );
      return rows.length === count;
    });

  test('are bounded for each principal; the place is free again when they end, also for who went away or timed out', async () => {
    await start({ HEADGATE_MAX_CONCURRENT_READS: '2', HEADGATE_STATEMENT_TIMEOUT_MS: '3000' });
    let unlock = await lockNotes();
    const gone = new AbortController();
    const left = fetch(`${house().url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...bearer(reader) },
      body: JSON.stringify({ query: NOTES }),
      signal: gone.signal,
    }).catch((error: unknown) => error);
    const first = graphql(NOTES, bearer(reader));
    await waiting(2);
    gone.abort();
    await left;
    const third = await graphql('{ me { sub } notes { nodes { id } } }', bearer(reader));
    expect(third).toMatchObject({ status: 200, retryAfter: '1', code: 'RATE_LIMITED', reason: 'concurrency', data: { me: { sub: 'ron' }, notes: null } });
    // Other principals have their own.
    const other = graphql(NOTES, bearer(await house().token('rob', ['reader'])));
    const anonymous = graphql(NOTES);
    await waiting(4);
    await unlock();
    expect((await first).errors).toBeUndefined();
    expect((await other).errors).toBeUndefined();
    expect((await anonymous).errors).toBeUndefined();
    unlock = await lockNotes();
    const timedOut = await Promise.all([graphql(NOTES, bearer(reader)), graphql(NOTES, bearer(reader))]);
    expect(timedOut.map(({ code }) => code)).toEqual(['TIMEOUT', 'TIMEOUT']);
    await unlock();
    for (let i = 0; i < 3; i++) expect((await graphql(NOTES, bearer(reader))).errors).toBeUndefined();
    await until('it is on the record', async () => told(await entries('concurrency')) === 1);
  });

  test('of one request wait for each other, so that it is answered when it is alone', async () => {
    await start({ HEADGATE_MAX_CONCURRENT_READS: '2' });
    const query = `{ ${Array.from({ length: 20 }, (_, i) => `a${i}: notes { nodes { id } }`).join(' ')} }`;
    for (let i = 0; i < 2; i++) {
      const { errors, data, retryAfter } = await graphql(query, bearer(reader));
      expect([errors, retryAfter, Object.keys(data ?? {}).length]).toEqual([undefined, null, 20]);
    }
  });
});

describe('an answer', () => {
  beforeAll(async () => {
    await start({ HEADGATE_MAX_RESPONSE_BYTES: '20000' });
    const body = Array.from({ length: 40 }, (_, i) => `${i},${'x'.repeat(1000)}\n`).join('');
    await house().upload(admin, 'notes', `id,body\n${body}39000,${'ä'.repeat(15_000)}\n`);
  });
  afterAll(stop);

  test('that is too large is refused with its size, and is not sent', async () => {
    const { errors, data, status } = await graphql('{ notes(first: 40) { nodes { body } } }', bearer(reader));
    expect([status, data]).toEqual([200, { notes: null }]);
    expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 20_000 } }]);
    expect(errors?.[0]?.extensions['size']).toBe(40 * '{"body":""}'.length + 40 * 1000 + 41);
    expect(JSON.stringify(errors)).not.toContain('xx');
    expect(await house().sql("SELECT decision, details FROM headgate.audit_record WHERE action = 'read' AND details->>'code' = 'QUERY_TOO_COMPLEX'")).toEqual([
      { decision: 'FAILED', details: { code: 'QUERY_TOO_COMPLEX' } },
    ]);
    expect((await graphql('{ notes(first: 10) { nodes { body } } }', bearer(reader))).errors).toBeUndefined();
  });

  test('counts bytes, of edges and of one row as of nodes', async () => {
    for (const query of ['{ notes(first: 40) { edges { node { body } } } }', '{ notesByKey(id: "39000") { body } }']) {
      expect((await graphql(query, bearer(reader))).code).toBe('QUERY_TOO_COMPLEX');
    }
    expect((await graphql('{ notesByKey(id: "1") { body } }', bearer(reader))).errors).toBeUndefined();
    expect((await graphql('{ notesByKey(id: "555") { body } }', bearer(reader))).data).toEqual({ notesByKey: null });
  });

  test('to variables with too many values is a refusal, before they are looked at one by one', async () => {
    const query = 'query ($v: [BigInt!]) { notes(where: { id: { in: $v } }) { totalCount } }';
    const { status, errors, data } = await house().ask(reader, query, { v: Array.from({ length: 60_000 }, () => 0) });
    expect([status, data, errors?.[0]?.extensions]).toEqual([400, undefined, { code: 'QUERY_TOO_COMPLEX', limit: 50_000 }]);
  });

  test('is bounded over all of its root fields', async () => {
    const { data, errors } = await graphql(`{ ${[1, 2, 3].map((i) => `a${i}: notes(first: 9) { nodes { body } }`).join(' ')} }`, bearer(reader));
    expect(errors).toMatchObject([{ extensions: { code: 'QUERY_TOO_COMPLEX', limit: 20_000 } }]);
    expect(Object.values(data ?? {}).filter(Boolean)).toHaveLength(2);
  });
});
