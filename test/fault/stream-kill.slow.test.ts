import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../support/processes.js';
import { KafkaTestBroker, keyOf, NatsTestBroker, RedisTestBroker, type FoundBroker, type TestBroker } from '../streams/brokers.js';
import { KafkaServer } from '../streams/kafka-server.js';
import { OwnServer } from '../streams/own-servers.js';
import { numbers, rows, Stage, type Worker } from '../streams/stage.js';

/** Each takes as long as it takes to notice that a worker is gone; `HEADGATE_TEST_LONG=5` for five of them. */
const KILLS = Number(process.env['HEADGATE_TEST_LONG'] ?? 1);
const MESSAGES = 2_000 + KILLS * 1_000;
/** What a takeover or a broker that is back may take. */
const RECOVERY_MS = 15_000;

/** A broker that can be taken away, and comes back with what it was given. */
interface Fallible {
  kill(): Promise<void>;
  begin(): Promise<void>;
  close(): Promise<void>;
}

interface Found<Server extends Fallible> {
  readonly start: () => Promise<Server | undefined>;
  readonly find: (server: Server) => Promise<FoundBroker>;
}

// What has nothing to do with the kind of broker is tried on one.
const nats = { start: async () => OwnServer.start('nats-server'), find: async ({ url }: OwnServer) => NatsTestBroker.find(url) };
describeFaults('nats-server', nats, ['kill', 'sleep', 'share']);
const redis = { start: async () => OwnServer.start('redis-server'), find: async ({ url }: OwnServer) => RedisTestBroker.find(url) };
describeFaults('redis-server', redis, ['kill']);
// Its mock keeps nothing when it is killed; it can't be reached for a while.
const kafka = { start: async () => KafkaServer.start(), find: async (server: KafkaServer) => ({ broker: new KafkaTestBroker(server) }) };
describeFaults('cluster of Kafka', kafka, ['kill', 'partitions']);

function describeFaults<Server extends Fallible>(
  program: string,
  { start, find }: Found<Server>,
  faults: readonly ('kill' | 'sleep' | 'share' | 'partitions')[],
): void {
  describe(`streams of a ${program} of its own`, () => {
    let server: Server | undefined;
    let broker: TestBroker;
    let stage: Stage;

    beforeAll(async () => {
      server = await start();
      if (!server) return;
      const found = await find(server);
      if ('reason' in found) throw new Error(found.reason);
      ({ broker } = found);
      stage = await Stage.open(broker, { HEADGATE_ROLES: 'gateway' });
    });
    afterAll(async () => {
      await stage?.close();
      await broker?.close();
      await server?.close();
    });

    const ifPartitions = faults.includes('partitions') ? test : () => undefined;
    ifPartitions('workers share the partitions of one stream, and take over those of one that is killed', { timeout: 120_000 }, async (context) => {
      if (!server) return context.skip(`no ${program} on this machine`);
      const spread = broker as KafkaTestBroker;
      const keys = [0, 1, 2, 3].map(keyOf);
      const [first, second] = await Promise.all([stage.worker(), stage.worker()]);
      const name = await stage.follow({ collector: { batch: { rows: 50, wait: '20ms' } } });
      const holders = async () =>
        (await stage.runs(name)).filter(({ status }) => status === 'RUNNING').map(({ worker }) => (worker?.includes(first.mark) ? first : second));
      await until('all partitions are followed, by both', async () => {
        const now = await holders();
        return now.length === 4 && new Set(now).size === 2;
      });
      await spread.publish(name, rows(1, 2_000), keys);
      await until('some have landed', async () => (await stage.count(name)) > 200);
      await stage.dismiss(first, 'SIGKILL');
      await spread.publish(name, rows(2_001, 3_000), keys);
      await stage.loaded(name, 3_000, 2 * RECOVERY_MS);
      await stage.expectExactly(name, numbers(1, 3_000));
      const ends: string[] = [];
      for (const partition of ['0', '1', '2', '3']) {
        const told = await stage.partition(name, partition);
        ends.push(`${partition} ${(told?.position as { offset: number } | undefined)?.offset} ${told?.rows_total} ${told?.missed}`);
      }
      expect(ends).toEqual(['0 750 750 0', '1 750 750 0', '2 750 750 0', '3 750 750 0']);
      expect((await holders()).every((holder) => holder === second)).toBe(true);
      const third = await stage.worker();
      await until('they are shared again', async () => (await stage.shares([second, third])).every((share) => share >= 2), RECOVERY_MS);
      await spread.publish(name, rows(3_001, 3_100), keys);
      await stage.loaded(name, 3_100);
      await stage.expectExactly(name, numbers(1, 3_100));
      // The next test counts streams.
      await stage.apply(stage.documents(name, { collector: { paused: true } }));
      await until('its runs have ended', async () => (await holders()).length === 0);
      await stage.dismiss(second);
      await stage.dismiss(third);
    });

    test('a worker that is killed at any moment, and a broker that is killed, lose nothing and double nothing', { timeout: 120_000 }, async (context) => {
      if (!server) return context.skip(`no ${program} on this machine`);
      const name = await stage.follow({ collector: { batch: { rows: 100, wait: '20ms' } } });
      await broker.publish(name, rows(1, 2_000));
      let [worker, next]: Worker[] = await Promise.all([stage.worker(), stage.worker()]);
      for (let kill = 1; kill <= KILLS; kill += 1) {
        const count = await stage.count(name);
        await until('another batch has landed', async () => (await stage.count(name)) > count || count >= 2_000, RECOVERY_MS);
        const doomed = await stage.holder(name, [worker, next] as Worker[]);
        if (!doomed) throw new Error('nobody follows it');
        [worker, next] = [(doomed === worker ? next : worker) as Worker, undefined];
        await stage.dismiss(doomed, 'SIGKILL');
        const began = Date.now();
        if (kill < KILLS) next = await stage.worker();
        const before = await stage.count(name);
        await broker.publish(name, rows(2_000 + (kill - 1) * 1_000 + 1, 2_000 + kill * 1_000));
        await until('others go on', async () => (await stage.count(name)) > before, RECOVERY_MS - (Date.now() - began));
      }
      // And the broker, in the middle of what is left or when all has been read.
      await server.kill();
      await until('its absence is told', async () => (await stage.partition(name))?.problem !== null);
      await server.begin();
      const back = Date.now();
      await broker.publish(name, rows(MESSAGES + 1, MESSAGES + 10));
      await stage.loaded(name, MESSAGES + 10, RECOVERY_MS - (Date.now() - back));
      await stage.expectExactly(name, numbers(1, MESSAGES + 10));
      expect(await stage.partition(name)).toMatchObject({ problem: null, missed: '0' });
      for (const one of [worker, next]) if (one) await stage.dismiss(one);
    });

    const ifSleeps = faults.includes('sleep') ? test : () => undefined;
    ifSleeps('a worker that slept while another took its stream changes nothing when it wakes', { timeout: 60_000 }, async (context) => {
      if (!server) return context.skip(`no ${program} on this machine`);
      const name = await stage.follow({ collector: { batch: { rows: 50, wait: '20ms' } } });
      await broker.publish(name, rows(1, 500));
      const sleeper = await stage.worker();
      await until('it has begun', async () => (await stage.count(name)) > 0);
      sleeper.child.process.kill('SIGSTOP');
      const other = await stage.worker();
      await broker.publish(name, rows(501, 800));
      // The sleeper may hold the dataset's row in a transaction: its session stays until it wakes, or its row is free.
      await until('the other has it', async () => (await stage.shares([other]))[0] !== 0, RECOVERY_MS);
      sleeper.child.process.kill('SIGCONT');
      await broker.publish(name, rows(801, 1_000));
      await stage.loaded(name, 1_000);
      await stage.expectExactly(name, numbers(1, 1_000));
      await stage.dismiss(sleeper);
      await stage.dismiss(other);
    });

    const ifShares = faults.includes('share') ? test : () => undefined;
    ifShares(
      'a process that joins gets its share, one that leaves gives its own to the others, and none is moved twice',
      { timeout: 60_000 },
      async (context) => {
        if (!server) return context.skip(`no ${program} on this machine`);
        const names = [await stage.follow(), await stage.follow(), await stage.follow(), await stage.follow()];
        const total = async (workers: readonly Worker[]) => (await stage.shares(workers)).reduce((sum, share) => sum + share, 0);
        const first = await stage.worker();
        const all = (await stage.served.sql("SELECT name FROM headgate.collector WHERE NOT coalesce((spec ->> 'paused')::boolean, false)")).length;
        await until('it has all', async () => (await total([first])) === all);
        const second = await stage.worker();
        await until('they share', async () => {
          const shares = await stage.shares([first, second]);
          return Math.max(...shares) - Math.min(...shares) <= 1 && shares[0] !== undefined && shares[0] + (shares[1] ?? 0) === all;
        });
        const attempts = async () =>
          ((await stage.served.sql("SELECT sum(attempt)::int AS n FROM headgate.run WHERE status = 'RUNNING' AND collector IS NOT NULL")) as { n: number }[])[0]
            ?.n;
        const before = await attempts();
        for (const name of names) await broker.publish(name, rows(1, 20));
        await Promise.all(names.map((name) => stage.loaded(name, 20)));
        // Several looks later they are where they were.
        const since = Date.now() + 4_500;
        await until('both have looked again', async () => {
          const seen = (await stage.served.sql('SELECT worker, seen_at AS at FROM headgate.stream_worker')) as { worker: string; at: Date }[];
          return [first, second].every(({ mark }) => seen.some(({ worker, at }) => worker.includes(mark) && at.getTime() > since));
        });
        expect(await attempts()).toBe(before);
        const third = await stage.worker();
        await until('the third has a share', async () => {
          const shares = await stage.shares([first, second, third]);
          return shares.every((share) => share >= 1) && shares.reduce((sum, share) => sum + share, 0) === all;
        });
        await stage.dismiss(first);
        await until('the others have all', async () => (await total([second, third])) === all, RECOVERY_MS);
        for (const name of names) await broker.publish(name, rows(21, 40));
        await Promise.all(names.map((name) => stage.loaded(name, 40)));
        for (const name of names) await stage.expectExactly(name, numbers(1, 40));
        await stage.dismiss(second);
        await stage.dismiss(third);
      },
    );
  });
}
