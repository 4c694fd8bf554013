import { once } from 'node:events';
import { from } from 'pg-copy-streams';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { tellRows } from '../../src/ingestion/copy-progress.js';
import { mayHold } from '../../src/ingestion/index.js';
import type { LoadProgress } from '../../src/ingestion/index.js';
import { Database } from '../../src/store/index.js';
import { createTestDatabase } from '../support/database.js';

let database: Database;
let drop: () => Promise<void>;

beforeAll(async () => {
  const created = await createTestDatabase();
  drop = created.drop;
  database = await Database.open({ connection: created.connection, entities: [], statementTimeoutMs: 10_000 });
});
afterAll(async () => {
  await database?.close();
  await drop?.();
});

test('the rows that a COPY has taken are told while it goes on, beside the bytes', async () => {
  await database.transaction(async (tx) => {
    await tx.query('CREATE TEMP TABLE t (n int) ON COMMIT DROP');
    const told: LoadProgress[] = [];
    const { onProgress, stop } = await tellRows(database, tx, (progress) => void told.push(progress));
    onProgress({ phase: 'load', bytesRead: 5, bytesTotal: 10 });
    const copy = tx.client.query(from('COPY t FROM STDIN'));
    copy.write(Array.from({ length: 1_000 }, (_, i) => `${i}\n`).join(''));
    await vi.waitFor(() => expect(told.at(-1)).toEqual({ phase: 'load', bytesRead: 5, bytesTotal: 10, rowsRead: 1_000 }), 5_000);
    onProgress({ phase: 'load', bytesRead: 9, bytesTotal: 10 });
    expect(told.at(-1)).toMatchObject({ bytesRead: 9, rowsRead: 1_000 });
    copy.end();
    await once(copy, 'finish');
    stop();
  });
});

test('a content in which a person may be is found in whichever way their key is written, and others are left', () => {
  for (const content of ['id\n13\n', 'id\n"0013"\n', '{"id": 13}', '{"id":"13"}', 'id;n\n +13;x\n', 'id\n13.0\n'])
    expect(mayHold(content, '13', 'bigint'), content).toBe(true);
  for (const content of ['id\n130\n', 'id\n213\n', 'id\n1 4\n']) expect(mayHold(content, '13', 'bigint'), content).toBe(false);
  for (const content of ['name\n"o""hara"\n', '{"name":"o\\"hara"}', '{"name":"\\u006f\\"hara"}', 'name\nO"HARA\n'])
    expect(mayHold(content, 'o"hara', 'text'), content).toBe(true);
  expect(mayHold('name\nobrien\n', 'o"hara', 'text')).toBe(false);
  for (const [subject, type] of [
    ['(smith', 'bigint'],
    ['.', 'integer'],
    ['a', 'uuid'],
  ] as const)
    expect(mayHold('id\n13\nabc\n', subject, type), subject).toBe(false);
  const id = '01a2055e-45e7-7f5f-b56c-360e25be34a3';
  for (const content of [`id\n${id}\n`, `id\n{${id.toUpperCase()}}\n`, `id\n${id.replaceAll('-', '')}\n`])
    expect(mayHold(content, id, 'uuid'), content).toBe(true);
});
