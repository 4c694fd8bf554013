import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';

/** Who has numbers and no row, at every door of the served program. */
const CANARY = 'canary-55e1';
const MANIFESTS = `
kind: Purpose
name: care
---
kind: Dataset
name: staff
typeName: Person
subject: person
cache: { ttl: 1h }
fields:
  - { name: id, type: integer, required: true }
  - { name: person, type: text, required: true }
  - { name: country, type: text, rules: [{ in: [DE, FR, ${CANARY}] }] }
  - { name: salary, type: integer, rules: [{ between: [0, 100000] }] }
key: [id]
---
kind: Grant
name: planners
to: { roles: [planner] }
on: { datasets: [staff] }
aggregateOnly: { dimensions: [country], measures: [salary], minGroup: 3 }
`;
const NUMBERS = '{ staff { totalCount aggregate { sum { salary } } groupBy(keys: [{ country: true }]) { keys { country } } } }';

let served: Served;
let admin: string;
let planner: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('ada', ['admin']);
  planner = await served.token('pia', ['planner']);
  await apply(MANIFESTS);
  await load('1,p1,DE,1000\n2,p2,DE,2000\n3,p3,DE,3000\n4,p4,FR,77701\n');
});

afterAll(() => served?.close());

async function apply(m: string): Promise<readonly string[]> {
  const { data, errors } = await served.ask<{ applyManifest: { warnings: string[] } }>(
    admin,
    'mutation ($m: String!) { applyManifest(manifest: $m) { warnings } }',
    { m },
  );
  expect(errors).toBeUndefined();
  return data.applyManifest.warnings;
}

async function load(rows: string): Promise<void> {
  expect((await served.upload(admin, 'staff', `id,person,country,salary\n${rows}`)).status).toBe(200);
}

const numbers = async () => (await served.ask<{ staff: unknown }>(planner, NUMBERS)).data.staff;

test('numbers over HTTP, kept and fresh; after a load there are others', async () => {
  const before = { totalCount: 3, aggregate: { sum: { salary: '6000' } }, groupBy: [{ keys: { country: 'DE' } }] };
  expect(await numbers()).toEqual(before);
  expect(await numbers()).toEqual(before);
  // A third row of one person makes no group.
  await load('5,p4,FR,77701\n6,p4,FR,77701\n');
  expect(await numbers()).toEqual(before);
  await load('7,p5,FR,1\n8,p6,FR,1\n');
  await vi.waitFor(async () => expect(await numbers()).toMatchObject({ totalCount: 8, aggregate: { sum: { salary: String(6000 + 3 * 77701 + 2) } } }), {
    interval: 20,
    timeout: 5_000,
  });
  const entries = await served.sql("SELECT fields, details FROM headgate.audit_record WHERE action = 'read' AND dataset = 'staff' AND decision = 'ALLOWED'");
  expect(entries.length).toBeGreaterThanOrEqual(4);
  for (const entry of entries) expect(entry).toMatchObject({ fields: ['salary', 'country'], details: { aggregateOnly: true } });
});

test('no file', async () => {
  for (const query of ['', '?fields=country', '?format=csv', '?where=%7B%22country%22%3A%7B%22eq%22%3A%22FR%22%7D%7D']) {
    const response = await fetch(`${served.url}/export/staff${query}`, { headers: { authorization: `Bearer ${planner}` } });
    expect(response.status).toBe(403);
    expect(await response.text()).not.toContain('77701');
  }
});

test('no subscription to rows, nor to the news that there are some', async () => {
  for (const query of ['subscription { staffChanged { nodes { id } } }', 'subscription { datasetChanged(dataset: "staff") { __typename } }']) {
    const listener = new Listener(served.url, { authorization: `Bearer ${planner}` }, { query });
    const { errors } = await listener.end();
    expect(errors.length, query).toBeGreaterThan(0);
    await listener.close();
  }
});

test('no loading, no number of rows, no report and no refused rows', async () => {
  expect((await served.upload(planner, 'staff', 'id,person,country,salary\n99,p9,FR,1\n')).status).toBe(403);
  expect((await served.upload(admin, 'staff', `id,person,country,salary\n50,p50,${CANARY},x\n51,p51,XX,1\n`)).status).toBe(200);
  const { data } = await served.ask<{ dataset: { rowCount: number | null } }>(planner, '{ dataset(name: "staff") { rowCount } }');
  expect(data.dataset.rowCount).toBeNull();
  const quarantine = await served.ask(planner, '{ quarantine(dataset: "staff") { totalCount nodes { raw } } }');
  expect(quarantine.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  const schema = await served.ask(
    planner,
    '{ access(dataset: "staff") { rows fields { field access } aggregate { dimensions measures minGroup rowFilters grants } } }',
  );
  expect(schema.data['access']).toEqual({
    rows: 'none',
    fields: ['id', 'person', 'country', 'salary'].map((field) => ({ field, access: 'FORBIDDEN' })),
    aggregate: { dimensions: ['country'], measures: ['salary'], minGroup: 3, rowFilters: [], grants: ['planners'] },
  });
  const grants = await served.ask(admin, '{ grants { name fields rights aggregateOnly { dimensions measures minGroup } } }');
  expect(grants.data['grants']).toEqual([
    { name: 'planners', fields: {}, rights: ['read'], aggregateOnly: { dimensions: ['country'], measures: ['salary'], minGroup: 3 } },
  ]);
});

test('a grant of rows beside it is warned of, and takes the numbers away at once', async () => {
  const rows = (purposes: string) => `kind: Grant\nname: rows\nto: { roles: [planner] }\non: { datasets: [staff] }\n${purposes}fields: { id: allow }\n`;
  expect((await apply(rows('purposes: [care]\n'))).join('\n')).toMatch(/planners.*rows.*subtract/s);
  expect(await numbers()).toMatchObject({ totalCount: 8 });
  await apply(rows(''));
  const { data, errors } = await served.ask<{ staff: unknown }>(planner, NUMBERS);
  expect([data.staff, errors?.[0]?.extensions['code']]).toEqual([null, 'FORBIDDEN']);
  await apply('kind: Grant\nname: rows\nstate: absent\n');
  expect(await numbers()).toMatchObject({ totalCount: 8 });
});

test('a dataset that says not whom its rows are about is warned of', async () => {
  const warnings = await apply(`
kind: Dataset
name: visits
fields: [{ name: site, type: text }]
---
kind: Grant
name: visitors
to: { roles: [planner] }
on: { datasets: [visits] }
aggregateOnly: { dimensions: [site], minGroup: 2 }
`);
  expect(warnings.join('\n')).toMatch(/visits names no subject/);
});
