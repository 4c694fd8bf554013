import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest';
import { House, principal, type Answer } from '../support/house.js';
import { until } from '../support/processes.js';
import { Relay } from '../store/relay.js';
import { RemoteDatabase } from './remote-database.js';

/** What a source does to an answer when it is slow, down, or changed: its own part of it is null, with a code, and nothing else. */
const TIMEOUT_MS = 1_000;
/** Beside the source's own time: this machine is shared. */
const SLACK_MS = 3_000;

const MANIFESTS = `
kind: Source
name: crm
type: postgres
url: \${HEADGATE_SECRET_CRM}
timeout: 1s
pool: 2
---
kind: Dataset
name: people
fields: [{ name: id, type: integer }, { name: name, type: text }]
key: [id]
relations: [{ name: invoices, to: invoices, on: { id: customer_id }, many: true }]
---
kind: Dataset
name: invoices
source: crm
table: public.invoices
fields: [{ name: id, type: integer }, { name: customer_id, type: integer }, { name: total, type: decimal }, { name: note, type: text }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people, invoices] }
fields: { '*': allow, note: { mask: partial, last: 1 } }
`;

const TABLE = `DROP TABLE IF EXISTS invoices; CREATE TABLE invoices (id int PRIMARY KEY, customer_id int, total numeric, note text);
  INSERT INTO invoices VALUES (1, 1, 10, 'secret note'), (2, 2, 20, 'another secret')`;
const BOTH = '{ people { nodes { id invoices { nodes { id total } } } } }';
const ROOT = '{ invoices { nodes { id total note } } }';

const reader = principal({ subject: 'r', roles: ['reader'] });

let house: House;
let crm: RemoteDatabase;
let relay: Relay;

beforeAll(async () => {
  crm = await RemoteDatabase.onNew();
  await crm.run(TABLE);
  relay = await Relay.to(inject('connection'));
  house = await House.open();
  house.asksTwice = false;
  house.secrets.set('HEADGATE_SECRET_CRM', crm.urlThrough(relay));
  await house.apply(MANIFESTS);
  await house.database.query("INSERT INTO data.people (id, name) VALUES (1, 'ann'), (2, 'bob')");
});

beforeEach(async () => {
  await crm.run(TABLE);
  relay.isClosed = false;
  // As a start would do.
  house.sources.settle({ sources: new Map() });
  house.statements.length = 0;
  house.facts.length = 0;
});

afterAll(async () => {
  await house?.close();
  relay?.close();
  await crm?.drop();
});

/** The store's part stands; the source's is null with one error, and on the record. */
function expectPart(answer: Answer, code: string): void {
  expect(answer.data['people']?.nodes).toEqual([
    { id: 1, invoices: null },
    { id: 2, invoices: null },
  ]);
  expect(answer.errors).toMatchObject([{ path: ['people', 'nodes'], extensions: { code, source: 'crm' } }]);
  expect(answer.text).not.toMatch(/secret|127\.0\.0\.1|postgres:/i);
  const acts = house.facts.map(({ dataset, decision, rowCount, details }) => ({ dataset, decision, rowCount, details })).slice(-2);
  expect(acts).toContainEqual({ dataset: 'people', decision: 'ALLOWED', rowCount: 2, details: undefined });
  expect(acts).toContainEqual({ dataset: 'invoices', decision: 'FAILED', rowCount: undefined, details: { code } });
}

async function timed(work: () => Promise<Answer>): Promise<Answer> {
  const began = performance.now();
  const answer = await work();
  expect(performance.now() - began).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  return answer;
}

/** Its part is there again, once the source has been left alone for long enough. */
async function expectRecovery(): Promise<void> {
  await until('the source is asked again', async () => (await house.query(reader, BOTH)).errors === undefined, 20_000);
}

describe('a source that is down', () => {
  test('at the start: the rest of the answer stands, and it is read when it comes', async () => {
    relay.isClosed = true;
    expectPart(await timed(() => house.query(reader, BOTH)), 'UNAVAILABLE');
    const root = await timed(() => house.query(reader, ROOT));
    expect(root.data['invoices']).toBeNull();
    expect(root.errors).toMatchObject([{ path: ['invoices'], extensions: { code: 'UNAVAILABLE', source: 'crm' } }]);
    expect(house.facts.at(-1)).toMatchObject({ dataset: 'invoices', decision: 'FAILED', details: { code: 'UNAVAILABLE' } });
    relay.isClosed = false;
    await expectRecovery();
  });

  test('is left alone after some failures, and nobody waits for it', async () => {
    await house.query(reader, BOTH);
    relay.silence();
    relay.isClosed = true;
    await crm.killOthers();
    for (let i = 0; i < 5; i++) await house.query(reader, ROOT);
    const before = relay.tried;
    const { errors } = await house.query(reader, ROOT);
    expect(errors?.[0]?.message).toMatch(/left alone/);
    expect(relay.tried).toBe(before);
    relay.isClosed = false;
    await expectRecovery();
  });

  test('an apply that needs it changes nothing', async () => {
    relay.isClosed = true;
    await expect(house.apply(MANIFESTS.replace('name: note, type: text', 'name: note, type: text, tags: [pii]'))).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect((await house.world()).catalog.datasets.get('invoices')?.contractVersion).toBe(1);
  });
});

test('backends that are killed are replaced', async () => {
  expect((await house.query(reader, BOTH)).errors).toBeUndefined();
  await crm.killOthers();
  expect((await house.query(reader, BOTH)).errors).toBeUndefined();
});

test('a source that goes silent ends within its time, does not hold up other reads, and is read again', async () => {
  expect((await house.query(reader, BOTH)).errors).toBeUndefined();
  relay.silence();
  relay.isClosed = true;
  const hung = Array.from({ length: 10 }, () => house.query(reader, ROOT));
  const began = performance.now();
  expect((await house.query(reader, '{ people { nodes { id } } }')).errors).toBeUndefined();
  expect(performance.now() - began).toBeLessThan(TIMEOUT_MS);
  for (const { errors } of await Promise.all(hung)) expect(errors).toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
  expect(performance.now() - began).toBeLessThan(TIMEOUT_MS + SLACK_MS);
  relay.isClosed = false;
  await expectRecovery();
});

test('a statement that takes too long is TIMEOUT, and the source goes on', async () => {
  expect((await house.query(reader, BOTH)).errors).toBeUndefined();
  const holder = await crm.session();
  await holder.query('BEGIN; LOCK TABLE invoices IN ACCESS EXCLUSIVE MODE');
  expectPart(await timed(() => house.query(reader, BOTH)), 'TIMEOUT');
  await holder.query('ROLLBACK');
  await holder.end();
  expect((await house.query(reader, BOTH)).errors).toBeUndefined();
});

describe('a table that changed under us', () => {
  test.each([
    ['a column that is gone', 'ALTER TABLE invoices DROP COLUMN total', /column for total is gone/],
    ['a column that is renamed', 'ALTER TABLE invoices RENAME COLUMN total TO amount', /column for total is gone/],
    ['a column of a type that does not fit', 'ALTER TABLE invoices ALTER total TYPE text', /column for total is now text, and the contract says decimal/],
    ['a table that is renamed', 'ALTER TABLE invoices RENAME TO bills', /table is not there/],
  ])('%s is a violation of the contract, before it was read and after', async (_, change, message) => {
    // What is kept of it from before must not matter.
    if (message.source.includes('gone')) expect((await house.query(reader, BOTH)).errors).toBeUndefined();
    await crm.run(change);
    try {
      const answer = await house.query(reader, BOTH);
      expectPart(answer, 'CONTRACT_VIOLATION');
      expect(answer.errors?.[0]?.message).toMatch(message);
      expect((await house.query(reader, ROOT)).errors).toMatchObject([{ path: ['invoices'], extensions: { code: 'CONTRACT_VIOLATION' } }]);
      // What does not need the column is there all the same.
      if (!change.includes('RENAME TO bills')) expect((await house.query(reader, '{ invoices { nodes { id } } }')).errors).toBeUndefined();
    } finally {
      await crm.run('DROP TABLE IF EXISTS bills');
    }
    await crm.run(TABLE);
    expect((await house.query(reader, BOTH)).errors).toBeUndefined();
  });

  test('another table under its name is read as it is, or not at all', async () => {
    const before = await house.query(reader, ROOT);
    expect(before.data['invoices']?.nodes[0]).toEqual({ id: 1, total: '10', note: '***e' });
    await crm.run(`ALTER TABLE invoices RENAME TO old_invoices;
      CREATE TABLE invoices (note varchar, total integer, customer_id smallint, id smallint); INSERT INTO invoices VALUES ('yet another secret', 7, 1, 3)`);
    const after = await house.query(reader, ROOT);
    expect(after.errors).toBeUndefined();
    expect(after.data['invoices']?.nodes).toEqual([{ id: 3, total: '7', note: '***t' }]);
    await crm.run('DROP TABLE old_invoices');
  });

  test('the error of a value that no longer fits tells nothing of which row has it', async () => {
    await house.query(reader, ROOT);
    await crm.run(`ALTER TABLE invoices ALTER customer_id TYPE text`);
    const good = await house.query(reader, '{ invoices(where: { customerId: { eq: 1 } }) { nodes { id } } }');
    await crm.run(`UPDATE invoices SET customer_id = 'no number' WHERE id = 2`);
    const bad = await house.query(reader, '{ invoices(where: { customerId: { eq: 1 } }) { nodes { id } } }');
    expect(bad.text).toBe(good.text);
    expect(bad.errors).toMatchObject([{ extensions: { code: 'CONTRACT_VIOLATION' } }]);
  });

  test('what its user may not read is a violation too', async () => {
    await crm.run(`CREATE ROLE stranger_${process.pid} LOGIN PASSWORD 'x'`);
    try {
      house.secrets.set('HEADGATE_SECRET_OTHER', crm.urlAs(`stranger_${process.pid}`, 'x'));
      await house.apply(MANIFESTS.split('---')[0]?.replace('_CRM', '_OTHER') ?? '');
      const { errors } = await house.query(reader, ROOT);
      expect(errors).toMatchObject([{ extensions: { code: 'CONTRACT_VIOLATION' } }]);
      expect(errors?.[0]?.message).toMatch(/may not read/);
    } finally {
      await house.apply(MANIFESTS);
      await house.query(reader, ROOT);
      await crm.run(`DROP ROLE stranger_${process.pid}`);
    }
  });
});
