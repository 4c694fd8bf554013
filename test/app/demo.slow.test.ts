import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bookingLines, passengerLines, type FileFlight } from '../../src/cli/demo/generate.js';
import { sha256 } from '../../src/kernel/index.js';
import { start, type Ended } from '../cli/support.js';

const MAIN = `{ passengers(first: 3, where: { country: { eq: "DE" } }, orderBy: [{ birthDate: DESC }]) {
    totalCount nodes { id name email birthDate bookings(first: 2) { nodes { fare flight { date originAirport { city } } } } }
    pageInfo { hasNextPage endCursor } } }`;

interface Ready {
  readonly url: string;
  readonly home: string;
  readonly tokens: Readonly<Record<string, string>>;
}

interface Answer {
  readonly data: {
    passengers: {
      totalCount: number;
      nodes: {
        id: string;
        name: string;
        email: string;
        birthDate: string;
        bookings: { nodes: { fare: string; flight: { originAirport: { city: string } } }[] };
      }[];
    } | null;
  };
  readonly errors?: readonly { path: unknown; extensions: { code: string; field?: string } }[];
  readonly extensions?: unknown;
}

let home: string;
let server: Awaited<ReturnType<typeof serve>>;

async function serve(): Promise<{ ready: Ready; stop: () => Promise<Ended> }> {
  const { child, ended } = start(['serve', '--demo', '--json'], { env: { HEADGATE_HOME: home, PORT: '0' } });
  const line = await new Promise<string>((resolve, reject) => {
    child.stdout.once('data', (chunk: Buffer) => resolve(chunk.toString()));
    void ended.then(({ stderr }) => reject(new Error(stderr)));
  });
  return {
    ready: JSON.parse(line) as Ready,
    stop: () => {
      child.kill('SIGINT');
      return ended;
    },
  };
}

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'headgate-demo-'));
  server = await serve();
}, 120_000);

afterAll(async () => {
  await server.stop();
  await rm(home, { recursive: true, force: true });
});

async function ask<Data = Answer>(who: string | null, query: string): Promise<Data> {
  const { url, tokens } = server.ready;
  const response = await fetch(`${url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...(who !== null && { authorization: `Bearer ${tokens[who]}` }) },
    body: JSON.stringify({ query }),
  });
  return (await response.json()) as Data;
}

test('the generator makes the same people and bookings each time', () => {
  const flights: FileFlight[] = [{ date: '2001/01/10 10:00', delay: 0, distance: 500, origin: 'A', destination: 'B' }];
  const [people, bookings] = [[...passengerLines()], [...bookingLines(flights)]];
  expect([people.length, bookings.length]).toEqual([10_001, 60_001]);
  expect(sha256(people.join(''))).toBe(sha256([...passengerLines()].join('')));
  expect(people[1]).toMatch(/^1,[^,]+,[a-z.]+1@[a-z.]+,[^,]*,\d{4}-\d\d-\d\d,[A-Z]{3}\d{7},[A-Z]{2}\n$/);
});

test('the agent sees plain values of their own country only', async () => {
  const { data, errors } = await ask('agent', MAIN);
  expect(errors).toBeUndefined();
  expect(data.passengers?.nodes).toHaveLength(3);
  expect(data.passengers?.nodes[0]).toMatchObject({ email: expect.stringContaining('@') as string, bookings: { nodes: expect.any(Array) as unknown[] } });
  expect(data.passengers?.nodes[0]?.bookings.nodes[0]?.flight.originAirport.city).toEqual(expect.any(String));
  const { data: all } = await ask<{ data: { passengers: { totalCount: number } } }>('agent', '{ passengers { totalCount } }');
  expect(all.passengers.totalCount).toBe(data.passengers?.totalCount);
});

test('the analyst sees all countries, with hashed addresses and years of birth', async () => {
  const { data, extensions } = await ask('analyst', MAIN);
  expect(extensions).toEqual({ governance: { masked: ['passengers.birthDate', 'passengers.email', 'passengers.name'] } });
  for (const { name, email, birthDate } of data.passengers?.nodes ?? []) {
    expect(name).toMatch(/^\p{L}\*+$/u);
    expect(email).toMatch(/^[0-9a-f]{64}$/);
    expect(birthDate).toMatch(/^\d{4}-01-01$/);
  }
  const { data: all } = await ask<{ data: { passengers: { totalCount: number } } }>('analyst', '{ passengers { totalCount } }');
  expect(all.passengers.totalCount).toBe(10_000);
});

test('the partner and anonymous are told what they may not, and the passport is unknown to both', async () => {
  const partner = await ask('partner', MAIN);
  expect([partner.data.passengers, partner.errors?.[0]?.extensions.code]).toEqual([null, 'FORBIDDEN']);
  expect((await ask(null, MAIN)).errors?.[0]?.extensions.code).toBe('UNAUTHENTICATED');
  expect((await ask('partner', '{ passengers { nodes { passportNo } } }')).errors?.[0]?.extensions.code).toBe('GRAPHQL_VALIDATION_FAILED');
  expect((await ask<{ data: unknown }>('partner', '{ flights(first: 1) { totalCount } airports(first: 1) { totalCount } }')).data).toEqual({
    flights: { totalCount: 20_000 },
    airports: { totalCount: 3_376 },
  });
});

test('the auditor finds reads and refusals on the record', async () => {
  const { data } = await ask<{ data: { auditEntries: { nodes: { principal: string; decision: string }[] } } }>(
    'auditor',
    '{ auditEntries(first: 100, where: { action: "read", dataset: "passengers" }) { nodes { principal decision } } }',
  );
  const seen = new Set(data.auditEntries.nodes.map(({ principal, decision }) => `${principal} ${decision}`));
  for (const expected of ['agent ALLOWED', 'analyst ALLOWED', 'partner DENIED', 'anonymous DENIED']) expect(seen).toContain(expected);
});

test('the engineer reads the quality of flights and runs the pipeline, whose output is a governed dataset', async () => {
  const { data } = await ask<{ data: { dataset: { qualityReport: { score: number } } } }>(
    'engineer',
    '{ dataset(name: "flights") { qualityReport { score } } }',
  );
  expect(data.dataset.qualityReport.score).toBeGreaterThan(0.9);
  const { data: started } = await ask<{ data: { runPipeline: { id: string } } }>('engineer', 'mutation { runPipeline(name: "delays_by_airport") { id } }');
  await expect
    .poll(async () => (await ask<{ data: { run: { status: string } } }>('engineer', `{ run(id: "${started.runPipeline.id}") { status } }`)).data.run.status, {
      timeout: 20_000,
    })
    .toBe('SUCCEEDED');
  const delays = await ask<{ data: { delaysByAirport: { totalCount: number; nodes: unknown[] } } }>(
    'analyst',
    '{ delaysByAirport(first: 1, orderBy: [{ flights: DESC }]) { totalCount nodes { iata city flights meanDelay } } }',
  );
  expect(delays.data.delaysByAirport.totalCount).toBeGreaterThan(100);
  expect((await ask('partner', '{ delaysByAirport(first: 1) { totalCount } }')).errors?.[0]?.extensions.code).toBe('FORBIDDEN');
});

test('a second start finds its data again, and loads nothing twice', async () => {
  const { code, stderr } = await server.stop();
  expect(code).toBe(0);
  expect(stderr).toContain('demo: bookings loaded (60000 rows)');
  server = await serve();
  const { data } = await ask<{ data: { bookings: { totalCount: number } } }>('analyst', '{ bookings(first: 1) { totalCount } }');
  expect(data.bookings.totalCount).toBe(60_000);
  const { data: runs } = await ask<{ data: { runs: { totalCount: number } } }>('engineer', '{ runs(kind: INGESTION) { totalCount } }');
  expect(runs.runs.totalCount).toBe(4);
});
