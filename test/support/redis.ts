import { createClient } from '@redis/client';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';

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

/** The keys that begin so, taken away. */
export async function deleteKeys(url: string, prefix: string): Promise<readonly string[]> {
  const client = createClient({ url });
  await client.connect();
  try {
    const keys = await client.keys(`${prefix}*`);
    if (keys.length > 0) await client.del(keys);
    return keys;
  } finally {
    client.destroy();
  }
}

/** A way to Redis that can fall silent, or be cut. */
export async function relayTo(target: string): Promise<{ readonly url: string; silence(): void; close(): void }> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  const server = createServer((client) => {
    const redis = connect(Number(port || 6379), hostname);
    for (const socket of [client, redis]) {
      socket.on('error', () => undefined);
      sockets.add(socket);
    }
    client.pipe(redis).pipe(client);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `redis://127.0.0.1:${(server.address() as AddressInfo).port}`,
    silence: () => sockets.forEach((socket) => socket.unpipe().pause()),
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
