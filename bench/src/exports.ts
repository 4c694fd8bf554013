import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { to } from 'pg-copy-streams';
import { ORDER_COLUMNS, writeOrders } from './data.ts';
import { hasPsql, type MemoryResult } from './loads.ts';
import type { Options } from './options.ts';
import type { ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';
import { upload } from './upload.ts';

export const EXPORTS = ['copy', 'psql', 'csv', 'ndjson', 'json', 'parquet'] as const;
export type ExportName = (typeof EXPORTS)[number];

export const exportTitles: Readonly<Record<ExportName, string>> = {
  copy: 'COPY TO STDOUT by pg-copy-streams',
  psql: "psql's \\copy",
  csv: 'Headgate, CSV',
  ndjson: 'Headgate, NDJSON',
  json: 'Headgate, JSON',
  parquet: 'Headgate, Parquet',
};

export interface ExportResult {
  readonly export: ExportName;
  /** Of the file; unknown for psql. */
  readonly bytes: number;
  /** Seconds, a round each. */
  readonly rounds: readonly number[];
  readonly seconds: number;
}

export interface ExportReport {
  readonly rows: number;
  readonly results: readonly ExportResult[];
  readonly memory: readonly MemoryResult[];
}

/** The share of the rows whose export must not need less memory. */
const SMALL = 10;
const LINE_BREAK = 10;

/** Measures ways to get all rows of one table as a file, in turns. The file is read and thrown away. */
export async function measureExports(shop: Shop, headgate: ServerProcess, options: Options, say: (text: string) => void): Promise<ExportReport> {
  const { loadRows: rows, loadRounds } = options;
  await fill(shop, headgate, options);
  const ways: Partial<Record<ExportName, () => Promise<Taken>>> = {
    copy: () => copy(shop),
    ...((await hasPsql()) && { psql: () => psql(shop) }),
    csv: () => take(shop, headgate, 'csv'),
    ndjson: () => take(shop, headgate, 'ndjson'),
    json: () => take(shop, headgate, 'json'),
    parquet: () => take(shop, headgate, 'parquet'),
  };
  const names = EXPORTS.filter((name) => ways[name] !== undefined);
  const rounds = new Map<ExportName, number[]>(names.map((name) => [name, []]));
  const sizes = new Map<ExportName, number>();
  // The first round warms up, and does not count.
  for (let round = 0; round <= loadRounds; round++) {
    for (let turn = 0; turn < names.length; turn++) {
      const name = names[(round + turn) % names.length];
      const way = name && ways[name];
      if (name === undefined || !way) continue;
      const began = performance.now();
      const taken = await way();
      const seconds = (performance.now() - began) / 1000;
      const expected = { copy: rows + 1, csv: rows + 1, ndjson: rows, json: rows + 1, psql: undefined, parquet: undefined }[name];
      if (expected !== undefined && taken.lines !== expected) throw new Error(`${name} gave ${taken.lines} lines instead of ${expected}`);
      sizes.set(name, taken.bytes);
      if (round > 0) rounds.get(name)?.push(seconds);
    }
    say(round === 0 ? 'exports: warmed up' : `exports: round ${round} of ${loadRounds}`);
  }
  const results = names.map((name): ExportResult => {
    const each = rounds.get(name) ?? [];
    return { export: name, bytes: sizes.get(name) ?? 0, rounds: each, seconds: median(each) };
  });
  return { rows, results, memory: await measureMemory(shop, rows, say) };
}

async function measureMemory(shop: Shop, rows: number, say: (text: string) => void): Promise<MemoryResult[]> {
  const memory: MemoryResult[] = [];
  const small = Math.ceil(rows / SMALL);
  for (const [count, format] of [
    [small, 'csv'],
    [rows, 'csv'],
    [small, 'parquet'],
    [rows, 'parquet'],
  ] as const) {
    // A process of its own each, since a peak stays for life.
    const own = await shop.serve('headgate');
    const readyRssBytes = await own.peakRssBytes();
    const where = count === rows ? '' : `&where=${encodeURIComponent(JSON.stringify({ id: { lte: String(count) } }))}`;
    const { bytes } = await take(shop, own, format, where);
    memory.push({ rows: count, bytes, readyRssBytes, peakRssBytes: await own.peakRssBytes(), what: format });
    await shop.dismiss(own);
  }
  say('exports: memory measured');
  return memory;
}

async function fill(shop: Shop, headgate: ServerProcess, { loadRows: rows, customers }: Options): Promise<void> {
  const file = join(shop.folder, 'export.csv');
  await writeOrders(file, { rows, customers });
  await upload(headgate.url, shop.adminToken, file, '/ingest/orders_load?mode=replace&force=true', { rows });
  await shop.database.query('VACUUM (ANALYZE) data.orders_load');
  await shop.database.query('CHECKPOINT');
}

/** Line breaks are counted in all of them, so that each pays for it. */
interface Taken {
  readonly bytes: number;
  readonly lines: number;
}

async function drain(chunks: AsyncIterable<Uint8Array>): Promise<Taken> {
  let bytes = 0;
  let lines = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    for (let at = chunk.indexOf(LINE_BREAK); at >= 0; at = chunk.indexOf(LINE_BREAK, at + 1)) lines++;
  }
  return { bytes, lines };
}

const STATEMENT = `COPY (SELECT ${ORDER_COLUMNS.join(', ')} FROM data.orders_load) TO STDOUT (FORMAT csv, HEADER)`;

async function copy({ database }: Shop): Promise<Taken> {
  const client = await database.connect();
  try {
    return await drain(client.query(to(STATEMENT)));
  } finally {
    client.release();
  }
}

async function take({ exporterToken }: Shop, { url }: ServerProcess, format: string, where = ''): Promise<Taken> {
  const asking = request(new URL(`/export/orders_load?format=${format}${where}`, url), { headers: { authorization: `Bearer ${exporterToken}` } });
  asking.end();
  const [response] = (await once(asking, 'response')) as [IncomingMessage];
  if (response.statusCode !== 200) throw new Error(`The export was refused with ${response.statusCode}`);
  return await drain(response);
}

async function psql({ databaseUrl }: Shop): Promise<Taken> {
  const child = spawn('psql', ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', STATEMENT, databaseUrl], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`psql ended with ${code}`);
  return { bytes: 0, lines: 0 };
}
