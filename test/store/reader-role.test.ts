import { createServer, connect, type Server } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Database } from '../../src/store/index.js';
import { ReaderPool } from '../../src/store/reader-pool.js';
import { createTestDatabase } from '../support/database.js';

let created: Awaited<ReturnType<typeof createTestDatabase>>;
let pooler: Server;

/** A pooler that is told to ignore what it does not know: it blanks the startup parameter `options`. */
beforeAll(async () => {
  created = await createTestDatabase();
  await (await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 1_000 })).close();
  const { host, port } = created.connection;
  pooler = createServer((client) => {
    const server = connect(`${host}/.s.PGSQL.${port}`);
    client.once('data', (startup) => {
      server.write(Buffer.from(startup.toString('latin1').replace('role=headgate_reader', 'jit=off'.padEnd(20, ' ')), 'latin1'));
      client.pipe(server);
    });
    server.pipe(client);
    for (const socket of [client, server]) socket.on('error', () => undefined);
  });
  pooler.listen(0, '127.0.0.1');
  await once(pooler, 'listening');
});

afterAll(async () => {
  pooler.close();
  await created.drop();
});

test('a session that lost its role on the way reads nothing', async () => {
  const { port } = pooler.address() as AddressInfo;
  const pool = new ReaderPool({ ...created.connection, host: '127.0.0.1', port }, { statementTimeoutMs: 1_000, size: 1 });
  await expect(pool.query({ text: 'SELECT 1', values: [] })).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    message: expect.stringContaining('headgate_reader'),
  });
  await pool.close();
});
