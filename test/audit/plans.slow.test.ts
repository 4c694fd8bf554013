import { afterAll, beforeAll, expect, test } from 'vitest';
import { auditCursor, listAuditEntries, verifyAudit, type AuditFilter } from '../../src/audit/index.js';
import { aRead, AuditWorld } from './support.js';
import { writeMany } from './many.js';

const COUNT = 120_000;
/** Months that are to come: the parts for them are made here. */
const START = new Date('2091-01-15T00:00:00Z');
let world: AuditWorld;

beforeAll(async () => {
  world = await AuditWorld.open();
  await world.months('2091-01', '2091-02', '2091-03', '2091-04');
  const client = await world.database.pool.connect();
  await writeMany(client, { count: COUNT, start: START, everyMs: 60_000 }).finally(() => client.release());
  for (let i = 0; i < 20; i++) await world.audit.record(aRead(i));
});
afterAll(async () => await world?.close());

interface Plan {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

function* nodes(plan: Plan): Generator<Plan> {
  yield plan;
  for (const child of plan.Plans ?? []) yield* nodes(child);
}

/** The plan of the last statement that a search sends, and those of the ones before it. */
async function planOf(where: AuditFilter): Promise<{ plan: Plan[]; before: Plan[] }> {
  const { logger } = world.database.dataSource;
  const sent: { text: string; values: readonly unknown[] }[] = [];
  const silent = logger.logQuery.bind(logger);
  logger.logQuery = (text, values) => void sent.push({ text, values: Array.isArray(values) ? values : [] });
  await listAuditEntries(world.database.dataSource, { first: 50, where }).finally(() => (logger.logQuery = silent));
  const plans = await Promise.all(
    sent.map(async ({ text, values }) => {
      const [row] = await world.database.query<{ 'QUERY PLAN': { Plan: Plan }[] }>(`EXPLAIN (FORMAT JSON) ${text}`, values);
      const plan = row?.['QUERY PLAN'][0]?.Plan;
      if (!plan) throw new Error('no plan');
      return [...nodes(plan)];
    }),
  );
  return { plan: plans.pop() ?? [], before: plans.flat() };
}

/** The column that leads the index, in the month that holds most of what is asked for. */
test.each<[AuditFilter, string]>([
  [{}, 'at'],
  [{ principal: 'reader-7' }, 'principal'],
  [{ dataset: 'payments' }, 'dataset'],
  [{ purpose: 'support' }, 'purpose'],
  [{ action: 'grant' }, 'action'],
  [{ decision: 'DENIED' }, 'decision'],
  [{ subject: 'subject-3000' }, "((details ->> 'subject'::text))"],
  [{ field: 'iban' }, '((fields || masked))'],
  [{ from: new Date('2091-02-02'), to: new Date('2091-02-03') }, 'at'],
  // Nearly every entry: the newest are walked, and hold it.
  [{ action: 'read' }, 'at'],
  [{ decision: 'ALLOWED' }, 'at'],
  [{ field: 'email' }, 'at'],
])('the search %o reads an index that begins with %s, and no month as a whole', async (where, column) => {
  const { plan, before } = await planOf(where);
  const isWhole = (node: Plan) => node['Node Type'] === 'Seq Scan' && node['Relation Name']?.includes('2091');
  expect(plan.filter(isWhole)).toEqual([]);
  // How rare a field is takes its index too; of one that nearly every entry has, the first few thousand are counted.
  if (where.field !== 'email') expect(before.filter(isWhole)).toEqual([]);
  const used = plan.map((node) => node['Index Name'] ?? '').filter((name) => name.includes('2091_02'));
  expect(used).toHaveLength(1);
  const [index] = await world.database.query<{ definition: string }>("SELECT pg_get_indexdef(('headgate.' || $1)::regclass) AS definition", used);
  expect(index?.definition).toContain(`(${column}`);
});

test('a condition on the time leaves the other months alone', async () => {
  const { plan } = await planOf({ from: new Date('2091-02-02'), to: new Date('2091-02-03'), principal: 'reader-7' });
  const parts = new Set(plan.map((node) => node['Relation Name']).filter((name) => name?.startsWith('audit_entry')));
  expect([...parts]).toEqual(['audit_entry_2091_02']);
});

test('pages of a search hold each entry once, newest first, across months', async () => {
  const seen: string[] = [];
  let after: string | undefined;
  for (let more = true; more;) {
    const page = await listAuditEntries(world.database.dataSource, { first: 100, where: { action: 'grant' }, ...(after !== undefined && { after }) });
    seen.push(...page.entries.map(({ seq }) => seq ?? ''));
    const last = page.entries.at(-1);
    if (last) after = auditCursor(last);
    more = page.hasNextPage;
  }
  expect(seen).toEqual(Array.from({ length: COUNT / 500 }, (_, i) => String(COUNT - i * 500)));
});

test('what was written so is a chain, month after month', async () => {
  expect(await verifyAudit({ database: world.database, key: world.key })).toMatchObject({ valid: true, entries: COUNT });
});
