import fc from 'fast-check';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';

/**
 * Non-interference of events: two stores into which the same loads bring rows that differ only in cells which a principal
 * sees masked to a constant, or not at all, and in rows that are hidden, give that principal the same bytes for every subscription.
 */
const MANIFESTS = `
kind: Dataset
name: people
typeName: Person
fields:
  - { name: id, type: integer, required: true }
  - { name: team, type: integer }
  - { name: name, type: text }
  - { name: email, type: text }
  - { name: salary, type: decimal }
  - { name: born, type: date }
  - { name: badge, type: text, visibility: secret }
key: [id]
relations:
  - { name: mates, to: people, on: { team: team }, many: true }
---
kind: Grant
name: desk
to: { roles: [desk] }
on: { datasets: [people] }
rows: 'team <= 3'
fields: { id: allow, team: allow, name: allow, email: { mask: redact }, salary: { mask: nullify }, born: deny }
---
kind: Grant
name: by-claim
to: { roles: [team] }
on: { datasets: [people] }
rows: "team = claim('team')::integer and team <= 3"
fields: { id: allow, team: allow, name: allow, email: { mask: redact } }
`;

const SENTINEL = 'sentinel';
const FIELDS = ['id', 'team', 'email', 'salary', 'born'] as const;
const number = fc.integer({ min: -1, max: 60 });
const text = fc.constantFrom('N1', 'e4', '***', '', '%');

const condition = fc.oneof(
  fc.tuple(fc.constantFrom('id', 'team'), fc.constantFrom('eq', 'ne', 'lt', 'gte'), number).map(([field, op, value]) => `${field}: { ${op}: ${value} }`),
  fc
    .tuple(fc.constantFrom('name', 'email'), fc.constantFrom('eq', 'lt', 'contains', 'like'), text)
    .map(([field, op, value]) => `${field}: { ${op}: "${value}" }`),
  fc.tuple(fc.constantFrom('eq', 'gt'), number).map(([op, value]) => `salary: { ${op}: ${value} }`),
  fc.tuple(fc.constantFrom('name', 'email', 'salary', 'born'), fc.boolean()).map(([field, isNull]) => `${field}: { isNull: ${isNull} }`),
  text.map((value) => `mates: { some: { email: { eq: "${value}" } } }`),
);
const document = fc
  .record({
    where: fc.option(condition, { nil: undefined }),
    fields: fc.uniqueArray(fc.constantFrom(...FIELDS, 'again: email', 'mates(first: 3) { totalCount nodes { id email } }'), { minLength: 1, maxLength: 4 }),
    first: fc.constantFrom(1, 3, 50),
  })
  // Each load has a row that every condition lets pass, so that one knows when an event has come.
  .map(({ where, fields, first }) => {
    const filter = where === undefined ? '' : `, where: { or: [{ ${where} }, { name: { startsWith: "${SENTINEL}" } }] }`;
    return `subscription { peopleChanged(first: ${first}${filter}) { dataVersion totalCount hasMore nodes { name ${fields.join(' ')} } } }`;
  });

interface Side {
  readonly served: Served;
  readonly listeners: Listener[];
}

let sides: Side[] = [];

beforeAll(async () => {
  sides = await Promise.all(
    [0, 1].map(async () => ({ served: await Served.start({ HEADGATE_MASTER_KEY: Buffer.alloc(32, 5).toString('base64') }), listeners: [] })),
  );
  for (const { served } of sides) {
    const { errors } = await served.ask(await served.token('ada', ['admin']), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: MANIFESTS,
    });
    expect(errors).toBeUndefined();
  }
});

afterAll(async () => {
  for (const { served, listeners } of sides) {
    await Promise.all(listeners.map((listener) => listener.close()));
    await served.close();
  }
});

/** Rows as one side has them: what nobody here sees differs. */
function row(id: number, side: number): string {
  return `${id},${1 + (id % 3)},N${id % 4},${(id + side) % 3 > 0 ? `e${id * (1 + side)}` : ''},${id * 10 + side * 7},199${side}-01-01,B${side}`;
}

async function load({ served }: Side, rows: readonly string[]): Promise<void> {
  const body = ['id,team,name,email,salary,born,badge', ...rows, ''].join('\n');
  const { status } = await served.upload(await served.token('ada', ['admin']), 'people', body, {}, '?mode=merge');
  expect(status).toBe(200);
}

test('what a subscriber can not see has no influence on what they are told', { timeout: 120_000 }, async () => {
  const documents = fc.sample(document, { numRuns: 24, seed: 42 });
  for (const { served, listeners } of sides) {
    const tokens = [await served.token('dora', ['desk']), await served.token('theo', ['team'], { claims: { team: 2 } })];
    for (const token of tokens) for (const query of documents) listeners.push(new Listener(served.url, { authorization: `Bearer ${token}` }, { query }));
    await vi.waitFor(
      async () => {
        const open = Number(/^headgate_subscriptions (\d+)$/m.exec(await (await fetch(`${served.url}/metrics`)).text())?.[1]);
        expect(open + listeners.filter(({ ends }) => ends.length > 0).length).toBe(listeners.length);
      },
      { interval: 20, timeout: 30_000 },
    );
  }
  const loads: readonly ((side: number) => readonly string[])[] = [
    (side) => [...Array.from({ length: 12 }, (_, i) => row(i, side)), `900,2,${SENTINEL},x${side},${side},,`],
    // Hidden rows alone, and not as many here as there.
    (side) => Array.from({ length: 5 + side * 7 }, (_, i) => `${200 + i},9,hidden ${side},h${side},1,,`),
    (side) => [...Array.from({ length: 6 }, (_, i) => row(6 + i * 2, side + 2)), `901,2,${SENTINEL} again,x${side},${side},,`],
  ];
  let events = 0;
  for (const rowsOf of loads) {
    await Promise.all(sides.map((side, i) => load(side, rowsOf(i))));
    if (!rowsOf(0).some((line) => line.includes(SENTINEL))) continue;
    events += 1;
    for (const { listeners } of sides) {
      await vi.waitFor(() => listeners.forEach(({ texts, ends }) => expect(ends.length > 0 ? events : texts.length).toBeGreaterThanOrEqual(events)), {
        interval: 10,
        timeout: 30_000,
      });
    }
  }
  const told = sides.map(({ listeners }) => listeners.map(({ texts, ends }) => [...texts, ...ends.map((end) => JSON.stringify(end))]));
  expect(told[1]).toEqual(told[0]);
  expect(JSON.stringify(told)).not.toMatch(/INTERNAL|hidden/);
  // The generator must not live on errors alone.
  expect(told[0]?.filter((texts) => texts.length === 2).length).toBeGreaterThan(20);
});
