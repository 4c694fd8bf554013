import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Overload } from '../../src/http/overload.js';
import { until } from '../support/processes.js';
import { Served } from '../support/served.js';

const MANIFESTS = `
kind: Dataset
name: notes
fields:
  - { name: id, type: bigint }
  - { name: body, type: text }
key: [id]
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [notes] }
fields: { '*': allow }
`;

/** Reads all rows, and takes PostgreSQL some time with each. */
const SLOW = `{ notes(where: { or: [${'pqrstuvwxyz'
  .split('')
  .map((letter) => `{ body: { matches: "a[^${letter}]+${letter}{3}$" } }`)
  .join(' ')}] }) { totalCount } }`;
const ROWS = 1_000;
const IN_FLIGHT = 120;
const LOADED_MS = 4_000;

interface Told {
  readonly status: number;
  readonly code: unknown;
  readonly retryAfter: string | null;
  readonly ms: number;
}

describe('a process that gets more to do than it can', () => {
  let served: Served;
  let reader: string;

  beforeAll(async () => {
    served = await Served.start({ HEADGATE_MAX_WAITING_READS: '10', HEADGATE_MAX_CONCURRENT_READS: '0', HEADGATE_RATE_LIMIT: '0' });
    const admin = await served.token('ada', ['admin']);
    reader = await served.token('ron', ['reader']);
    await served.ask(admin, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: MANIFESTS });
    await served.upload(admin, 'notes', `id,body\n${Array.from({ length: ROWS }, (_, i) => `${i},${'abc '.repeat(100)}\n`).join('')}`);
  });
  afterAll(() => served.close());

  async function ask(): Promise<Told> {
    const began = performance.now();
    const response = await fetch(`${served.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${reader}` },
      body: JSON.stringify({ query: SLOW }),
      signal: AbortSignal.timeout(20_000),
    });
    const { errors } = (await response.json()) as { errors?: { extensions: { code: string } }[] };
    return { status: response.status, code: errors?.[0]?.extensions.code, retryAfter: response.headers.get('retry-after'), ms: performance.now() - began };
  }

  test('answers what it can in bounded time, refuses the rest at once, and is itself again as soon as it is left alone', async () => {
    const alone = await ask();
    expect(alone).toMatchObject({ status: 200, code: undefined });
    const end = performance.now() + LOADED_MS;
    const all: Told[] = [];
    const client = async (): Promise<void> => {
      while (performance.now() < end) all.push(await ask());
    };
    const probes: number[] = [];
    const probing = (async () => {
      while (performance.now() < end) {
        for (const path of ['/healthz', '/readyz', '/metrics']) probes.push((await fetch(served.url + path)).status);
      }
    })();
    await Promise.all([...Array.from({ length: IN_FLIGHT }, client), probing]);

    expect(new Set(probes)).toEqual(new Set([200]));
    expect(new Set(all.map(({ status }) => status))).toEqual(new Set([200, 503]));
    const answered = all.filter(({ code }) => code === undefined);
    const refused = all.filter(({ code }) => code !== undefined);
    expect(answered.length).toBeGreaterThan(0);
    expect(new Set(refused.map(({ code, retryAfter }) => `${String(code)} ${retryAfter}`))).toEqual(new Set(['UNAVAILABLE 1']));
    // Twenty sessions and ten that wait; a queue of all would take four times as long.
    const slowest = Math.max(...answered.map(({ ms }) => ms));
    expect(slowest).toBeLessThan(10_000);

    const after = await ask();
    expect(after).toMatchObject({ status: 200, code: undefined });
    await until('it is on the record', async () => (await served.sql("SELECT 1 FROM headgate.audit_record WHERE details->>'reason' = 'overload'")).length > 0);
    expect(await (await fetch(`${served.url}/metrics`)).text()).toMatch(/headgate_refused_total\{reason="overload"\} [1-9]/);
  });
});

describe('the event loop', () => {
  const turn = async (ms: number): Promise<void> => {
    const end = performance.now() + ms;
    while (performance.now() < end);
    await new Promise((resolve) => setImmediate(resolve));
  };

  test('that is behind all the time is load; one long turn is not', async () => {
    const overload = new Overload({ maxLoopDelayMs: 150, isDatabaseBusy: () => false });
    try {
      await turn(1_000);
      for (let i = 0; i < 300 && !overload.isOver; i++) await turn(1);
      expect(overload.isOver).toBe(false);
      for (let i = 0; i < 100 && !overload.isOver; i++) await turn(400);
      expect(overload.isOver).toBe(true);
      await until('it is over', () => !overload.isOver, 3_000);
    } finally {
      overload.close();
    }
  });

  test('0 is no bound, and a busy database is load all the same', async () => {
    let busy = false;
    const overload = new Overload({ maxLoopDelayMs: 0, isDatabaseBusy: () => busy });
    try {
      for (let i = 0; i < 5; i++) await turn(200);
      expect(overload.isOver).toBe(false);
      busy = true;
      expect(overload.isOver).toBe(true);
    } finally {
      overload.close();
    }
  });
});
