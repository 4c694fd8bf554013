import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { KafkaTestBroker, keyOf } from './brokers.js';
import { numbers, rows, Stage } from './stage.js';

const found = await KafkaTestBroker.find();

describe('topics of Kafka', () => {
  let stage: Stage;
  let broker: KafkaTestBroker;
  beforeAll(async () => {
    if ('reason' in found) return;
    broker = found.broker as KafkaTestBroker;
    stage = await Stage.open(broker);
  });
  beforeEach(({ skip }) => {
    if ('reason' in found) skip(found.reason);
  });
  afterAll(async () => {
    await stage?.close();
    await broker?.close();
  });

  test('a topic that is not there, and a broker that is away, are told and waited for', async () => {
    const name = stage.name();
    await stage.apply([
      { kind: 'Source', name: 'away', type: 'kafka', url: 'kafka://127.0.0.1:9' },
      ...stage.documents(name, { collector: { source: 'away' } }),
    ]);
    await until('it is told', async () => /source away can not be reached/.test((await stage.partition(name, ''))?.problem ?? ''));
    await stage.apply(stage.documents(name));
    await until('it is told', async () => (await stage.partition(name, ''))?.problem === 'The source broker has no such topic.');
    expect(await stage.runs(name)).toEqual([]);
    await broker.create(name);
    await broker.publish(name, rows(1, 3));
    await stage.loaded(name, 3);
    await until('nothing stands in the way', async () => (await stage.partition(name, '')) === undefined);
    expect(await stage.partition(name)).toMatchObject({ problem: null, position: { offset: 3 } });
  });

  test('all partitions are followed, and rows have what Kafka knows of their messages', async () => {
    const name = stage.name();
    await broker.create(name);
    const keys = [0, 1, 2, 3].map(keyOf);
    await broker.publish(name, rows(1, 40), keys);
    const fields = [
      { name: 'id', type: 'bigint' },
      { name: 'note', type: 'text' },
      { name: 'key', type: 'text' },
      { name: 'headers', type: 'json' },
      { name: 'partition', type: 'integer' },
      { name: 'at', type: 'bigint' },
      { name: 'topic', type: 'text' },
    ];
    const part = { fields: { key: '$key', headers: '$headers', partition: '$partition', at: '$offset', topic: '$topic' }, rest: true };
    await stage.apply(stage.documents(name, { part, dataset: { fields } }));
    await stage.loaded(name, 40);
    await stage.expectExactly(name, numbers(1, 40));
    const landed = await stage.served.sql(
      `SELECT id::int, key, headers, partition::int, at::int, topic FROM data."${name}" WHERE id IN (1, 2, 40) ORDER BY id`,
    );
    expect(landed).toEqual([
      { id: 1, key: keys[0], headers: {}, partition: 0, at: 0, topic: name },
      { id: 2, key: keys[1], headers: {}, partition: 1, at: 0, topic: name },
      { id: 40, key: keys[3], headers: {}, partition: 3, at: 9, topic: name },
    ]);
  });

  test('a message without content is no row, and says so', async () => {
    const name = await stage.follow();
    const key = Buffer.from(keyOf(0)).toString('base64');
    await broker.server.publish(name, [[null, key]]);
    await broker.publish(name, rows(2, 2));
    await stage.loaded(name, 1);
    expect((await stage.refused(name)).map(({ position }) => position)).toEqual([await broker.place(name, 1)]);
    await stage.expectExactly(name, [2]);
  });

  test('a document that says what can’t be of Kafka is refused with the place', async () => {
    const name = stage.name();
    const refused = async (documents: readonly object[]) =>
      stage.apply(documents).then(
        () => 'applied',
        (error: unknown) => (error as Error).message,
      );
    expect(await refused(stage.documents(name, { part: { topic: 'a b' } }))).toContain('kafka.topic');
    expect(await refused(stage.documents(name, { part: { from: '2026-01-31T00:00:00Z' } }))).toContain('kafka.from');
    expect(await refused(stage.documents(name, { collector: { schedule: '* * * * *' } }))).toContain('followed without end');
    const url = 'kafka://reader:secret@kafka.example.com';
    expect(await refused([{ kind: 'Source', name: 'open', type: 'kafka', url }])).toContain('"path":"url"');
    const auth = { basic: { user: 'reader', password: 'secret' } };
    expect(await refused([{ kind: 'Source', name: 'open', type: 'kafka', url: 'kafka://kafka.example.com', auth }])).toContain('"path":"auth.basic.password"');
  });
});
