import { fileURLToPath } from 'node:url';
import { pipeline } from 'node:stream/promises';
import { asyncBufferFromFile, parquetMetadataAsync, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { from } from 'pg-copy-streams';
import type { MemoryResult } from './loads.ts';
import type { Options } from './options.ts';
import type { ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';
import { upload } from './upload.ts';

const PARQUETS = ['script', 'headgate'] as const;
type ParquetName = (typeof PARQUETS)[number];

export const parquetTitles: Readonly<Record<ParquetName, string>> = {
  script: 'hyparquet, and COPY of its rows as CSV',
  headgate: 'Headgate, replace',
};

export interface ParquetReport {
  readonly file: string;
  readonly rows: number;
  readonly results: readonly { readonly parquet: ParquetName; readonly rounds: readonly number[]; readonly seconds: number }[];
  readonly memory: readonly MemoryResult[];
}

const FILE = 'flights-3m.parquet';
const PATH = new URL(`../../node_modules/vega-datasets/data/${FILE}`, import.meta.url);
const COLUMNS = ['date', 'delay', 'distance', 'origin', 'destination'] as const;

/** Measures ways to land a public Parquet file of 3,000,000 rows in a typed table, in turns. */
export async function measureParquet(shop: Shop, headgate: ServerProcess, { loadRounds }: Options, say: (text: string) => void): Promise<ParquetReport> {
  const path = fileURLToPath(PATH);
  const rows = Number((await parquetMetadataAsync(await asyncBufferFromFile(path))).num_rows);
  const send = (to: ServerProcess) => upload(to.url, shop.adminToken, path, '/ingest/flights?mode=replace&force=true&format=parquet', { rows });
  const ways: Readonly<Record<ParquetName, () => Promise<void>>> = { script: () => copy(shop, path), headgate: () => send(headgate) };
  const rounds = new Map<ParquetName, number[]>(PARQUETS.map((name) => [name, []]));
  await shop.database.query('CREATE SCHEMA IF NOT EXISTS bench');
  // The first round warms up, and does not count.
  for (let round = 0; round <= loadRounds; round++) {
    for (const name of round % 2 === 0 ? PARQUETS : PARQUETS.toReversed()) {
      await shop.database.query('DROP TABLE IF EXISTS bench.flights');
      await shop.database.query(
        'CREATE TABLE bench.flights (date timestamptz, delay integer, distance integer, origin text COLLATE "C", destination text COLLATE "C")',
      );
      await shop.database.query('CHECKPOINT');
      const began = performance.now();
      await ways[name]();
      if (round > 0) rounds.get(name)?.push((performance.now() - began) / 1000);
      const table = name === 'script' ? 'bench.flights' : 'data.flights';
      const { rows: counted } = await shop.database.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
      if (Number(counted[0]?.count) !== rows) throw new Error(`${name} left ${counted[0]?.count} rows instead of ${rows}`);
    }
    say(round === 0 ? 'parquet: warmed up' : `parquet: round ${round} of ${loadRounds}`);
  }
  const results = PARQUETS.map((name) => ({ parquet: name, rounds: rounds.get(name) ?? [], seconds: median(rounds.get(name) ?? []) }));
  // A process of its own, since a peak stays for life.
  const own = await shop.serve('headgate');
  const readyRssBytes = await own.peakRssBytes();
  await send(own);
  const memory = [{ rows, bytes: (await asyncBufferFromFile(path)).byteLength, readyRssBytes, peakRssBytes: await own.peakRssBytes() }];
  await shop.dismiss(own);
  return { file: FILE, rows, results, memory };
}

/** As somebody writes it who knows both: a group of rows at a time, and no check of the rows but the types. */
async function copy({ database }: Shop, path: string): Promise<void> {
  const file = await asyncBufferFromFile(path);
  const metadata = await parquetMetadataAsync(file);
  async function* lines(): AsyncGenerator<string> {
    let rowStart = 0;
    for (const group of metadata.row_groups) {
      const rowEnd = rowStart + Number(group.num_rows);
      const rows = await parquetReadObjects({ file, metadata, compressors, rowStart, rowEnd });
      let text = '';
      for (const row of rows) {
        text += `${COLUMNS.map((name) => textOf(row[name])).join(',')}\n`;
        if (text.length < 1 << 18) continue;
        yield text;
        text = '';
      }
      yield text;
      rowStart = rowEnd;
    }
  }
  const client = await database.connect();
  try {
    await pipeline(lines, client.query(from(`COPY bench.flights (${COLUMNS.join(', ')}) FROM STDIN (FORMAT csv)`)));
  } finally {
    client.release();
  }
}

function textOf(value: unknown): string {
  if (value === null || value === undefined) return '';
  return value instanceof Date ? value.toISOString() : String(value);
}
