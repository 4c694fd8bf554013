import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { headgateIdentity, headgateStore } from './headgate.ts';
import { ServerProcess } from './server-process.ts';

/**
 * What idle subscriptions hold: so many connections, each of a principal of its own, each with one subscription. And how
 * long a load takes to reach them all. Prints the memory of the process before and after, and what came in between.
 */
const COUNT = Number(process.env['BENCH_SUBSCRIPTIONS'] ?? 1000);
const AT_ONCE = 50;
const MOST_BYTES = 50 * 1024 ** 2;
const MANIFEST = `
kind: Dataset
name: events
fields:
  - { name: id, type: bigint }
  - { name: kind, type: text }
  - { name: email, type: text }
key: [id]
---
kind: Grant
name: listeners
to: { roles: [listener] }
on: { datasets: [events] }
fields: { '*': allow, email: { mask: hash } }
`;
const QUERY = 'subscription { eventsChanged { dataVersion totalCount nodes { id kind email } } }';

process.env['BENCH_HEADGATE_NODE_OPTIONS'] ??= '--expose-gc';
const home = await mkdtemp(join(tmpdir(), 'headgate-bench-'));
const { KeyRing } = await headgateStore();
const { createToken } = await headgateIdentity();
const keyRing = await KeyRing.open(home);
const server = await ServerProcess.start('headgate', { HEADGATE_HOME: home, PORT: '0', LOG_LEVEL: 'fatal' });
try {
  await ask(await token('admin', 'admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFEST });
  // So that what is made once is there before it is measured.
  const first = await open(AT_ONCE);
  await loaded(first, 1);
  first.forEach(({ socket }) => socket.close());
  await settled(0);
  const before = await server.memory();

  const began = performance.now();
  const listeners = await open(COUNT);
  const opened = performance.now();
  await settled(COUNT);
  const idle = await server.memory();
  const told = await loaded(listeners, 2);
  await settled(COUNT);
  const after = await server.memory();
  listeners.forEach(({ socket }) => socket.close());

  const row = (what: string, { rssBytes, heapBytes }: typeof before) =>
    console.log(`${what.padEnd(34)} ${mib(rssBytes - before.rssBytes)} MiB of memory, ${mib(heapBytes - before.heapBytes)} MiB of heap and buffers`);
  console.log(`${COUNT} subscriptions on ${COUNT} connections, of as many principals, opened in ${((opened - began) / 1000).toFixed(1)} s`);
  console.log(`${'before'.padEnd(34)} ${mib(before.rssBytes)} MiB of memory, ${mib(before.heapBytes)} MiB of heap and buffers`);
  row('more when all are idle', idle);
  row('more after one event to each', after);
  console.log(`a load of one row was with all of them ${told.toFixed(0)} ms after it was sent`);
  const met = idle.rssBytes - before.rssBytes <= MOST_BYTES;
  console.log(`at most ${mib(MOST_BYTES)} MiB for 1000: ${COUNT === 1000 ? (met ? 'met' : 'NOT met') : 'not asked'}`);
} finally {
  await server.stop();
  await rm(home, { recursive: true, force: true });
}

interface Heard {
  readonly socket: WebSocket;
  events: number;
}

async function token(subject: string, role: string): Promise<string> {
  return (await createToken(keyRing, { subject, roles: [role], ttlSeconds: 3600 })).token;
}

async function open(count: number): Promise<Heard[]> {
  const all: Heard[] = [];
  while (all.length < count) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - all.length) }, async (_, i) => listen(await token(`listener ${all.length + i}`, 'listener')));
    all.push(...(await Promise.all(some)));
  }
  return all;
}

async function listen(authorization: string): Promise<Heard> {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
  const heard: Heard = { socket, events: 0 };
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  socket.addEventListener('open', () => socket.send(JSON.stringify({ type: 'connection_init', payload: { authorization: `Bearer ${authorization}` } })));
  socket.addEventListener('close', ({ code, reason }) => reject(new Error(`closed with ${code}: ${reason}`)));
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as { type: string };
    if (message.type === 'connection_ack') {
      socket.send(JSON.stringify({ id: '1', type: 'subscribe', payload: { query: QUERY } }));
      resolve();
    }
    if (message.type === 'next') heard.events += 1;
    if (message.type === 'error') reject(new Error(String(data)));
  });
  await promise;
  return heard;
}

/** Resolves when so many are open, and what was under way for it has ended. */
async function settled(count: number): Promise<void> {
  for (;;) {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    if (text.includes(`\nheadgate_subscriptions ${count}\n`)) break;
    await delay(50);
  }
  await delay(3_000);
}

/** Loads a row; milliseconds until all have heard of it. */
async function loaded(listeners: readonly Heard[], id: number): Promise<number> {
  const before = listeners.map(({ events }) => events);
  await settled(listeners.length);
  const admin = await token('admin', 'admin');
  const began = performance.now();
  const response = await fetch(`${server.url}/ingest/events`, {
    method: 'POST',
    headers: { 'content-type': 'text/csv', authorization: `Bearer ${admin}` },
    body: `id,kind,email\n${id},made,someone@example.com\n`,
  });
  if (!response.ok) throw new Error(await response.text());
  while (!listeners.every(({ events }, i) => events > (before[i] ?? 0))) {
    if (performance.now() - began > 60_000) throw new Error('not all heard of it within a minute');
    await delay(5);
  }
  return performance.now() - began;
}

async function ask(who: string, query: string, variables: Record<string, unknown>): Promise<void> {
  const response = await fetch(`${server.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${who}` },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  if (text.includes('"errors"')) throw new Error(text);
}

function mib(bytes: number): string {
  return (bytes / 1024 ** 2).toFixed(1);
}
