import { HeadgateError } from '../../../kernel/index.js';
import type { CollectorSpec } from '../collector-shape.js';
import type { Broker, Consuming, Message, Subscription } from './broker.js';
import type { Reach } from './check-reach.js';
import { redisClient, redisError } from './redis-connection.js';
import { RedisSubscription } from './redis-subscription.js';

/** Streams of a Redis: each key is a partition. It is read without a group; a group that is declared follows our position. */
export class RedisBroker implements Broker {
  readonly #secrets: ReadonlyMap<string, string>;
  readonly #reach: Reach;

  constructor(secrets: ReadonlyMap<string, string>, reach: Reach) {
    this.#secrets = secrets;
    this.#reach = reach;
  }

  async partitions(collector: CollectorSpec): Promise<readonly string[]> {
    return collector.redis?.streams ?? [];
  }

  nameOf({ partition }: Pick<Consuming, 'partition'>, { place }: Message): string {
    return `${partition}/${place}`;
  }

  async open(consuming: Consuming): Promise<Subscription> {
    const { collector, source } = consuming;
    if (source.type !== 'redis' || !collector.redis) {
      throw new HeadgateError('BAD_USER_INPUT', `The collector ${collector.name} has no key redis, or its source is not of type redis.`, {
        collector: collector.name,
      });
    }
    const open = async () => redisClient(source, this.#secrets, this.#reach);
    const [client, reader] = [await open(), await open()];
    try {
      await Promise.all([client.connect(), reader.connect()]);
      return await RedisSubscription.open({ client, reader, part: collector.redis, consuming });
    } catch (error) {
      for (const each of [client, reader]) if (each.isOpen) each.destroy();
      throw redisError(error, source.name);
    }
  }
}
