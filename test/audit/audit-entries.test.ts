import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditCursor, countAuditEntries, listAuditEntries, type AuditFilter } from '../../src/audit/index.js';
import { aRead, AuditWorld } from './support.js';

let world: AuditWorld;

beforeAll(async () => {
  world = await AuditWorld.open();
  await Promise.all(Array.from({ length: 20 }, (_, i) => world.audit.record(aRead(i))));
  await world.audit.record(
    aRead(99, { action: 'ingest', dataset: 'orders', decision: 'DENIED', fields: [], masked: ['card'], actor: { subject: 'bob', roles: [] } }),
  );
});
afterAll(async () => await world?.close());

const list = async (options: Parameters<typeof listAuditEntries>[1]) => await listAuditEntries(world.database.dataSource, options);

test('pages, newest first, hold each entry once, also those of one millisecond', async () => {
  const seen: string[] = [];
  let after: string | undefined;
  for (let more = true; more;) {
    const { entries, hasNextPage } = await list({ first: 4, ...(after && { after }) });
    seen.push(...entries.map((entry) => entry.id));
    const last = entries.at(-1);
    if (last) after = auditCursor(last);
    more = hasNextPage;
  }
  const all = await world.database.query<{ id: string }>('SELECT id FROM headgate.audit_record ORDER BY at DESC, id DESC');
  expect(seen).toEqual(all.map((row) => row.id));
});

test.each<[AuditFilter, number]>([
  [{}, 21],
  [{ principal: 'bob' }, 1],
  [{ principal: 'reader-3' }, 1],
  [{ action: 'ingest' }, 1],
  [{ dataset: 'passengers' }, 20],
  [{ decision: 'DENIED' }, 1],
  [{ purpose: 'analytics' }, 20],
  [{ purpose: "' OR true --" }, 0],
  [{ field: 'email' }, 20],
  [{ field: 'country' }, 20],
  [{ field: 'card' }, 1],
  [{ from: new Date(Date.now() + 60_000) }, 0],
  [{ to: new Date(0) }, 0],
  [{ from: new Date(0), to: new Date(Date.now() + 60_000), dataset: 'orders', decision: 'DENIED' }, 1],
])('the filter %o lets %i through', async (where, expected) => {
  expect((await list({ first: 100, where })).entries).toHaveLength(expected);
  expect(await countAuditEntries(world.database.dataSource, where)).toBe(expected);
});

test('a cursor that is none, and a wrong page size, are BAD_USER_INPUT', async () => {
  for (const after of ['', 'x', Buffer.from("1/' OR true").toString('base64url'), Buffer.from('99999999999999999/x').toString('base64url')]) {
    await expect(list({ first: 1, after })).rejects.toMatchObject({ code: 'BAD_USER_INPUT', details: { path: 'after' } });
  }
  for (const first of [-1, 1.5, Number.NaN]) await expect(list({ first })).rejects.toMatchObject({ code: 'BAD_USER_INPUT' });
  expect(await list({ first: 0 })).toMatchObject({ entries: [], hasNextPage: true });
});
