import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Served } from '../support/served.js';

/** examples/supergraph, started as its README says, in front of a Headgate with the demo's datasets and grants. */
const PROJECT = resolve(import.meta.dirname, '../..');
const demo = (file: string): string => readFileSync(join(PROJECT, 'examples/demo', file), 'utf8');

const AIRPORTS = `iata,name,city,state,country,latitude,longitude
SFO,San Francisco International,San Francisco,CA,USA,37.6,-122.3
JFK,John F Kennedy Intl,New York,NY,USA,40.6,-73.7
BOS,Gen Edw L Logan Intl,Boston,MA,USA,42.3,-71.0
`;
const PASSENGERS = `id,name,email,phone,birth_date,passport_no,country
1,Anna Ahorn,anna@example.com,+49 1,1980-02-29,C01X00T47,DE
2,Ben Buche,ben@example.com,+33 2,1991-07-14,12AB34567,FR
4,Clara Eiche,clara@example.com,+49 3,1975-12-31,C01X00T99,DE
`;

interface Answer {
  readonly data?: Readonly<Record<string, unknown>> | null;
  readonly errors?: readonly { readonly message: string; readonly extensions?: Readonly<Record<string, unknown>> }[];
}

let served: Served;
let listed: Started;
let tokens: Readonly<Record<'admin' | 'analyst' | 'agent' | 'partner' | 'router', string>>;
const started: Started[] = [];

beforeAll(async () => {
  served = await Served.start();
  tokens = {
    admin: await served.token('admin', ['admin']),
    analyst: await served.token('analyst', ['analyst']),
    agent: await served.token('agent', ['agent'], { claims: { country: 'DE' } }),
    partner: await served.token('partner', ['partner']),
    router: await served.token('router', ['router']),
  };
  const manifest = ['1-purposes.yaml', '2-datasets.yaml', '3-pipelines.yaml', '4-grants.yaml'].map(demo).join('\n---\n');
  const { errors } = await served.ask(tokens.admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  expect(errors).toBeUndefined();
  for (const [dataset, rows] of [
    ['airports', AIRPORTS],
    ['passengers', PASSENGERS],
  ] as const)
    expect((await served.upload(tokens.admin, dataset, rows)).status).toBe(200);
  listed = await start(tokens.router);
});
afterAll(async () => {
  for (const { stop } of started) await stop();
  await served?.close();
});
interface Started {
  readonly ask: (token: string | null, query: string) => Promise<Answer>;
  readonly stop: () => Promise<void>;
}

/** @param token with which the gateway reads the schema */
async function start(token: string): Promise<Started> {
  const child: ChildProcess = spawn(process.execPath, ['examples/supergraph/start.js'], {
    cwd: PROJECT,
    env: { ...process.env, HEADGATE_URL: served.url, GATEWAY_TOKEN: token, PORT: '0' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill());
  if (!child.stdout) throw new Error('no standard output');
  for await (const line of createInterface({ input: child.stdout })) {
    const url = /The supergraph is at (\S+)/.exec(line)?.[1];
    if (url === undefined) continue;
    const made: Started = {
      ask: async (who, query) => {
        const headers = { 'content-type': 'application/json', ...(who !== null && { authorization: `Bearer ${who}` }) };
        return (await (await fetch(url, { method: 'POST', headers, body: JSON.stringify({ query }) })).json()) as Answer;
      },
      stop: async () => {
        const ended = once(child, 'exit');
        child.kill();
        await ended;
      },
    };
    started.push(made);
    return made;
  }
  throw new Error('the supergraph did not start');
}

/** What is on record of the reads of a principal. */
async function entriesOf(principal: string): Promise<unknown> {
  const query = 'query ($p: String!) { auditEntries(first: 50, where: { principal: $p, action: "read" }) { nodes { dataset decision rowCount } } }';
  return (await served.ask<{ auditEntries: { nodes: unknown } }>(tokens.admin, query, { p: principal })).data.auditEntries.nodes;
}

test('an entity of Headgate has what the other subgraph adds', async () => {
  const answer = await listed.ask(tokens.partner, '{ airports(orderBy: [{ iata: ASC }]) { nodes { iata city reviews { stars } } } }');
  expect(answer).toEqual({
    data: {
      airports: {
        nodes: [
          { iata: 'BOS', city: 'Boston', reviews: [] },
          { iata: 'JFK', city: 'New York', reviews: [{ stars: 2 }] },
          { iata: 'SFO', city: 'San Francisco', reviews: [{ stars: 4 }, { stars: 5 }] },
        ],
      },
    },
  });
});

test('and the other way: many entities are one read, on record under who asked', async () => {
  const reader = await served.token('reader', ['partner']);
  const { data, errors } = await listed.ask(reader, '{ reviews { text airport { name city } } }');
  expect(errors).toBeUndefined();
  expect(data?.['reviews']).toMatchObject([{ airport: { city: 'San Francisco' } }, { airport: { city: 'New York' } }, { airport: { city: 'San Francisco' } }]);
  // One entry is one statement.
  expect(await entriesOf('reader')).toEqual([{ dataset: 'airports', decision: 'ALLOWED', rowCount: '3' }]);
});

test('a masked field is masked, for each as their grants say', async () => {
  const query = '{ members { tier passenger { id name email phone } } }';
  const analyst = await listed.ask(tokens.analyst, query);
  expect(analyst.errors).toBeUndefined();
  expect(analyst.data?.['members']).toMatchObject([
    { tier: 'gold', passenger: { id: '1', name: expect.not.stringContaining('Ahorn'), email: expect.stringMatching(/^[0-9a-f]{64}$/), phone: '***' } },
    { tier: 'silver', passenger: { id: '2' } },
    { tier: 'blue', passenger: { id: '4' } },
  ]);
  const agent = await listed.ask(tokens.agent, '{ members { tier passenger { id name membership { miles } } } }');
  expect(JSON.stringify(agent.data)).toContain('Anna Ahorn');
  // Of another country: no row that the agent may see.
  expect(JSON.stringify(agent.data)).not.toContain('Ben Buche');
});

test('a dataset without a grant is refused through the supergraph as well, and anonymous is', async () => {
  for (const [who, code] of [
    [tokens.partner, 'FORBIDDEN'],
    [null, 'UNAUTHENTICATED'],
  ] as const) {
    const { data, errors } = await listed.ask(who, '{ members { tier passenger { id name } } }');
    expect(errors?.map(({ extensions }) => extensions?.['code'])).toContain(code);
    expect(JSON.stringify(data ?? null)).not.toMatch(/Anna|Ben|Clara/);
  }
});

test('a field that is denied is null with its refusal, and the rest stands', async () => {
  const manifest = `kind: Grant
name: desk
to: { roles: [desk] }
on: { datasets: [passengers] }
fields: { id: allow, country: allow, name: deny }
`;
  await served.ask(tokens.admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  const { data, errors } = await listed.ask(await served.token('desk', ['desk']), '{ members { passenger { id country name } } }');
  expect(data?.['members']).toEqual(
    [
      ['1', 'DE'],
      ['2', 'FR'],
      ['4', 'DE'],
    ].map(([id, country]) => ({ passenger: { id, country, name: null } })),
  );
  expect(errors).toMatchObject([{ extensions: { code: 'FORBIDDEN', dataset: 'passengers', field: 'name' } }]);
});

test('what is secret is not in a supergraph that was read with a token that does not know it', async () => {
  const { data } = await listed.ask(tokens.agent, '{ __type(name: "Passenger") { fields { name } } }');
  expect(JSON.stringify(data)).toContain('birthDate');
  expect(JSON.stringify(data)).not.toContain('passportNo');
});

test('and where it is, it can not be resolved by who may not know it', async () => {
  const manifest = `kind: Dataset
name: watchlist
typeName: Alert
visibility: secret
fields: [{ name: id, type: bigint }, { name: reason, type: text }]
key: [id]
`;
  await served.ask(tokens.admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
  const all = await start(tokens.admin);
  const stranger = await served.token('stranger', ['analyst']);
  const field = await all.ask(stranger, '{ members { passenger { passportNo } } }');
  // The gateway shows what it was answered where the status is not 200.
  expect(JSON.stringify(field.errors)).toMatch(/Cannot query field .{0,5}passportNo.*GRAPHQL_VALIDATION_FAILED/);
  expect(JSON.stringify(field.data ?? null)).not.toMatch(/C01X|12AB/);
  const type = await all.ask(stranger, '{ watchlist { nodes { reason } } }');
  expect(JSON.stringify(type.errors)).toMatch(/Cannot query field .{0,5}watchlist.*GRAPHQL_VALIDATION_FAILED/);
  expect(type.data ?? { watchlist: null }).toEqual({ watchlist: null });
  const direct = await served.ask(stranger, 'query ($r: [_Any!]!) { _entities(representations: $r) { __typename } }', {
    r: [{ __typename: 'Alert', id: 1 }],
  });
  expect(direct.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
  expect(await entriesOf('stranger')).toEqual([]);
  // The agent may know of passports, and sees them masked.
  expect(JSON.stringify((await all.ask(tokens.agent, '{ members { passenger { passportNo } } }')).data)).toMatch(/\*+47/);
});
