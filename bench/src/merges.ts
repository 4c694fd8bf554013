import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { from } from 'pg-copy-streams';
import { NEW_SHARE, ORDER_COLUMNS, writeChanges, writeOrders } from './data.ts';
import type { Options } from './options.ts';
import type { ServerProcess } from './server-process.ts';
import type { Shop } from './shop.ts';
import { median } from './statistics.ts';
import { upload } from './upload.ts';

const MERGES = ['script', 'headgate'] as const;
type MergeName = (typeof MERGES)[number];

export const mergeTitles: Readonly<Record<MergeName, string>> = {
  script: 'COPY into a temporary table, then INSERT ... ON CONFLICT DO UPDATE',
  headgate: 'Headgate, merge',
};

export interface MergeReport {
  readonly rows: number;
  readonly base: number;
  readonly results: readonly { readonly merge: MergeName; readonly rounds: readonly number[]; readonly seconds: number }[];
}

/** Measures ways to bring changed and new rows into a large table with a primary key, in turns. */
export async function measureMerges(shop: Shop, headgate: ServerProcess, options: Options, say: (text: string) => void): Promise<MergeReport> {
  const { mergeRows: rows, mergeBase: base, loadRounds, customers } = options;
  const file = (name: string) => join(shop.folder, `${name}.csv`);
  await writeOrders(file('base'), { rows: base, customers });
  await upload(headgate.url, shop.adminToken, file('base'), '/ingest/orders_load?mode=replace&force=true', { rows: base });
  const columns = ORDER_COLUMNS.join(', ');
  await shop.database.query('CREATE SCHEMA IF NOT EXISTS bench');
  await shop.database.query(`CREATE TABLE bench.orders_merge AS SELECT ${columns} FROM data.orders_load`);
  await shop.database.query('ALTER TABLE bench.orders_merge ADD PRIMARY KEY (id)');
  say(`merges: ${base} rows are there`);
  // Two files with other values for the same keys, so that each merge changes all of them.
  for (const turn of [0, 1]) await writeChanges(file(`changes-${turn}`), { rows, base, customers, turn });

  const ways: Readonly<Record<MergeName, (name: string) => Promise<void>>> = {
    script: (name) => merge(shop, file(name)),
    headgate: (name) => upload(headgate.url, shop.adminToken, file(name), '/ingest/orders_load?mode=merge&force=true', { rows }),
  };
  const rounds = new Map<MergeName, number[]>(MERGES.map((name) => [name, []]));
  // The first round warms up, and does not count.
  for (let round = 0; round <= loadRounds; round++) {
    for (const name of round % 2 === 0 ? MERGES : MERGES.toReversed()) {
      const table = name === 'script' ? 'bench.orders_merge' : 'data.orders_load';
      await shop.database.query(`DELETE FROM ${table} WHERE id > $1`, [base]);
      await shop.database.query(`VACUUM ANALYZE ${table}`);
      await shop.database.query('CHECKPOINT');
      const began = performance.now();
      await ways[name](`changes-${round % 2}`);
      if (round > 0) rounds.get(name)?.push((performance.now() - began) / 1000);
      const { rows: counted } = await shop.database.query<{ count: string }>(`SELECT count(*) FROM ${table}`);
      const expected = base + Math.floor(rows * NEW_SHARE);
      if (Number(counted[0]?.count) !== expected) throw new Error(`${name} left ${counted[0]?.count} rows instead of ${expected}`);
    }
    say(round === 0 ? 'merges: warmed up' : `merges: round ${round} of ${loadRounds}`);
  }
  const results = MERGES.map((name) => ({ merge: name, rounds: rounds.get(name) ?? [], seconds: median(rounds.get(name) ?? []) }));
  return { rows, base, results };
}

/** As somebody writes it who knows PostgreSQL: one transaction, set-based, and no check of the rows but the types. */
async function merge({ database }: Shop, file: string): Promise<void> {
  const columns = ORDER_COLUMNS.join(', ');
  const changes = ORDER_COLUMNS.filter((name) => name !== 'id').map((name) => `${name} = excluded.${name}`);
  const client = await database.connect();
  try {
    await client.query('BEGIN');
    await client.query('CREATE TEMP TABLE change (LIKE bench.orders_merge) ON COMMIT DROP');
    const into = client.query(from(`COPY change (${columns}) FROM STDIN (FORMAT csv, HEADER)`));
    await pipeline(createReadStream(file, { highWaterMark: 1 << 18 }), into);
    await client.query(`INSERT INTO bench.orders_merge (${columns}) SELECT ${columns} FROM change ON CONFLICT (id) DO UPDATE SET ${changes.join(', ')}`);
    await client.query('COMMIT');
  } finally {
    client.release();
  }
}
