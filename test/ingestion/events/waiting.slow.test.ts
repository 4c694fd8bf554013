import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { erase } from '../../delivery/subjects/people.js';
import { applyManifest, drained, ENV, EVENTS, post, sendOrder, signed, waits } from '../../http/events-support.js';
import { until } from '../../support/processes.js';
import { Served } from '../../support/served.js';

let served: Served;
let admin: string;

const PATIENTS = `
kind: Dataset
name: patients
fields:
  - { name: person, type: text }
  - { name: note, type: text, encrypted: true }
subject: person
---
kind: Source
name: clinic
type: events
signature: { secrets: ['\${HEADGATE_SECRET_SHOP}'] }
maxWaiting: 3
---
kind: Collector
name: clinic_patients
source: clinic
dataset: patients
paused: true
batch: { wait: 20ms }
---
kind: Collector
name: clinic_copies
source: clinic
dataset: copies
batch: { wait: 20ms }
events: { fields: { person: /person } }
---
kind: Dataset
name: copies
fields: [{ name: person, type: text }]
`;

beforeAll(async () => {
  served = await Served.start(ENV);
  admin = await served.token('root', ['admin', 'steward']);
  await applyManifest(served, EVENTS);
  await applyManifest(served, PATIENTS);
});
afterAll(async () => served?.close());

const document = (name: string, text = EVENTS) => text.split('---').find((one) => one.includes(`kind: Collector\nname: ${name}`)) ?? '';
async function pause(name: string, text = EVENTS): Promise<void> {
  const own = document(name, text);
  await applyManifest(served, own.includes('paused:') ? own : own.replace('batch:', 'paused: true\nbatch:'));
  await until(
    `${name} stands still`,
    async () => (await served.sql(`SELECT 1 FROM headgate.run WHERE collector = '${name}' AND status IN ('QUEUED', 'RUNNING')`)).length === 0,
  );
}
const resume = (name: string, text = EVENTS) => applyManifest(served, document(name, text).replace('paused: true\n', ''));
const send = (text: string) => post(served.url, 'clinic', text, signed(text));

describe('an erasure reaches events that wait', () => {
  test('they are gone, are not loaded afterwards, and those of others are', async () => {
    await pause('shop_orders');
    for (const [id, customer] of [
      ['e1', '7'],
      ['e2', ' 7 '],
      ['e3', '8'],
      ['e4', '77'],
    ])
      await sendOrder(served.url, id ?? '', { customer, total: 7 });
    const { data, errors } = await erase(served, admin, '7');
    expect(errors).toBeUndefined();
    expect(data.eraseSubject).toMatchObject({ others: expect.arrayContaining([{ name: 'events', count: 2 }]) as unknown });
    expect(await waits(served, 'shop')).toBe(2);
    await resume('shop_orders');
    await drained(served, 'shop');
    expect(await served.sql('SELECT id FROM data.orders ORDER BY id')).toEqual([{ id: 'e3' }, { id: 'e4' }]);
    // What is sent after it is a new matter.
    await sendOrder(served.url, 'e5', { customer: '7', total: 7 });
    await drained(served, 'shop');
    expect(await served.sql("SELECT id FROM data.orders WHERE customer = '7'")).toEqual([{ id: 'e5' }]);
  });

  test('one that is on its way into the dataset in this moment does not come back', async () => {
    const holder = new pg.Client(served.connection);
    await holder.connect();
    await holder.query("BEGIN; SELECT 1 FROM headgate.dataset WHERE name = 'orders' FOR UPDATE");
    const locked = (query: string) => `SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database() AND query ~ '${query}'`;
    const erasing = erase(served, admin, '9');
    await until('the erasure waits for the dataset', async () => (await served.sql(locked('ANY.*FOR UPDATE'))).length === 1);
    await sendOrder(served.url, 'f1', { customer: '9', total: 1 });
    await sendOrder(served.url, 'f2', { customer: '10', total: 1 });
    await until('the load waits behind it', async () => (await served.sql(locked('data_version::float8'))).length === 1);
    await holder.query('COMMIT');
    await holder.end();
    expect((await erasing).errors).toBeUndefined();
    await drained(served, 'shop');
    expect(await served.sql("SELECT id FROM data.orders WHERE id LIKE 'f%'")).toEqual([{ id: 'f2' }]);
  });

  test('unless a hold keeps what goes into the dataset', async () => {
    await pause('shop_orders');
    await sendOrder(served.url, 'h1', { customer: '11', total: 1 });
    await applyManifest(served, 'kind: LegalHold\nname: court\nreason: a dispute\ndatasets: [orders]\n');
    const { errors } = await erase(served, admin, '11');
    expect(errors?.[0]?.extensions).toMatchObject({ code: 'CONFLICT', hold: 'court' });
    expect(await waits(served, 'shop')).toBe(1);
    await applyManifest(served, 'kind: LegalHold\nname: court\nstate: absent\n');
    expect((await erase(served, admin, '11')).errors).toBeUndefined();
    expect(await waits(served, 'shop')).toBe(0);
    await resume('shop_orders');
  });
});

test('several collectors of a source each take all of it, and an event goes when the last one has it; as many wait as may', async () => {
  for (const person of ['anna', 'bert', 'carla']) expect((await send(JSON.stringify({ person, note: `canary ${person}` }))).status).toBe(202);
  await until('the first has taken them', async () => (await served.sql('SELECT 1 FROM data.copies')).length === 3);
  expect(await waits(served, 'clinic')).toBe(3);
  let answer = await send('{"person":"dora"}');
  await until('the source is known to be full', async () => (answer = await send('{"person":"dora"}')).status === 503);
  expect(answer).toMatchObject({ body: { code: 'UNAVAILABLE', reason: 'inbox', retryAfter: 30 } });
  expect(answer.headers.get('retry-after')).toBe('30');
  const lag = await served.ask<{ collector: { partitions: { lagMessages: string }[] } }>(
    admin,
    '{ collector(name: "clinic_copies") { partitions { lagMessages } } }',
  );
  expect(lag.errors).toBeUndefined();
  await resume('clinic_patients', PATIENTS);
  await drained(served, 'clinic');
  const stored = (await served.sql('SELECT person, note FROM data.patients ORDER BY person')) as { person: string; note: string }[];
  expect(stored.slice(0, 3).map(({ person }) => person)).toEqual(['anna', 'bert', 'carla']);
  expect(stored.every(({ note }) => note === null || note.startsWith('hge1.'))).toBe(true);
});

test('of a dataset with encrypted fields what is refused is kept without what is not in its contract, and holds up nothing', async () => {
  await until('there is room again', async () => (await send('{"person":"emil","note":"canary emil"}')).status === 202);
  for (const text of ['{"person":"fritz","note":"canary fritz","free":"canary free"}', '"canary text"'])
    await until('it is taken', async () => (await send(text)).status === 202);
  await drained(served, 'clinic');
  await until('there is room for more', async () => (await send('{"person":"gerd","note":"canary gerd"}')).status === 202);
  await drained(served, 'clinic');
  expect(await served.sql("SELECT person FROM data.patients WHERE person IN ('emil', 'fritz', 'gerd') ORDER BY person")).toEqual([
    { person: 'emil' },
    { person: 'gerd' },
  ]);
  const refused = (await served.sql(
    "SELECT q.raw FROM headgate.quarantined_row q JOIN headgate.dataset d ON d.id = q.dataset_id WHERE d.name = 'patients'",
  )) as { raw: object }[];
  expect(refused).toHaveLength(2);
  expect(JSON.stringify(refused)).toContain('fritz');
  expect(JSON.stringify(refused)).not.toContain('canary');
});

describe('of a dataset whose contract knows its columns by other names and follows what comes', () => {
  const VISITORS = `
kind: Dataset
name: visitors
fields: [{ name: person, type: text, aliases: [who] }]
subject: person
drift: evolve
---
kind: Collector
name: idle_visitors
source: idle
dataset: visitors
paused: true
batch: { wait: 20ms }
`;
  const sendVisitor = async (text: string) => expect((await post(served.url, 'idle', text, signed(text))).status).toBe(202);
  const persons = () => served.sql('SELECT person FROM data.visitors ORDER BY person');

  test('an erasure finds a person under an alias, and what is sent of them after it comes in one batch with what others sent before', async () => {
    await applyManifest(served, VISITORS);
    await sendVisitor('{"who":"ida","n":1}');
    await sendVisitor('{"who":"jan","n":2}');
    const { data, errors } = await erase(served, admin, 'ida');
    expect(errors).toBeUndefined();
    expect(data.eraseSubject).toMatchObject({ others: expect.arrayContaining([{ name: 'events', count: 1 }]) as unknown });
    await sendVisitor('{"who":"ida","n":3}');
    await resume('idle_visitors', VISITORS);
    await drained(served, 'idle');
    expect(await served.sql('SELECT person, n FROM data.visitors ORDER BY person')).toEqual([
      { person: 'ida', n: 3 },
      { person: 'jan', n: 2 },
    ]);
  });

  test('where a change policy wants more than an event can give, one with a new column waits in quarantine and holds up nothing', async () => {
    await applyManifest(served, 'kind: ChangePolicy\nname: reasons\nrequireReason: [Dataset]\n');
    await sendVisitor('{"person":"kim","n":4,"other":"x"}');
    await sendVisitor('{"person":"lea","n":5}');
    await drained(served, 'idle');
    expect(await persons()).toEqual([{ person: 'ida' }, { person: 'jan' }, { person: 'lea' }]);
    expect(
      await served.sql(
        "SELECT q.raw ->> 'person' AS person, q.reasons -> 0 ->> 'rule' AS rule FROM headgate.quarantined_row q JOIN headgate.dataset d ON d.id = q.dataset_id WHERE d.name = 'visitors'",
      ),
    ).toEqual([{ person: 'kim', rule: 'drift' }]);
    await applyManifest(served, 'kind: ChangePolicy\nname: reasons\nstate: absent\n');
  });
});
