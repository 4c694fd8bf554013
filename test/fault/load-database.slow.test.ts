import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase } from '../support/database.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';
import { StatementRelay } from './statement-relay.js';

let it: Awaited<ReturnType<typeof openService>>;
let relay: StatementRelay;
const closers: (() => unknown)[] = [];

const ORDERS = {
  name: 'orders',
  key: ['id'],
  fields: [
    { name: 'id', type: 'bigint' as const },
    { name: 'note', type: 'text' as const },
  ],
};

beforeAll(async () => {
  const created = await createTestDatabase();
  const temporary = await temporaryHome();
  relay = await StatementRelay.to(created.connection);
  it = await openService(relay.connection, temporary.home);
  closers.push(it.close, () => relay.close(), created.drop, temporary.remove);
  await it.declare(ORDERS);
});

afterEach(() => {
  relay.judge = () => 'pass';
});

afterAll(async () => {
  for (const close of closers) await close();
});

const load = (content: string, more: object = {}) =>
  it.ingestion.loadNow({ dataset: 'orders', source: { content }, format: 'csv', mode: 'append', ...more }, ENGINEER);

/** What becomes of the statement of the next load that `text` is part of. */
function befall(text: string, verdict: 'hold' | 'cut-after'): void {
  let loading: number | undefined;
  let isDone = false;
  relay.judge = (statement, connection) => {
    if (statement.includes('FROM headgate.dataset WHERE id = $1 FOR UPDATE')) loading ??= connection;
    if (connection !== loading || isDone || !statement.startsWith(text)) return 'pass';
    isDone = true;
    return verdict;
  };
}

test('a load whose COMMIT is done and not acknowledged is told as what it is: stored, once, with one entry', async () => {
  befall('COMMIT', 'cut-after');
  const stored = await load('id,note\n1,a\n2,b\n', { idempotencyKey: 'first' });
  expect(stored).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '2' });
  const again = await load('id,note\n1,a\n2,b\n', { idempotencyKey: 'first' });
  expect(again.id).toBe(stored.id);
  expect(await it.database.query('SELECT count(*)::int AS n FROM data.orders')).toEqual([{ n: 2 }]);
  expect((await it.entries()).filter(({ details }) => details['run'] === stored.id).map(({ decision }) => decision)).toEqual(['ALLOWED']);
});

test('a load that is cut off before its COMMIT is told as not stored, and can be sent again', async () => {
  befall('INSERT INTO headgate.ledger_entry', 'cut-after');
  await expect(load('id,note\n3,c\n', { idempotencyKey: 'second' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  expect(await it.database.query('SELECT count(*)::int AS n FROM data.orders WHERE id = 3')).toEqual([{ n: 0 }]);
  expect(await load('id,note\n3,c\n', { idempotencyKey: 'second' })).toMatchObject({ status: 'SUCCEEDED', rowsLoaded: '1' });
});
