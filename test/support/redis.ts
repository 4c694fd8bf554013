import { createClient } from '@keyv/redis';

/** A Redis to test with, or why there is none. */
export async function findRedis(): Promise<{ url: string } | { reason: string }> {
  const url = process.env['HEADGATE_TEST_REDIS_URL'] ?? 'redis://127.0.0.1:6379';
  const client = createClient({ url, disableOfflineQueue: true, socket: { connectTimeout: 2_000, reconnectStrategy: false } });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.ping();
    return { url };
  } catch {
    return { reason: 'no Redis answers on 127.0.0.1:6379 (set HEADGATE_TEST_REDIS_URL to one)' };
  } finally {
    if (client.isOpen) client.destroy();
  }
}

/** A connection of one's own; `close` takes away what is under `prefix`. */
export async function openRedis(url: string, prefix: string) {
  const client = createClient({ url });
  client.on('error', () => undefined);
  await client.connect();
  const keys = async (): Promise<string[]> => {
    const found: string[] = [];
    for await (const batch of client.scanIterator({ MATCH: `${prefix}*`, COUNT: 1_000 })) found.push(...batch);
    return found.toSorted();
  };
  return {
    client,
    keys,
    close: async () => {
      const left = await keys();
      if (left.length > 0) await client.unlink(left);
      await client.close();
    },
  };
}
