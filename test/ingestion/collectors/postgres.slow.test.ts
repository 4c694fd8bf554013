import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { postgresCollector, type CollectorType } from '../../../src/ingestion/index.js';
import { silentLog } from '../../../src/kernel/index.js';
import { Sources } from '../../../src/sources/index.js';
import { LogicalServer } from '../../support/logical-server.js';
import { Collecting } from './collecting.js';

const started = { new: await LogicalServer.start('new'), old: await LogicalServer.start('old') };

const FIELDS = `fields:
  - { name: id, type: bigint }
  - { name: note, type: text }
  - { name: amount, type: decimal }
  - { name: at, type: timestamp }
  - { name: tags, type: 'text[]' }
  - { name: facts, type: json }
  - { name: share, type: float }
  - { name: yes, type: boolean }
  - { name: code, type: text }
key: [id]
`;
const TABLE = `(id bigint PRIMARY KEY, note text, amount numeric, at timestamptz, tags text[], facts jsonb, share float4, yes boolean, code char(5), more int)`;
const VALUES = `SELECT g, CASE WHEN g % 7 = 0 THEN NULL WHEN g % 7 = 1 THEN '' ELSE 'note "' || g || E'",\\n' END, g * 1.10, timestamptz '2026-01-01' + g * interval '1 second',
  CASE WHEN g % 5 = 0 THEN NULL ELSE ARRAY['a b', 'c"d', NULL, ''] END, jsonb_build_object('n', g, 'x', E'a\\nb'), g * 0.1, g % 2 = 0, 'c' || g % 10, 1 FROM generate_series`;
/** Both as texts that say the same. */
const AS_TEXT = `id::text, note, amount::text, at::text, to_json(tags)::text AS tags, facts::text, share::float8::text, yes::text, code::text`;

describe.each(['new', 'old'] as const)('rows of a PostgreSQL that is %s', (version) => {
  const found = started[version];
  const server = found as LogicalServer;
  let collecting: Collecting;
  let sources: Sources;
  let types: Map<string, CollectorType>;
  let n = 0;

  beforeEach((context) => {
    if ('reason' in found) context.skip(found.reason);
  });

  beforeAll(async () => {
    if ('reason' in found) return;
    const secrets = new Map([['HEADGATE_SECRET_ERP', server.url]]);
    sources = new Sources({ secrets, log: silentLog, restMs: 50 });
    types = new Map([['postgres', postgresCollector(sources)]]);
    collecting = await Collecting.open(types, secrets);
    await collecting.apply('kind: Source\nname: erp\ntype: postgres\nurl: ${HEADGATE_SECRET_ERP}\n');
  }, 60_000);

  afterAll(async () => {
    if ('reason' in found) return;
    await collecting.close();
    await sources.close();
    await server.close();
  });

  /** A table with rows, and a dataset and a collector with the same name. */
  async function declare(
    part: (table: string) => string,
    { rows = 0, mode = 'merge', batch = '{ rows: 100 }', fields = FIELDS, table = TABLE } = {},
  ): Promise<string> {
    const name = `items_${++n}`;
    await server.run(`CREATE TABLE "${name}" ${table}`);
    if (rows > 0) await server.run(`INSERT INTO "${name}" ${VALUES}(1, ${rows}) g`);
    await collecting.apply(documents(name, part(`public.${name}`), { mode, batch, fields }));
    return name;
  }

  function documents(name: string, part: string, { mode = 'merge', batch = '{ rows: 100 }', fields = FIELDS } = {}): string {
    return `kind: Dataset\nname: ${name}\n${fields}---\nkind: Collector\nname: ${name}\nsource: erp\ndataset: ${name}\nmode: ${mode}\nbatch: ${batch}\npostgres: ${part}\n`;
  }

  async function there(name: string): Promise<Record<string, unknown>[]> {
    return server.run(`SELECT ${AS_TEXT} FROM "${name}" ORDER BY id`);
  }

  async function here(name: string): Promise<Record<string, unknown>[]> {
    return collecting.rows(name, `${AS_TEXT}, id AS _rid`, 'id');
  }

  /** Follows until what is here is what is there. */
  async function following(name: string, work: () => Promise<void>): Promise<void> {
    const stop = new AbortController();
    const id = await collecting.begin(name);
    const run = collecting.perform(id, stop.signal);
    try {
      await work();
    } finally {
      stop.abort(new Error('enough'));
      await run;
      expect((await collecting.runs.get(id)).errorMessage).toBeNull();
    }
  }

  async function same(name: string): Promise<void> {
    await expect.poll(() => here(name), { timeout: 15_000 }).toEqual(await there(name));
  }

  async function slots(name: string): Promise<Record<string, unknown>[]> {
    return server.run('SELECT slot_name, active, confirmed_flush_lsn::text AS lsn FROM pg_replication_slots WHERE slot_name LIKE $1', [`headgate_${name}_%`]);
  }

  test('are all there after a full copy, with every value, and the same after another', async () => {
    const name = await declare((table) => `{ table: ${table} }`, { rows: 1_000, mode: 'replace' });
    expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(await here(name)).toEqual(await there(name));
    await server.run(`DELETE FROM "${name}" WHERE id > 10`);
    expect(await collecting.collect(name)).toMatchObject({ rowsLoaded: '10' });
    expect(await here(name)).toEqual(await there(name));
    await server.run(`DELETE FROM "${name}"`);
    expect((await collecting.collect(name)).errorMessage).toBeNull();
    expect(await here(name)).toEqual([]);
  });

  test('are those that are new since the last time, in batches that a run goes on behind', async () => {
    const name = await declare((table) => `{ table: ${table}, since: { column: at, lag: 5s } }`, { rows: 250 });
    const stop = new AbortController();
    expect(await collecting.collect(name, stop.signal)).toMatchObject({ errorMessage: null, rowsRead: '250', rowsLoaded: '250' });
    await server.run(`INSERT INTO "${name}" ${VALUES}(251, 300) g`);
    await server.run(`UPDATE "${name}" SET note = 'late' WHERE id = 248`);
    expect(await collecting.collect(name)).toMatchObject({ errorMessage: null, rowsRead: '56', rowsLoaded: '51', rowsDeduplicated: '5' });
    expect(await here(name)).toEqual(await there(name));
    const byNumber = await declare((table) => `{ table: ${table}, since: { column: id, start: 100 } }`, { rows: 250 });
    expect(await collecting.collect(byNumber)).toMatchObject({ errorMessage: null, rowsRead: '151' });
    expect(await collecting.position(byNumber)).toEqual({ since: '250' });
    expect(await collecting.collect(byNumber)).toMatchObject({ rowsRead: '1', rowsDeduplicated: '1' });
  });

  test('are refused with what to do where table, column or type are not as the contract has them', async () => {
    for (const [part, expected] of [
      ['{ table: public.nothing }', 'There is no table or view public.nothing'],
      ['{ table: public.wrong, columns: { id: id, note: missing } }', 'has no column "missing"'],
      ['{ table: public.wrong, columns: { id: id, at: note } }', 'at is timestamp, and the column "note" at erp is text'],
      ['{ table: public.wrong, since: { column: note } }', 'no moment and no number'],
    ] as const) {
      await server.run('CREATE TABLE IF NOT EXISTS wrong (id bigint PRIMARY KEY, note text)');
      const name = `wrong_${++n}`;
      await collecting.apply(documents(name, part.replace('{ table: public.wrong, since', '{ table: public.wrong, columns: { id: id }, since')));
      expect(await collecting.collect(name)).toMatchObject({ errorCode: 'CONTRACT_VIOLATION', errorMessage: expect.stringContaining(expected) as string });
    }
    expect(await collecting.refusal(documents('x', '{ table: public.a, capture: {} }', { mode: 'append' }))).toContain('say mode: merge');
    expect(await collecting.refusal(documents('x', '{ table: public.a, capture: {}, since: { column: at } }'))).toContain('leave since out');
    expect(await collecting.refusal(documents('x', '{ table: nothing }'))).toContain('schema.table');
    expect(await collecting.refusal(documents('x', '{ table: public.a, columns: { idd: id } }'))).toContain('has no field "idd". Did you mean "id"?');
    expect(await collecting.refusal(documents('x', '{ table: public.a, fields: { id: id } }'))).toContain('unknown key "fields"');
  });

  describe('whose changes are followed', () => {
    const CAPTURE = (table: string) => `{ table: ${table}, capture: {} }`;

    test('are first a copy, then each insert, update, delete and truncate; and its log is freed', async () => {
      const name = await declare(CAPTURE, { rows: 300 });
      await server.run(`CREATE TABLE other_${name} (id int)`);
      await following(name, async () => {
        await same(name);
        const [before] = await slots(name);
        await server.run(`INSERT INTO "${name}" ${VALUES}(301, 350) g`);
        await server.run(`UPDATE "${name}" SET note = 'changed', tags = '{x,NULL,"y,z"}', share = 0.3, yes = NULL, code = 'ab' WHERE id % 10 = 0`);
        await server.run(`DELETE FROM "${name}" WHERE id % 3 = 0`);
        await server.run(`BEGIN; INSERT INTO "${name}" ${VALUES}(1000, 1010) g; ROLLBACK`);
        await server.run(
          `BEGIN; DELETE FROM "${name}" WHERE id = 1; INSERT INTO "${name}" (id, note) VALUES (1, 'again'); UPDATE "${name}" SET note = 'twice' WHERE id = 1; COMMIT`,
        );
        await same(name);
        await server.run(`UPDATE "${name}" SET id = id + 5000 WHERE id < 5`);
        await server.run(`INSERT INTO other_${name} VALUES (1)`);
        await same(name);
        await expect.poll(async () => (await slots(name))[0]?.['lsn'], { timeout: 10_000 }).not.toBe(before?.['lsn']);
        await server.run(`BEGIN; TRUNCATE "${name}"; INSERT INTO "${name}" ${VALUES}(1, 3) g; COMMIT`);
        await same(name);
      });
      expect(await slots(name)).toMatchObject([{ active: false }]);
    }, 60_000);

    test('are whole though large values that did not change are not sent', async () => {
      const name = await declare(CAPTURE, { rows: 2 });
      await server.run(`ALTER TABLE "${name}" ALTER note SET STORAGE EXTERNAL`);
      await server.run(`UPDATE "${name}" SET note = repeat('long ', 10000)`);
      await following(name, async () => {
        await same(name);
        await server.run(`UPDATE "${name}" SET amount = 42`);
        await server.run(`UPDATE "${name}" SET id = id + 100 WHERE id = 1`);
        await server.run(
          `BEGIN; UPDATE "${name}" SET id = 7 WHERE id = 2; UPDATE "${name}" SET amount = 3 WHERE id = 7; INSERT INTO "${name}" (id, note) VALUES (2, repeat('new ', 10000)); UPDATE "${name}" SET yes = false WHERE id = 2; COMMIT`,
        );
        await same(name);
        await server.run(`ALTER TABLE "${name}" REPLICA IDENTITY FULL`);
        await server.run(`UPDATE "${name}" SET amount = 43; DELETE FROM "${name}" WHERE id = 7`);
        await same(name);
      });
      expect(await collecting.quarantined()).toEqual([]);
    }, 60_000);

    test('leave nothing in quarantine that a newer change, or the end of the row, has made untrue', async () => {
      const rule = 'type: decimal, rules: [{ between: [0, 1000000] }]';
      const fields = FIELDS.replace('name: amount, type: decimal', `name: amount, ${rule}`);
      const name = await declare(CAPTURE, { rows: 3, fields });
      await server.run(`UPDATE "${name}" SET amount = -1 WHERE id = 1`);
      const open = async () =>
        (
          await collecting.database.query<{ id: string }>(
            `SELECT q.raw ->> 'id' AS id FROM headgate.quarantined_row q JOIN headgate.dataset d ON d.id = q.dataset_id WHERE d.name = $1 AND q.state = 'OPEN' ORDER BY 1`,
            [name],
          )
        ).map(({ id }) => id);
      await following(name, async () => {
        // One that the copy has refused, and two changes.
        await expect.poll(open, { timeout: 15_000 }).toEqual(['1']);
        await server.run(`UPDATE "${name}" SET amount = -2 WHERE id > 1`);
        await expect.poll(open, { timeout: 15_000 }).toEqual(['1', '2', '3']);
        await server.run(`UPDATE "${name}" SET amount = 1 WHERE id = 1; DELETE FROM "${name}" WHERE id = 2`);
        await expect.poll(open, { timeout: 15_000 }).toEqual(['3']);
      });
    }, 60_000);

    test('are exact after the worker was stopped again and again, with large transactions, one at a time of two', async () => {
      const name = await declare(CAPTURE, { rows: 50, batch: '{ rows: 50, wait: 5ms }' });
      const other = await collecting.beside(types);
      let isBusy = true;
      const writing = (async () => {
        for (let i = 0; i < 20; i += 1) {
          await new Promise((resolve) => setTimeout(resolve, 60));
          await server.run(`INSERT INTO "${name}" ${VALUES}(${1_000 + i * 200}, ${1_000 + i * 200 + 150}) g`);
          await server.run(`UPDATE "${name}" SET amount = amount + 1 WHERE id % 40 = ${i}`);
          await server.run(`DELETE FROM "${name}" WHERE id % 170 = ${i}`);
        }
        isBusy = false;
      })();
      try {
        for (let i = 0; isBusy; i += 1) {
          const stop = new AbortController();
          const id = await collecting.begin(name);
          const runs = [collecting.perform(id, stop.signal), other.perform(id, stop.signal)];
          // The moment differs: what matters is that any will do.
          await new Promise((resolve) => setTimeout(resolve, 150 + ((i * 37) % 250)));
          stop.abort(new Error('enough'));
          await Promise.all(runs);
        }
        await writing;
        await following(name, () => same(name));
        const [{ count } = { count: 0 }] = await collecting.database.query<{ count: number }>(
          'SELECT row_count::int AS count FROM headgate.dataset WHERE name = $1',
          [name],
        );
        expect(count).toBe((await here(name)).length);
      } finally {
        await writing;
        await other.close();
      }
    }, 90_000);

    test('keep what a legal hold keeps', async () => {
      const fields = FIELDS.replace('key: [id]', 'key: [id]\nsubject: note');
      const name = await declare(CAPTURE, { fields });
      await server.run(`INSERT INTO "${name}" (id, note) VALUES (1, 'held'), (2, 'free')`);
      await collecting.apply('kind: LegalHold\nname: dispute\nreason: A dispute.\nsubjects: [held]\n');
      await following(name, async () => {
        await same(name);
        await server.run(`DELETE FROM "${name}"`);
        await expect.poll(() => collecting.rows(name, 'note')).toEqual([{ note: 'held' }]);
      });
    }, 30_000);

    test('wait in quarantine when they break the contract, however many, and hold up nothing', async () => {
      const fields = `${FIELDS.replace('name: note, type: text', 'name: note, type: text, required: true')}maxQuarantine: 0\n`;
      const name = await declare(CAPTURE, { fields, rows: 1 });
      await following(name, async () => {
        // What was there at first is a load as others are.
        await same(name);
        await server.run(`INSERT INTO "${name}" (id, note) VALUES (2, NULL)`);
        await server.run(`INSERT INTO "${name}" (id, note) VALUES (3, 'good')`);
        await expect.poll(() => collecting.rows(name, 'id::text')).toEqual([{ id: '1' }, { id: '3' }]);
      });
    }, 30_000);

    test('end with what to do when the slot is gone, and begin anew after a reset', async () => {
      const name = await declare(CAPTURE, { rows: 5 });
      await following(name, () => same(name));
      const [slot] = await slots(name);
      await server.run('SELECT pg_drop_replication_slot($1)', [slot?.['slot_name']]);
      await server.run(`DELETE FROM "${name}" WHERE id = 1`);
      expect(await collecting.collect(name)).toMatchObject({
        errorCode: 'CONTRACT_VIOLATION',
        errorMessage: expect.stringContaining('Reset the collector') as string,
      });
      await collecting.collectors.reset(name, { subject: 'engineer', roles: ['engineer'] });
      await following(name, () => same(name));
    }, 30_000);

    test('are refused before anything is made where they would not tell which row they are of', async () => {
      const noKey = await declare(CAPTURE, { table: TABLE.replace('PRIMARY KEY', '') });
      expect(await collecting.collect(noKey)).toMatchObject({ errorMessage: expect.stringContaining('REPLICA IDENTITY FULL') as string });
      const otherKey = await declare(CAPTURE, { fields: FIELDS.replace('key: [id]', 'key: [id, note]') });
      expect(await collecting.collect(otherKey)).toMatchObject({ errorMessage: expect.stringContaining('tells id only') as string });
      expect(await server.run(`SELECT FROM pg_publication WHERE pubname LIKE 'headgate_${noKey}_%' OR pubname LIKE 'headgate_${otherKey}_%'`)).toEqual([]);
    });

    test('end with the name of a column that the table lost', async () => {
      const name = await declare(CAPTURE, { rows: 3 });
      await following(name, () => same(name));
      await server.run(`ALTER TABLE "${name}" DROP COLUMN amount`);
      await server.run(`UPDATE "${name}" SET note = 'x'`);
      expect(await collecting.collect(name)).toMatchObject({ errorCode: 'CONTRACT_VIOLATION', errorMessage: expect.stringContaining('"amount"') as string });
    }, 30_000);
  });
});
