import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { once } from 'node:events';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { from } from 'pg-copy-streams';
import { badRowsOf, ORDER_COLUMNS, writeOrders } from './data.ts';
import type { Options } from './options.ts';
import type { ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';
import { upload } from './upload.ts';

export const LOADS = ['copy', 'psql', 'replace', 'replace-bad', 'append'] as const;
export type LoadName = (typeof LOADS)[number];

export const loadTitles: Readonly<Record<LoadName, string>> = {
  copy: 'COPY FROM STDIN by pg-copy-streams',
  psql: "psql's \\copy",
  replace: 'Headgate, replace',
  'replace-bad': 'Headgate, replace, 0.1% bad rows',
  append: 'Headgate, append to an empty dataset',
};

export interface LoadResult {
  readonly load: LoadName;
  /** Seconds, a round each. */
  readonly rounds: readonly number[];
  readonly seconds: number;
}

/** The most memory that Headgate's process held, in bytes: when it was ready, and after a load of so many rows. */
export interface MemoryResult {
  /** The kind of file, where there are several. */
  readonly what?: string;
  readonly rows: number;
  readonly bytes: number;
  readonly readyRssBytes: number;
  readonly peakRssBytes: number;
}

export interface LoadReport {
  readonly rows: number;
  readonly bytes: number;
  readonly results: readonly LoadResult[];
  readonly memory: readonly MemoryResult[];
}

/** The share of the rows whose load must not need less memory. */
const SMALL = 10;

/** Measures ways to land one CSV file in a typed table with a primary key, in turns. */
export async function measureLoads(shop: Shop, headgate: ServerProcess, options: Options, say: (text: string) => void): Promise<LoadReport> {
  const { loadRows: rows, loadRounds } = options;
  const bad = badRowsOf(rows);
  const file = (name: string) => join(shop.folder, `${name}.csv`);
  const shape = { rows, customers: options.customers };
  await writeOrders(file('clean'), shape);
  await writeOrders(file('bad'), { ...shape, bad: true });
  await writeOrders(file('small'), { ...shape, rows: Math.ceil(rows / SMALL) });
  const { size } = await stat(file('clean'));

  const ways: Partial<Record<LoadName, () => Promise<unknown>>> = {
    copy: () => copy(shop, file('clean')),
    ...((await hasPsql()) && { psql: () => psql(shop, file('clean')) }),
    replace: () => ingest('replace', 'clean', { rows }),
    'replace-bad': () => ingest('replace', 'bad', { rows, bad }),
    append: () => ingest('append', 'clean', { rows }),
  };
  const names = LOADS.filter((name) => ways[name] !== undefined);
  const rounds = new Map<LoadName, number[]>(names.map((name) => [name, []]));
  // The first round warms up, and does not count.
  for (let round = 0; round <= loadRounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      if (name === undefined) continue;
      await prepare(shop, name);
      const began = performance.now();
      await ways[name]?.();
      const seconds = (performance.now() - began) / 1000;
      await checkRows(shop, name, name === 'replace-bad' ? rows - bad : rows);
      if (round > 0) rounds.get(name)?.push(seconds);
    }
    say(round === 0 ? 'loads: warmed up' : `loads: round ${round} of ${loadRounds}`);
  }
  const results = names.map((load): LoadResult => {
    const each = rounds.get(load) ?? [];
    return { load, rounds: each, seconds: median(each) };
  });

  const memory: MemoryResult[] = [];
  for (const [name, count] of [
    ['small', Math.ceil(rows / SMALL)],
    ['clean', rows],
  ] as const) {
    // A process of its own each, since a peak stays for life.
    const own = await shop.serve('headgate');
    const readyRssBytes = await own.peakRssBytes();
    await upload(own.url, shop.adminToken, file(name), '/ingest/orders_load?mode=replace&force=true', { rows: count });
    memory.push({ rows: count, bytes: (await stat(file(name))).size, readyRssBytes, peakRssBytes: await own.peakRssBytes() });
    await shop.dismiss(own);
  }
  say('loads: memory measured');
  return { rows, bytes: size, results, memory };

  async function ingest(mode: string, name: string, expected: { rows: number; bad?: number }): Promise<void> {
    await upload(headgate.url, shop.adminToken, file(name), `/ingest/orders_load?mode=${mode}&force=true`, expected);
  }
}

/** Each way finds what it needs, and a server that has nothing left to write of the way before. */
async function prepare({ database }: Shop, name: LoadName): Promise<void> {
  await database.query('CREATE SCHEMA IF NOT EXISTS bench');
  await database.query('DROP TABLE IF EXISTS bench.orders_load');
  if (name === 'copy' || name === 'psql') {
    await database.query(`CREATE TABLE bench.orders_load (
      id bigint PRIMARY KEY, customer_id bigint NOT NULL, status text COLLATE "C", amount numeric, quantity integer,
      ship_date date, placed_at timestamptz, note text COLLATE "C")`);
  } else if (name === 'append') await database.query('TRUNCATE data.orders_load');
  await database.query('CHECKPOINT');
}

async function checkRows({ database }: Shop, name: LoadName, expected: number): Promise<void> {
  const schema = name === 'copy' || name === 'psql' ? 'bench' : 'data';
  const { rows } = await database.query<{ count: string }>(`SELECT count(*) FROM ${schema}.orders_load`);
  if (Number(rows[0]?.count) !== expected) throw new Error(`${name} left ${rows[0]?.count} rows instead of ${expected}`);
}

async function copy({ database }: Shop, file: string): Promise<void> {
  const client = await database.connect();
  try {
    const into = client.query(from(`COPY bench.orders_load (${ORDER_COLUMNS.join(', ')}) FROM STDIN (FORMAT csv, HEADER)`));
    await pipeline(createReadStream(file, { highWaterMark: 1 << 18 }), into);
  } finally {
    client.release();
  }
}

export async function hasPsql(): Promise<boolean> {
  const tried = spawn('psql', ['--version'], { stdio: 'ignore' });
  return new Promise((resolve) => {
    tried.on('error', () => resolve(false)).on('exit', (code) => resolve(code === 0));
  });
}

async function psql({ databaseUrl }: Shop, file: string): Promise<void> {
  const command = `\\copy bench.orders_load (${ORDER_COLUMNS.join(', ')}) FROM '${file}' WITH (FORMAT csv, HEADER)`;
  const child = spawn('psql', ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', command, databaseUrl], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${code}`);
}
