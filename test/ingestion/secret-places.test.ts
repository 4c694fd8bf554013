import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pino } from 'pino';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { WebFolder } from '../../src/ingestion/collectors/files/web-folder.js';
import { Outbound } from '../../src/outbound/index.js';

let server: Server;
let outbound: Outbound;
let folder: WebFolder;

beforeAll(async () => {
  server = createServer((_, response) => response.writeHead(403).end());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  outbound = new Outbound({ allow: [], log: pino({ level: 'silent' }) });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/hunter2canary/`;
  folder = new WebFolder({ outbound, url, trusted: true, timeoutMs: 5_000, maxBytes: 1_000 });
});

afterAll(async () => {
  await outbound?.close();
  server?.close();
});

test('of a folder whose URL is a secret as a whole not even the path is told when it refuses', async () => {
  const { signal } = new AbortController();
  const failures = [
    async () => folder.list('', signal),
    async () => {
      for await (const source of folder.open({ name: 'a.csv', fingerprint: '' }, signal)) source.stream.destroy();
    },
  ];
  for (const fail of failures) {
    const error = await fail().then(
      () => undefined,
      (thrown: unknown) => thrown as Error & { readonly details: object },
    );
    expect(error).toMatchObject({ code: 'BAD_USER_INPUT' });
    expect(JSON.stringify([error?.message, error?.details])).not.toContain('hunter2canary');
  }
});
