import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { silentLog } from '../../src/kernel/index.js';
import { Outbound } from '../../src/outbound/index.js';
import { allowedAddresses } from '../../src/config/index.js';

test('smoke', async () => {
  const server = createServer((_q, r) => r.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('{"a":1}')));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const closed = new Outbound({ allow: [], log: silentLog });
  for (const host of ['127.0.0.1', 'localhost', '0x7f.1', '[::1]', '[::ffff:127.0.0.1]', '2130706433', 'localhost.']) {
    const e = await closed.fetch({ url: `http://${host}:${port}/x?q=1`, maxBytes: 10, timeoutMs: 1000 }).catch((error: unknown) => error);
    expect(e).toMatchObject({ code: 'BAD_USER_INPUT' });
  }
  const open = new Outbound({ allow: allowedAddresses(`localhost:${port},127.0.0.0/8`) ?? [], log: silentLog });
  for (const host of ['127.0.0.1', 'localhost']) {
    const response = await open.fetch({ url: `http://${host}:${port}/x?q=1`, maxBytes: 10, timeoutMs: 1000 });
    expect(await response.json()).toEqual({ a: 1 });
  }
  const t = await closed.fetch({ url: `http://127.0.0.1:${port}/x?q=1`, maxBytes: 10, timeoutMs: 1000, trusted: true });
  expect(await t.text()).toBe('{"a":1}');
  await closed.close();
  await open.close();
  server.close();
});
