import { RetentionPolicy } from '@nats-io/jetstream';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { NatsTestBroker } from './brokers.js';
import { numbers, rows, Stage } from './stage.js';

const found = await NatsTestBroker.find();

describe('streams of NATS, of all kinds', () => {
  let stage: Stage;
  let broker: NatsTestBroker;
  beforeAll(async () => {
    if ('reason' in found) return;
    broker = found.broker as NatsTestBroker;
    stage = await Stage.open(broker);
  });
  beforeEach(({ skip }) => {
    if ('reason' in found) skip(found.reason);
  });
  afterAll(async () => {
    await stage?.close();
    await broker?.close();
  });
  const left = async (name: string) => (await broker.manager.streams.info(name)).state.messages;

  test.each([RetentionPolicy.Workqueue, RetentionPolicy.Interest])('%s: messages go when their rows are committed, and not before', async (retention) => {
    const name = stage.name();
    await broker.create(name, retention);
    await stage.apply(stage.documents(name));
    await until('somebody is interested', async () => (await broker.manager.streams.info(name)).state.consumer_count > 0);
    await broker.publish(name, rows(1, 300));
    await stage.loaded(name, 300);
    await until('all have gone', async () => (await left(name)) === 0);
    await stage.apply(stage.documents(name, { collector: { paused: true } }));
    await until('its run has ended', async () => (await stage.runs(name)).every(({ status }) => status === 'SUCCEEDED'));
    await broker.publish(name, rows(301, 310));
    expect(await left(name)).toBe(10);
    await stage.apply(stage.documents(name));
    await stage.loaded(name, 310);
    await until('all have gone', async () => (await left(name)) === 0);
    await stage.expectExactly(name, numbers(1, 310));
  });

  test('what was committed and not acknowledged is delivered again, and is no row again', async () => {
    const name = stage.name();
    await broker.create(name, RetentionPolicy.Workqueue);
    await broker.publish(name, rows(1, 20));
    const { created } = await broker.manager.streams.info(name);
    await stage.apply(stage.documents(name, { collector: { paused: true } }));
    // As a process leaves it that is killed between its commit and the acknowledgement.
    await stage.served.sql(
      `INSERT INTO headgate.collector_position (collector, partition, position) VALUES ('${name}', '', '${JSON.stringify({ sequence: 12, created })}')`,
    );
    await stage.apply(stage.documents(name));
    await stage.loaded(name, 8);
    await until('all have gone', async () => (await left(name)) === 0);
    await stage.expectExactly(name, numbers(13, 20));
  });

  test('only the subjects that are asked for are rows', async () => {
    const name = stage.name();
    await broker.create(name);
    await broker.publish(name, rows(1, 5), `${name}.other`);
    await broker.publish(name, rows(6, 8), `${name}.wanted`);
    await stage.apply(stage.documents(name, { part: { subjects: [`${name}.wanted`] } }));
    await stage.loaded(name, 3);
    await stage.expectExactly(name, [6, 7, 8]);
  });

  test('a stream that is not there fails the run, and says so without an address', async () => {
    const name = stage.name();
    await stage.apply(stage.documents(name));
    await until('it has failed', async () => (await stage.runs(name)).some(({ status }) => status === 'FAILED'));
    expect((await stage.runs(name))[0]).toMatchObject({ error_code: 'NOT_FOUND', error_message: 'The source broker has no such stream.' });
  });

  test('a broker that is away, or a secret that is not set, is told with the partition and waited for', async () => {
    const name = stage.name();
    await broker.create(name);
    const away = { kind: 'Source', name: 'away', type: 'nats', url: 'nats://127.0.0.1:9' };
    const unset = { kind: 'Source', name: 'unset', type: 'nats', url: 'nats://127.0.0.1:4222', auth: { token: '${HEADGATE_SECRET_NOT_SET}' } };
    await stage.apply([away, unset, ...stage.documents(name, { collector: { source: 'away' } })]);
    await until('it is told', async () => /source away can not be reached/.test((await stage.partition(name))?.problem ?? ''));
    await stage.apply(stage.documents(name, { collector: { source: 'unset' } }));
    await until('it is told', async () => /HEADGATE_SECRET_NOT_SET/.test((await stage.partition(name))?.problem ?? ''));
    await broker.publish(name, rows(1, 3));
    await stage.apply(stage.documents(name));
    await stage.loaded(name, 3);
    expect(await stage.partition(name)).toMatchObject({ problem: null });
  });
});
