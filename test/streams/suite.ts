import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import type { FoundBroker, TestBroker } from './brokers.js';
import { numbers, rows, Stage } from './stage.js';

/** What every broker's streams promise. */
export function describeStreams(kind: string, found: FoundBroker): void {
  describe(`streams of ${kind}`, () => {
    let stage: Stage | undefined;
    beforeAll(async () => {
      if ('broker' in found) stage = await Stage.open(found.broker);
    });
    beforeEach(({ skip }) => {
      if ('reason' in found) skip(found.reason);
    });
    afterAll(async () => {
      await stage?.close();
      if ('broker' in found) await found.broker.close();
    });
    const laws = { knowsTimes: true, trims: true };
    if ('broker' in found) Object.assign(laws, { knowsTimes: found.broker.knowsTimes, trims: found.broker.trim !== undefined });
    describeLaws(laws, () => {
      if ('reason' in found || !stage) throw new Error('no broker');
      return { broker: found.broker, stage };
    });
  });
}

interface Setting {
  readonly broker: TestBroker;
  readonly stage: Stage;
}

function describeLaws({ knowsTimes, trims }: { readonly knowsTimes: boolean; readonly trims: boolean }, setting: () => Setting): void {
  test('messages that are there and messages that come are rows, each once, in batches', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, rows(1, 500));
    await stage.apply(stage.documents(name, { collector: { batch: { rows: 200, wait: '50ms' } } }));
    await stage.loaded(name, 500);
    await broker.publish(name, rows(501, 510));
    await stage.loaded(name, 510);
    await stage.expectExactly(name, numbers(1, 510));
    const batches = (await stage.served.sql(
      `SELECT row_count::int AS n FROM headgate.audit_record WHERE action = 'ingest' AND details ->> 'collector' = '${name}' ORDER BY at, id`,
    )) as { n: number }[];
    expect(Math.max(...batches.map(({ n }) => n))).toBeLessThanOrEqual(200);
    expect(batches.reduce((sum, { n }) => sum + n, 0)).toBe(510);
  });

  test('a batch is closed by bytes, too', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, rows(1, 20, { note: 'x'.repeat(500) }));
    await stage.apply(stage.documents(name, { collector: { batch: { bytes: 2_048, wait: '50ms' } } }));
    await stage.loaded(name, 20);
    const batches = (await stage.served.sql(
      `SELECT row_count::int AS n FROM headgate.audit_record WHERE action = 'ingest' AND details ->> 'collector' = '${name}'`,
    )) as { n: number }[];
    expect(Math.max(...batches.map(({ n }) => n))).toBe(3);
  });

  test('a message that is no row goes to quarantine with its position, and spoils no other', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    const bad = ['', '   ', 'no json', '"text"', '{"id": 1', '{"id":\u00012}', '{"note":"a\nb","id":3}', '{"id":"x"}', '[{"id":1},3]'];
    const messages: (string | Uint8Array)[] = [];
    bad.forEach((message, i) => messages.push(...rows(i * 2 + 1, i * 2 + 2), message));
    messages.push(Uint8Array.from([0x7b, 0xff, 0xfe, 0x7d]), ...rows(101, 101), '{\n  "id": 102,\r\n  "note": "lines"\n}');
    await broker.publish(name, messages);
    await stage.apply(stage.documents(name));
    await stage.loaded(name, bad.length * 2 + 2);
    await stage.expectExactly(name, [...numbers(1, bad.length * 2), 101, 102]);
    const refused = await stage.refused(name);
    expect(refused.map(({ position }) => position).toSorted()).toEqual(
      (await Promise.all([...bad.map((_, i) => broker.place(name, (i + 1) * 3)), broker.place(name, bad.length * 3 + 1)])).toSorted(),
    );
    expect(refused.every(({ reasons }) => reasons.length > 0)).toBe(true);
    expect(refused.some(({ raw }) => raw[''] === 'no json')).toBe(true);
    const runs = await stage.runs(name);
    expect(runs.every(({ status }) => status === 'RUNNING')).toBe(true);
    expect(runs.reduce((sum, { rows_read }) => sum + Number(rows_read), 0)).toBe(messages.length);
  });

  test('a stream of nothing but broken messages goes on', async () => {
    const { broker, stage } = setting();
    const name = await stage.follow();
    await broker.publish(
      name,
      Array.from({ length: 50 }, () => '{broken'),
    );
    await until('all in quarantine', async () => (await stage.refused(name)).length === 50);
    await broker.publish(name, rows(1, 1));
    await stage.loaded(name, 1);
  });

  test('a message with a field that a frozen contract does not have does not hold the others up', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, [...rows(1, 40), ...rows(41, 41, { extra: 1 }), ...rows(42, 60), ...rows(61, 61, { extra: 2 }), ...rows(62, 70)]);
    await stage.apply(stage.documents(name, { dataset: { maxQuarantine: 0 } }));
    await stage.loaded(name, 68);
    await stage.expectExactly(name, [...numbers(1, 40), ...numbers(42, 60), ...numbers(62, 70)]);
    const refused = await stage.refused(name);
    expect(refused.map(({ position }) => position)).toEqual([await broker.place(name, 41), await broker.place(name, 61)]);
    expect(refused[0]?.reasons).toHaveLength(1);
  });

  test('rows are inside of messages, several of one, with what is known of the message', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, [
      '{"payload":{"after":{"id":1,"note":"one"}}}',
      '{"payload":{"after":[{"id":2},{"id":3},{"id":"no"}]}}',
      '{"payload":{}}',
      '{"payload":{"after":{}}}',
    ]);
    const fields = [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'text' },
      { name: 'place', type: 'text' },
      { name: 'sent', type: 'timestamp' },
      { name: 'subject', type: 'text' },
    ];
    const sentTo = { nats: '$subject', redis: '$stream', kafka: '$topic' }[broker.type];
    const part = { items: '/payload/after', fields: { place: '$position', sent: '$receivedAt', subject: sentTo }, rest: true };
    await stage.apply(stage.documents(name, { part, dataset: { fields } }));
    await stage.loaded(name, 4);
    const found = (await stage.served.sql(
      `SELECT id::int, place, sent > now() - interval '1 minute' AS fresh, subject FROM data."${name}" ORDER BY id`,
    )) as object[];
    const place = async (n: number) => (await broker.place(name, n)).slice(name.length + 1);
    const subject = broker.type === 'nats' ? `${name}.rows` : name;
    expect(found).toEqual([
      { id: 1, place: await place(1), fresh: true, subject },
      { id: 2, place: await place(2), fresh: true, subject },
      { id: 3, place: await place(2), fresh: true, subject },
      { id: null, place: await place(4), fresh: true, subject },
    ]);
    expect((await stage.refused(name)).map(({ position }) => position).toSorted()).toEqual([`${await broker.place(name, 2)}#3`, await broker.place(name, 3)]);
  });

  test('it begins at what is new when the document says so, and then from its own position', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, rows(1, 5));
    await stage.apply(stage.documents(name, { part: { from: 'new' } }));
    await until('it has begun', async () => ((await stage.partition(name))?.position ?? null) !== null);
    await broker.publish(name, rows(6, 8));
    await stage.loaded(name, 3);
    await stage.expectExactly(name, [6, 7, 8]);
  });

  const ifTimes = knowsTimes ? test : () => undefined;
  ifTimes('it begins at a time when the document says so', async () => {
    const { broker, stage } = setting();
    const late = stage.name();
    await broker.create(late);
    await broker.publish(late, rows(1, 5));
    const before = Date.now();
    await until('the clock has moved', () => Date.now() > before + 2);
    const from = new Date().toISOString();
    await broker.publish(late, rows(6, 8));
    await stage.apply(stage.documents(late, { part: { from } }));
    await stage.loaded(late, 3);
    await stage.expectExactly(late, [6, 7, 8]);
    await until('the lag is 0', async () => (await stage.partition(late))?.lag_messages === '0');
    expect(await stage.partition(late)).toMatchObject({ missed: '0' });
  });

  test('paused, it stops and loses nothing; taken up again, it goes on from its position; removed, it ends', async () => {
    const { broker, stage } = setting();
    const name = await stage.follow();
    await broker.publish(name, rows(1, 3));
    await stage.loaded(name, 3);
    await stage.apply(stage.documents(name, { collector: { paused: true } }));
    await until('its run has ended', async () => (await stage.runs(name)).every(({ status }) => status === 'SUCCEEDED'));
    await broker.publish(name, rows(4, 6));
    await stage.apply(stage.documents(name));
    await stage.loaded(name, 6);
    await stage.expectExactly(name, numbers(1, 6));
    const admin = await stage.served.token('admin', ['admin']);
    await stage.served.ask(admin, `mutation { deleteCollector(name: "${name}") }`);
    await until('its run has ended', async () => (await stage.runs(name)).every(({ status }) => status !== 'RUNNING' && status !== 'QUEUED'));
  });

  const ifTrims = trims ? test : () => undefined;
  ifTrims('messages that were gone before they were read are counted', async () => {
    const { broker, stage } = setting();
    const name = await stage.follow();
    await broker.publish(name, rows(1, 3));
    await stage.loaded(name, 3);
    await stage.apply(stage.documents(name, { collector: { paused: true } }));
    await until('its run has ended', async () => (await stage.runs(name)).every(({ status }) => status === 'SUCCEEDED'));
    await broker.publish(name, rows(4, 10));
    await broker.trim?.(name, 7);
    await stage.apply(stage.documents(name));
    await stage.loaded(name, 6);
    await stage.expectExactly(name, [1, 2, 3, 8, 9, 10]);
    expect(await stage.partition(name)).toMatchObject({ missed: '4' });
  });

  test('a stream that was made anew ends the run with CONFLICT, until the collector is reset', async () => {
    const { broker, stage } = setting();
    const name = await stage.follow();
    await broker.publish(name, rows(1, 3));
    await stage.loaded(name, 3);
    await stage.apply(stage.documents(name, { collector: { paused: true } }));
    await until('its run has ended', async () => (await stage.runs(name)).every(({ status }) => status === 'SUCCEEDED'));
    await broker.recreate(name);
    await broker.publish(name, rows(11, 12));
    await stage.apply(stage.documents(name));
    await until('it has failed', async () => (await stage.runs(name)).some(({ error_code }) => error_code === 'CONFLICT'));
    expect((await stage.partition(name))?.problem).toMatch(/reset/i);
    expect(await stage.ids(name)).toEqual([1, 2, 3]);
    const admin = await stage.served.token('admin', ['admin']);
    const { errors } = await stage.served.ask(admin, `mutation { resetCollector(name: "${name}") }`);
    expect(errors).toBeUndefined();
    await stage.loaded(name, 5);
    await stage.expectExactly(name, [1, 2, 3, 11, 12]);
  });

  test('lag, throughput and position are told', async () => {
    const { broker, stage } = setting();
    const name = await stage.follow();
    await broker.publish(name, rows(1, 300));
    await stage.loaded(name, 300);
    await until('the lag is 0', async () => (await stage.partition(name))?.lag_messages === '0');
    const told = await stage.partition(name);
    expect(told).toMatchObject({ partition: broker.partition(name), problem: null, missed: '0', rows_total: '300', lag_seconds: 0 });
    expect(told?.rows_per_second).toBeGreaterThan(0);
    const admin = await stage.served.token('admin', ['admin']);
    const { data, errors } = await stage.served.ask<{ collector: { partitions: object[] } }>(
      admin,
      `{ collector(name: "${name}") { partitions { partition position lagMessages lagSeconds rowsPerSecond missed problem updatedAt } } }`,
    );
    expect(errors).toBeUndefined();
    const partition = broker.partition(name);
    expect(data.collector.partitions).toContainEqual(expect.objectContaining({ partition, lagMessages: '0', missed: '0', problem: null }));
    const metrics = await (await fetch(`${stage.served.url}/metrics`)).text();
    expect(metrics).toMatch(/^headgate_stream_rows_total \d+$/m);
    expect(metrics).toMatch(/^headgate_stream_lag_messages \d+$/m);
  });

  test('values that are to be encrypted are nowhere plain, in quarantine neither', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    const secret = 'canary-of-streams';
    await broker.publish(name, [
      `{"id":1,"note":"${secret}"}`,
      `{"id":2,"note":"${secret}"`,
      `{"id":3,"note":"${secret}","extra":1}`,
      `{"id":4,"note":"${secret}"}`,
    ]);
    const fields = [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'text', encrypted: true },
    ];
    await stage.apply(stage.documents(name, { dataset: { fields } }));
    await stage.loaded(name, 2);
    await until('the others are in quarantine', async () => (await stage.refused(name)).length === 2);
    expect(JSON.stringify(await stage.refused(name))).not.toContain(secret);
    expect(JSON.stringify(await stage.served.sql(`SELECT * FROM data."${name}"`))).not.toContain(secret);
  });
  test('what has landed is held in memory no more', async () => {
    const { broker, stage } = setting();
    const name = stage.name();
    await broker.create(name);
    const [messages, wave] = [400, 80];
    const note = 'x'.repeat(50_000);
    const before = heldBytes();
    await stage.apply(stage.documents(name, { collector: { batch: { rows: 20, wait: '50ms' } } }));
    // No broker has to keep all of them.
    for (let to = wave; to <= messages; to += wave) {
      await broker.publish(name, rows(to - wave + 1, to, { note }));
      await stage.loaded(name, to);
    }
    // The collector still runs: a batch or two may be in its hands.
    await until('the batches are let go', () => heldBytes() - before < (messages / 4) * note.length);
  });
}

/** Of buffers and of the heap, without what is only not collected yet. */
function heldBytes(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)();
  const { arrayBuffers, heapUsed } = process.memoryUsage();
  return arrayBuffers + heapUsed;
}
