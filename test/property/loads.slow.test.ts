import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { LoadMode } from '../../src/ingestion/index.js';
import { isHeadgateError } from '../../src/kernel/index.js';
import { StatementRelay } from '../fault/statement-relay.js';
import { ENGINEER, openService, temporaryHome } from '../ingestion/service.js';
import { createTestDatabase } from '../support/database.js';
import { PATIENCE, runs } from './support/runs.js';

let it: Awaited<ReturnType<typeof openService>>;
let relay: StatementRelay;
const closers: (() => unknown)[] = [];

beforeAll(async () => {
  const created = await createTestDatabase();
  const temporary = await temporaryHome();
  relay = await StatementRelay.to(created.connection);
  it = await openService(relay.connection, temporary.home);
  closers.push(it.close, () => relay.close(), created.drop, temporary.remove);
  await it.declare({
    name: 'things',
    key: ['id'],
    fields: [
      { name: 'id', type: 'bigint' },
      { name: 'name', type: 'text' },
      { name: 'n', type: 'integer', rules: [{ between: ['0', '9'] }] },
    ],
  });
});

afterAll(async () => {
  for (const close of closers) await close();
});

/** A row as it stands in a file. */
interface Row {
  readonly id: string;
  readonly name: string;
  readonly n: string;
}

type Format = 'csv' | 'ndjson';

interface Step {
  readonly mode: LoadMode;
  readonly format: Format;
  /** A file of its own, or one that came before. */
  readonly rows: readonly Row[] | { readonly again: number };
  readonly force: boolean;
  /** Of three keys; most loads have none. */
  readonly key: string | undefined;
  /** The statement at which the connection ends, counted from the one that takes hold of the dataset; most loads meet none. */
  readonly crash: number | 'commit' | undefined;
}

interface Entry {
  readonly content: string;
  readonly mode: LoadMode;
  readonly changed: boolean;
  readonly key: string | undefined;
  readonly counts: Counts;
}

interface Counts {
  read: number;
  loaded: number;
  quarantined: number;
  deduplicated: number;
}

/** The plain reading of what a load does: maps and lists. */
class Model {
  rows = new Map<string, string>();
  readonly ledger: Entry[] = [];
  /** Lines that were refused, in the order of the loads. */
  readonly quarantine: string[] = [];

  /** `CONFLICT` for a key that came with other content. */
  load(content: string, rows: readonly Row[], { mode, force, key }: Pick<Step, 'mode' | 'force' | 'key'>, firstLine: number): Counts | 'CONFLICT' {
    const same = key === undefined ? undefined : this.ledger.find((entry) => entry.key === key);
    if (same) return same.content === content ? same.counts : 'CONFLICT';
    const counts: Counts = { read: rows.length, loaded: 0, quarantined: 0, deduplicated: 0 };
    if (!force && this.#isThere(content, mode)) {
      counts.deduplicated = rows.length;
      this.ledger.push({ content, mode, changed: false, key, counts });
      return counts;
    }
    this.#perform(rows, mode, counts, firstLine);
    this.ledger.push({ content, mode, changed: counts.loaded > 0 || mode === 'replace', key, counts });
    return counts;
  }

  /** Since the last replace, and for a replace the last change of all. */
  #isThere(content: string, mode: LoadMode): boolean {
    const changes = this.ledger.filter(({ changed }) => changed);
    if (mode === 'replace') {
      const last = changes.at(-1);
      return last?.mode === 'replace' && last.content === content;
    }
    const replaced = this.ledger.findLastIndex((entry) => entry.changed && entry.mode === 'replace');
    return this.ledger.some((entry, i) => i >= replaced && entry.content === content);
  }

  #perform(rows: readonly Row[], mode: LoadMode, counts: Counts, firstLine: number): void {
    const refused = new Set<number>();
    const kept = new Map<string, { value: string; at: number }>();
    rows.forEach(({ id, name, n }, i) => {
      if (id === '' || !/^\d+$/.test(n === '' ? '0' : n) || Number(n) > 9) {
        refused.add(i);
        return;
      }
      const value = `${name},${n}`;
      const before = kept.get(id);
      if (!before) kept.set(id, { value, at: i });
      else if (mode === 'merge') {
        kept.set(id, { value, at: i });
        counts.deduplicated += 1;
      } else if (before.value === value) counts.deduplicated += 1;
      else refused.add(i);
    });
    const old = mode === 'replace' ? new Map<string, string>() : this.rows;
    const next = new Map(old);
    for (const [id, { value, at }] of kept) {
      const there = old.get(id);
      if (there === value) counts.deduplicated += 1;
      else if (there !== undefined && mode === 'append') refused.add(at);
      else {
        next.set(id, value);
        counts.loaded += 1;
      }
    }
    this.rows = next;
    counts.quarantined = refused.size;
    for (const i of [...refused].toSorted((a, b) => a - b)) this.quarantine.push(`${firstLine + i}`);
  }
}

const row: fc.Arbitrary<Row> = fc.record({
  id: fc.constantFrom('', '1', '2', '3', '4', '5'),
  name: fc.constantFrom('a', 'b', 'ü'),
  n: fc.constantFrom('', '1', '2', '12', 'x'),
});
const step: fc.Arbitrary<Step> = fc.record({
  mode: fc.constantFrom<LoadMode>('append', 'replace', 'merge'),
  format: fc.constantFrom<Format>('csv', 'ndjson'),
  rows: fc.oneof({ weight: 3, arbitrary: fc.array(row, { minLength: 1, maxLength: 7 }) }, { weight: 1, arbitrary: fc.record({ again: fc.nat(3) }) }),
  force: fc.boolean(),
  key: fc.oneof({ weight: 4, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.constantFrom('k1', 'k2') }),
  crash: fc.oneof({ weight: 3, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: fc.oneof(fc.nat(36), fc.nat(8), fc.constant('commit' as const)) }),
});

function contentOf(rows: readonly Row[], format: Format): string {
  if (format === 'csv') return ['id,name,n', ...rows.map(({ id, name, n }) => `${id},${name},${n}`)].join('\n');
  return rows.map(({ id, name, n }) => JSON.stringify({ id: id === '' ? null : id, name, n: n === '' ? null : n })).join('\n');
}

/** Cuts the connection of the next load at one of its statements, and tells whether it did. */
function befall(crash: Step['crash']): () => boolean {
  let loading: number | undefined;
  let seen = -1;
  let isCut = false;
  relay.judge = (text, connection) => {
    if (crash === undefined || isCut) return 'pass';
    if (text.includes('FROM headgate.dataset WHERE id = $1 FOR UPDATE')) loading ??= connection;
    if (connection !== loading) return 'pass';
    seen += 1;
    isCut = crash === 'commit' ? text === 'COMMIT' : seen === crash;
    return isCut ? 'cut-after' : 'pass';
  };
  return () => {
    // The connection of the load is used by others after it.
    relay.judge = () => 'pass';
    return isCut;
  };
}

async function state() {
  const stored = await it.database.query<{ id: string; value: string }>("SELECT id::text, name || ',' || coalesce(n::text, '') AS value FROM data.things");
  const quarantined = await it.database.query<{ line: string }>('SELECT line::text FROM headgate.quarantined_row ORDER BY id');
  const ledger = await it.database.query(
    `SELECT mode, changed, idempotency_key AS key, rows_read::int AS read, rows_loaded::int AS loaded, rows_quarantined::int AS quarantined, rows_deduplicated::int AS deduplicated
     FROM headgate.ledger_entry ORDER BY id`,
  );
  const [head] = await it.database.query<{ n: number }>("SELECT row_count::int AS n FROM headgate.dataset WHERE name = 'things'");
  return { rows: new Map(stored.map(({ id, value }) => [id, value])), quarantine: quarantined.map(({ line }) => line), ledger, rowCount: head?.n };
}

function stateOf(model: Model): Awaited<ReturnType<typeof state>> {
  const ledger = model.ledger.map(({ mode, changed, key = null, counts }) => ({ mode, changed, key, ...counts }));
  return { rows: model.rows, quarantine: model.quarantine, ledger, rowCount: model.rows.size };
}

test('any sequence of loads, repeated and cut off, leaves the rows, the quarantine and the ledger of a plain model', { timeout: PATIENCE }, async () => {
  const met = { crashes: 0, commits: 0, repeats: 0, conflicts: 0 };
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 7 }), async (steps) => {
      await it.database.query("UPDATE headgate.run SET status = 'CANCELLED', finished_at = now(), heartbeat_at = NULL WHERE status IN ('QUEUED', 'RUNNING')");
      await it.database.query('TRUNCATE data.things, headgate.ledger_entry, headgate.quarantined_row, headgate.run CASCADE');
      await it.database.query("UPDATE headgate.dataset SET row_count = 0 WHERE name = 'things'");
      const model = new Model();
      const files: { rows: readonly Row[]; format: Format }[] = [];
      for (const { mode, format: wanted, rows: given, force, key, crash } of steps) {
        const file = 'again' in given ? files[given.again % Math.max(1, files.length)] : { rows: given, format: wanted };
        if (!file) continue;
        files.push(file);
        const { rows, format } = file;
        const content = contentOf(rows, format);
        const load = async () => {
          const run = await it.ingestion.loadNow(
            { dataset: 'things', source: { content }, format, mode, force, ...(key !== undefined && { idempotencyKey: key }) },
            ENGINEER,
          );
          return {
            read: Number(run.rowsRead),
            loaded: Number(run.rowsLoaded),
            quarantined: Number(run.rowsQuarantined),
            deduplicated: Number(run.rowsDeduplicated),
          };
        };
        const isCut = befall(crash);
        let outcome: unknown = await load().catch((error: unknown) => (isHeadgateError(error) ? error.code : error));
        const wasCut = isCut();
        if (outcome === 'UNAVAILABLE') {
          met.crashes += 1;
          // Nothing was changed: the whole state is the one before, and the same load can be sent again.
          expect(await state()).toEqual(stateOf(model));
          outcome = await load().catch((error: unknown) => (isHeadgateError(error) ? error.code : error));
        } else if (wasCut) met.commits += 1;
        const before = model.ledger.length;
        const told = model.load(content, rows, { mode, force, key }, format === 'csv' ? 2 : 1);
        expect(outcome).toEqual(told);
        if (told === 'CONFLICT') met.conflicts += 1;
        else if (model.ledger.length === before || !model.ledger.at(-1)?.changed) met.repeats += 1;
        expect(await state()).toEqual(stateOf(model));
      }
    }),
    runs(25),
  );
  // What is rare must have come all the same.
  for (const [what, times] of Object.entries(met)) expect(times, what).toBeGreaterThan(0);
});
