import { expect, test, vi } from 'vitest';
import { RawSocket } from '../support/live.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: pages
fields: [{ name: id, type: bigint }, { name: text, type: text }]
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [pages] }
fields: { '*': allow }
`;

test('a client that does not read is cut off, and so is one that is gone without a word', { timeout: 120_000 }, async () => {
  const served = await Served.start();
  const gauge = async (name: string) => Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(await (await fetch(`${served.url}/metrics`)).text())?.[1]);
  try {
    const admin = await served.token('ada', ['admin']);
    await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
    const [stuck, gone] = [new RawSocket(served.url), new RawSocket(served.url)];
    for (const socket of [stuck, gone]) {
      await socket.send({ type: 'connection_init', payload: { authorization: `Bearer ${await served.token('ron', ['reader'])}` } });
      await socket.message('connection_ack');
    }
    await stuck.send({ id: '1', type: 'subscribe', payload: { query: 'subscription { pagesChanged { nodes { id text } } }' } });
    await vi.waitFor(async () => expect(await gauge('headgate_subscriptions')).toBe(1), { interval: 10 });
    stuck.pause();
    gone.pause();
    const text = 'x'.repeat(1_000_000);
    const { status } = await served.upload(admin, 'pages', `id,text\n${Array.from({ length: 20 }, (_, i) => `${i},${text}`).join('\n')}\n`);
    expect(status).toBe(200);
    await vi.waitFor(async () => expect([await gauge('headgate_subscriptions'), await gauge('headgate_websocket_connections')]).toEqual([0, 0]), {
      interval: 250,
      timeout: 60_000,
    });
  } finally {
    await served.close();
  }
});
