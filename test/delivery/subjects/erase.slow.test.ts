import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { apply, erase, openPeople, runEnded, runPipeline, type People } from './people.js';

let it: People;
beforeAll(async () => {
  it = await openPeople();
});
afterAll(() => it?.served.close());

const rows = (table: string) => it.served.sql(`SELECT * FROM ${table} ORDER BY 1, 2`);
const entries = () =>
  it.served.sql(
    "SELECT action, dataset, decision, row_count::int AS rows, details FROM headgate.audit_record WHERE action = 'subject.erase' ORDER BY at, id",
  ) as Promise<{ dataset: string | null; decision: string; rows: number | null; details: Record<string, unknown> }[]>;

describe('a person is erased', () => {
  beforeEach(() => it.fill());

  test('from datasets, derived and secret ones and quarantine, in every form of their number, and from nowhere else', async () => {
    const { data, errors } = await erase(it.served, it.admin, '7');
    expect(errors).toBeUndefined();
    expect(data.eraseSubject).toMatchObject({
      by: 'root',
      reason: 'request of 3 March',
      datasets: [
        { dataset: 'customers', rows: 1, nullified: 0 },
        { dataset: 'orders', rows: 0, nullified: 2 },
        { dataset: 'spending', rows: 1, nullified: 0 },
        { dataset: 'visits', rows: 2, nullified: 0 },
        { dataset: 'watchlist', rows: 1, nullified: 0 },
      ],
      quarantined: 2,
      staged: 0,
      keysDestroyed: 0,
      others: [
        { name: 'consents', count: 0 },
        { name: 'holds', count: 0 },
        { name: 'tokens', count: 0 },
        { name: 'events', count: 0 },
        { name: 'dead letters', count: 0 },
        { name: 'exports', count: 0 },
      ],
      elsewhere: [],
      recompute: ['turnover'],
      openRuns: [],
    });
    expect(await it.served.sql('SELECT id, email FROM data.customers')).toEqual([{ id: 8, email: 'eight@example.org' }]);
    expect(await it.served.sql('SELECT number, customer, phone, amount FROM data.orders ORDER BY number')).toEqual([
      { number: 'A1', customer: null, phone: null, amount: '10' },
      { number: 'A2', customer: null, phone: null, amount: '500' },
      { number: 'B1', customer: 8, phone: '+33 8', amount: '20' },
    ]);
    expect(await it.served.sql('SELECT customer FROM data.spending')).toEqual([{ customer: 8 }]);
    expect(await it.served.sql('SELECT visitor FROM data.visits')).toEqual([{ visitor: '8' }]);
    expect(await rows('data.watchlist')).toEqual([]);
    expect(await it.served.sql("SELECT raw ->> 'email' AS email FROM headgate.quarantined_row")).toEqual([{ email: 'other@example.org' }]);
  });

  test('the versions of what was touched go up, the counts go down, and whoever reads next sees it', async () => {
    const versions = () =>
      it.served.sql('SELECT name, data_version::int AS version, row_count::int AS rows FROM headgate.dataset ORDER BY name') as Promise<
        { name: string; version: number; rows: number }[]
      >;
    const before = new Map((await versions()).map((row) => [row.name, row]));
    await erase(it.served, it.admin, '7');
    const after = (await versions()).map(({ name, version, rows: n }) => [name, version - (before.get(name)?.version ?? 0), n - (before.get(name)?.rows ?? 0)]);
    expect(after).toEqual([
      ['countries', 0, 0],
      ['customers', 1, -1],
      ['orders', 1, 0],
      ['pages', 0, 0],
      ['spending', 1, -1],
      ['turnover', 0, 0],
      ['visits', 1, -2],
      ['watchlist', 1, -1],
    ]);
    const { data } = await it.served.ask(it.admin, '{ dataset(name: "visits") { rowCount } }');
    expect(data).toEqual({ dataset: { rowCount: '1' } });
  });

  test('the kept rows carry the version that they came with, for subscribers', async () => {
    await erase(it.served, it.admin, '7');
    expect(
      await it.served.sql(
        "SELECT DISTINCT o._load = d.data_version AS now FROM data.orders o, headgate.dataset d WHERE d.name = 'orders' AND o.customer IS NULL",
      ),
    ).toEqual([{ now: true }]);
  });

  test('it is on the record with counts and a reference, and the ledger has it, in the database and beside it; nowhere is the name', async () => {
    const person = 'anna.canary@example.org';
    await it.served.upload(it.admin, 'visits', `visitor,page\n${person},/home\n`);
    const before = (await entries()).length;
    const { data } = await erase(it.served, it.admin, person);
    const { id, subjectReference } = data.eraseSubject;
    // Entries of one moment have no order.
    const written = (await entries()).slice(before).toSorted((a, b) => String(a['dataset']).localeCompare(String(b['dataset'])));
    expect(written).toMatchObject([
      { dataset: null, decision: 'ALLOWED', rows: 1, details: { erasure: id, subject: subjectReference, reason: 'request of 3 March' } },
      { dataset: 'visits', decision: 'ALLOWED', rows: 1, details: { erasure: id, deleted: 1, nullified: 0 } },
    ]);
    const file = join(it.served.home, 'erasures.ndjson');
    const line = (await readFile(file, 'utf8')).trimEnd().split('\n').at(-1) ?? '';
    expect(JSON.parse(line)).toMatchObject({ id, reference: subjectReference, by: 'root' });
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect(await it.served.sql(`SELECT reference FROM headgate.erasure WHERE id = '${id}'`)).toEqual([{ reference: subjectReference }]);
    const everything = JSON.stringify([await entries(), await rows('headgate.erasure'), await readFile(file, 'utf8')]);
    expect(everything).not.toContain('canary');
  });

  test('a text that is nobody erases nobody, whatever is in it', async () => {
    const count =
      'SELECT (SELECT count(*) FROM data.customers)::int + (SELECT count(*) FROM data.visits)::int + (SELECT count(*) FROM data.orders WHERE customer IS NOT NULL)::int + (SELECT count(*) FROM headgate.quarantined_row)::int AS n';
    for (const text of [
      "' OR true --",
      '7 OR 1=1',
      '%',
      '_',
      '$1',
      '"',
      '\\',
      '7.0',
      '007',
      ' 7',
      '{"a":1}',
      '٧',
      '９',
      '1e0',
      '0x7',
      '2147483648',
      '9223372036854775808',
    ]) {
      const { data, errors } = await erase(it.served, it.admin, text);
      expect(errors).toBeUndefined();
      expect(data.eraseSubject, text).toMatchObject({ datasets: [], quarantined: 0 });
    }
    expect(await it.served.sql(count)).toEqual([{ n: 11 }]);
  });

  test('lines that could not be taken apart go where a word of them is the person', async () => {
    const response = await fetch(`${it.served.url}/ingest/visits`, {
      method: 'POST',
      headers: { authorization: `Bearer ${it.admin}`, 'content-type': 'application/x-ndjson' },
      body: '{"visitor":"9","page":"/"}\n{"visitor": "7", "page\n{"visitor": "77", "page\n',
    });
    expect(response.status).toBe(200);
    const { data } = await erase(it.served, it.admin, '7');
    expect(data.eraseSubject.quarantined).toBe(3);
    expect(await it.served.sql("SELECT raw ->> '' AS line FROM headgate.quarantined_row WHERE jsonb_exists(raw, '')")).toEqual([
      { line: '{"visitor": "77", "page' },
    ]);
  });

  test('a second time finds nothing, and is an act like the first', async () => {
    await erase(it.served, it.admin, '7');
    const { data } = await erase(it.served, it.admin, '7');
    expect(data.eraseSubject).toMatchObject({ datasets: [], quarantined: 0, recompute: [] });
  });
});

describe('who may', () => {
  beforeAll(() => it.fill());

  test.each(['engineer', 'auditor', 'officer'])('%s may not', async (role) => {
    const who = await it.served.token('x', [role]);
    expect((await erase(it.served, who, '7')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    expect(await it.served.sql('SELECT count(*)::int AS n FROM data.visits')).toEqual([{ n: 3 }]);
  });

  test('nobody without a credential', async () => {
    expect((await erase(it.served, null, '7')).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });

  test('a steward erases in secret datasets too, and is told nothing of them', async () => {
    const { data } = await erase(it.served, it.steward, '7');
    expect(JSON.stringify(data)).not.toContain('watchlist');
    expect(data.eraseSubject.datasets.map(({ dataset }) => dataset)).toEqual(['customers', 'orders', 'spending', 'visits']);
    expect(await rows('data.watchlist')).toEqual([]);
  });

  test.each(['', '   ', 'x'.repeat(2001), 'for 1234567'])('a reason is needed that names nobody: %j', async (reason) => {
    expect((await erase(it.served, it.admin, '1234567', reason)).errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT', path: 'reason' } });
  });

  test.each(['', 'x'.repeat(1001), 'a\0b'])('a subject that no value can be is refused: %j', async (subject) => {
    expect((await erase(it.served, it.admin, subject)).errors?.[0]).toMatchObject({ extensions: { code: 'BAD_USER_INPUT' } });
  });
});

describe('what comes in between', () => {
  beforeEach(() => it.fill());

  test('a load that is queued while the person is erased does not bring them back: it fails', async () => {
    await it.served.sql("CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(4); RETURN NULL; END'");
    await it.served.sql('CREATE TRIGGER slow BEFORE INSERT ON headgate.ledger_entry FOR EACH STATEMENT EXECUTE FUNCTION public.slow()');
    const loading = it.served.upload(it.admin, 'visits', 'visitor,page\n8,/a\n', {}, '?force=true');
    // It waits for the load before it, behind the erasure.
    await expect.poll(() => it.served.sql("SELECT count(*)::int AS n FROM headgate.run WHERE status = 'RUNNING'")).toEqual([{ n: 1 }]);
    const erasing = erase(it.served, it.admin, '7');
    await expect
      .poll(() =>
        it.served.sql(
          "SELECT count(*)::int AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%FOR UPDATE%' AND datname = current_database()",
        ),
      )
      .toEqual([{ n: 1 }]);
    const second = it.served.upload(it.admin, 'visits', 'visitor,page\n7,/again\n8,/again\n', {}, '?force=true');
    expect((await loading).status).toBe(200);
    expect((await erasing).data.eraseSubject.openRuns).toHaveLength(1);
    await it.served.sql('DROP FUNCTION public.slow() CASCADE');
    const refused = await second;
    expect(refused.status).toBe(409);
    expect(await refused.text()).not.toContain('/again');
    expect(await it.served.sql('SELECT page FROM data.visits ORDER BY page')).toEqual([{ page: '/a' }, { page: '/home' }]);
    // Whoever sends them afterwards, does so on purpose.
    expect((await it.served.upload(it.admin, 'visits', 'visitor,page\n7,/back\n')).status).toBe(200);
  });

  test('what a pipeline has computed before is not published after', async () => {
    await it.served.sql(
      "CREATE FUNCTION public.hold_publish() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF NEW.kind = ''publish'' THEN PERFORM pg_sleep(1.5); END IF; RETURN NEW; END'",
    );
    await it.served.sql('CREATE TRIGGER hold BEFORE INSERT ON headgate.run_step FOR EACH ROW EXECUTE FUNCTION public.hold_publish()');
    const id = await runPipeline(it.served, it.admin, 'spending');
    await expect
      .poll(() => it.served.sql("SELECT count(*)::int AS n FROM pg_class WHERE relnamespace = 'work'::regnamespace AND relname LIKE 'pipeline_%'"))
      .toEqual([{ n: 1 }]);
    const { data } = await erase(it.served, it.admin, '7');
    expect(data.eraseSubject.staged).toBe(1);
    expect(data.eraseSubject.openRuns).toEqual([id]);
    await it.served.sql('DROP FUNCTION public.hold_publish() CASCADE');
    await runEnded(it.served, it.admin, id);
    expect(await it.served.sql('SELECT customer FROM data.spending ORDER BY customer')).toEqual([{ customer: 8 }]);
  });

  test('erasures, loads and pipelines at once end without a deadlock, and nobody is back', async () => {
    const loads = Array.from({ length: 12 }, (_, i) =>
      it.served.upload(
        it.admin,
        i % 2 ? 'visits' : 'orders',
        i % 2 ? `visitor,page\n${100 + i},/\n` : `number,customer,phone,amount\nC${i},${100 + i},1,1\n`,
        {},
        '?force=true',
      ),
    );
    const pipelines = ['spending', 'turnover', 'spending'].map((name) => runPipeline(it.served, it.admin, name));
    const erasures = ['7', '8', '7', '101'].map((subject) => erase(it.served, it.admin, subject));
    for (const response of await Promise.all(loads)) expect([200, 409]).toContain(response.status);
    for (const { errors } of await Promise.all(erasures)) expect(errors).toBeUndefined();
    for (const id of await Promise.all(pipelines)) expect((await runEnded(it.served, it.admin, id)).status).toMatch(/SUCCEEDED|FAILED/);
    expect(
      await it.served.sql(
        "SELECT 1 FROM data.visits WHERE visitor IN ('7', '8') UNION ALL SELECT 1 FROM data.orders WHERE customer IN (7, 8) UNION ALL SELECT 1 FROM data.spending WHERE customer IN (7, 8)",
      ),
    ).toEqual([]);
    const [counts] = (await it.served.sql(
      "SELECT (SELECT count(*)::int FROM data.visits) AS there, (SELECT row_count::int FROM headgate.dataset WHERE name = 'visits') AS counted",
    )) as { there: number; counted: number }[];
    expect(counts?.counted).toBe(counts?.there);
  });
});

describe('a legal hold', () => {
  beforeEach(() => it.fill());

  const lift = async (name: string) => it.served.ask(it.admin, 'mutation ($n: String!) { deleteLegalHold(name: $n) }', { n: name });
  const hold = async (text: string) => apply(it.served, it.steward, `kind: LegalHold\nname: dispute\nreason: case 12\n${text}`);

  test('on a person refuses the erasure, by its name, until it is lifted; all of it is on the record without the person', async () => {
    await hold("subjects: ['7']");
    const before = (await entries()).length;
    const { errors } = await erase(it.served, it.steward, '7');
    expect(errors?.[0]).toMatchObject({ extensions: { code: 'CONFLICT', hold: 'dispute' } });
    expect((await entries()).slice(before)).toMatchObject([{ decision: 'DENIED', details: { code: 'CONFLICT', hold: 'dispute' } }]);
    expect(await it.served.sql('SELECT count(*)::int AS n FROM data.visits')).toEqual([{ n: 3 }]);
    const applied = await it.served.sql("SELECT details FROM headgate.audit_record WHERE action = 'apply' AND details ->> 'kind' = 'LegalHold' ORDER BY at");
    expect(applied).toMatchObject([{ details: { name: 'dispute', reason: 'case 12', subjects: 1, datasets: [] } }]);
    expect((await erase(it.served, it.steward, '8')).errors).toBeUndefined();
    await lift('dispute');
    expect((await erase(it.served, it.steward, '7')).errors).toBeUndefined();
  });

  test('on a dataset refuses the erasure of whom it has rows of, also in quarantine; and the dataset is neither deleted nor replaced', async () => {
    await hold('datasets: [visits, customers, watchlist, pages]');
    expect((await erase(it.served, it.steward, '7')).errors?.[0]).toMatchObject({ extensions: { code: 'CONFLICT', hold: 'dispute' } });
    expect((await erase(it.served, it.steward, '4711')).errors).toBeUndefined();
    expect((await it.served.ask(it.admin, 'mutation { deleteDataset(name: "watchlist") }')).errors?.[0]).toMatchObject({
      extensions: { code: 'CONFLICT', hold: 'dispute' },
    });
    expect((await it.served.ask(it.admin, 'mutation { deletePipeline(name: "pages") }')).errors?.[0]).toMatchObject({
      extensions: { code: 'CONFLICT', hold: 'dispute' },
    });
    expect((await it.served.upload(it.admin, 'visits', 'visitor,page\n1,/\n', {}, '?mode=replace')).status).toBe(409);
    expect((await it.served.upload(it.admin, 'visits', 'visitor,page\n1,/\n')).status).toBe(200);
    expect((await runEnded(it.served, it.admin, await runPipeline(it.served, it.admin, 'pages'))).error?.code).toBe('CONFLICT');
    await lift('dispute');
  });

  test('stays when its file is gone and the rest is pruned, and ends by itself when its time has come', async () => {
    await hold("subjects: ['7']");
    const manifests = (await (await fetch(`${it.served.url}/manifests`, { headers: { authorization: `Bearer ${it.admin}` } })).json()) as {
      manifests: { text: string }[];
    };
    expect(JSON.stringify(manifests)).not.toContain('LegalHold');
    const files = manifests.manifests.map(({ text }, i) => ({ file: `${i}.yaml`, text }));
    const pruned = await fetch(`${it.served.url}/manifests`, {
      method: 'POST',
      headers: { authorization: `Bearer ${it.admin}`, 'content-type': 'application/json' },
      body: JSON.stringify({ files, prune: true }),
    });
    expect(pruned.status).toBe(200);
    expect(await pruned.json()).toMatchObject({ stillInForce: [{ kind: 'LegalHold', name: 'dispute' }] });
    expect((await erase(it.served, it.steward, '7')).errors?.[0]?.extensions['code']).toBe('CONFLICT');
    await hold("subjects: ['7']\nuntil: '2020-01-01T00:00:00Z'");
    expect((await erase(it.served, it.steward, '7')).errors).toBeUndefined();
    await lift('dispute');
  });

  test('on a person keeps a dataset with rows of them from being deleted', async () => {
    await hold("subjects: ['7']");
    expect((await it.served.ask(it.admin, 'mutation { deleteDataset(name: "watchlist") }')).errors?.[0]).toMatchObject({
      extensions: { code: 'CONFLICT', hold: 'dispute' },
    });
    await lift('dispute');
  });

  test('is for stewards: engineers neither keep nor see it', async () => {
    const engineer = await it.served.token('e', ['engineer']);
    const { errors } = await it.served.ask(engineer, 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', {
      m: "kind: LegalHold\nname: x\nreason: y\nsubjects: ['7']",
    });
    expect(errors?.[0]).toMatchObject({ message: expect.stringContaining('admin, steward') as string, extensions: { code: 'FORBIDDEN' } });
    expect((await it.served.ask(engineer, '{ legalHolds { name } }')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    await hold("subjects: ['7', '9']\ndatasets: [watchlist]");
    expect((await it.served.ask(it.steward, '{ legalHolds { name reason subjects datasets until } }')).data).toEqual({
      legalHolds: [{ name: 'dispute', reason: 'case 12', subjects: ['7', '9'], datasets: [], until: null }],
    });
    await lift('dispute');
  });
});
