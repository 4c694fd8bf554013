import { createHash, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { unzip } from '../../support/archives.js';
import { apply, download, exportSubject, openPeople, type Exported, type People } from './people.js';

let it: People;
beforeAll(async () => {
  it = await openPeople();
  await it.fill();
});
afterAll(() => it?.served.close());

async function archive(
  who: string,
  subject: string,
  headers: Record<string, string> = {},
): Promise<{ asked: Exported; files: Record<string, string>; manifest: Record<string, unknown>; bytes: Buffer }> {
  const { data, errors } = await exportSubject(it.served, who, subject, headers);
  if (errors) throw new Error(JSON.stringify(errors));
  const response = await download(it.served, who, data.exportSubject.url, headers);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/zip');
  const bytes = Buffer.from(await response.arrayBuffer());
  const files = await unzip(bytes);
  return { asked: data.exportSubject, files, bytes, manifest: JSON.parse(files['manifest.json'] ?? '') as Record<string, unknown> };
}

const json = (files: Record<string, string>, name: string): unknown => JSON.parse(files[name] ?? 'null');

describe('whoever may export all', () => {
  test('gets all rows about a person, derived ones and quarantine too, as JSON and CSV, with a manifest that proves them', async () => {
    const { asked, files, manifest } = await archive(it.officer, '7');
    expect(asked).toMatchObject({
      datasets: [
        { dataset: 'customers', rows: 1, quarantined: 2 },
        { dataset: 'orders', rows: 2, quarantined: 0 },
        { dataset: 'spending', rows: 1, quarantined: 0 },
        { dataset: 'visits', rows: 2, quarantined: 0 },
      ],
      withheld: ['pages', 'quarantine/pages'],
      masked: [],
      complete: false,
    });
    expect(Object.keys(files)).toEqual(
      ['customers', 'orders', 'spending', 'visits'].flatMap((name) => [`${name}.json`, `${name}.csv`, `quarantine/${name}.json`]).concat('manifest.json'),
    );
    expect(json(files, 'customers.json')).toEqual([{ id: 7, email: 'seven@example.org', country: 'DE' }]);
    expect(files['customers.csv']).toBe('id,email,country\n7,seven@example.org,DE\n');
    expect(json(files, 'orders.json')).toMatchObject([{ number: 'A1' }, { number: 'A2' }]);
    expect(json(files, 'spending.json')).toEqual([{ customer: 7, spent: '510' }]);
    expect(json(files, 'quarantine/customers.json')).toMatchObject([
      { raw: { id: '007', email: 'double@example.org' } },
      { raw: { email: 'float@example.org' } },
    ]);
    expect(manifest).toMatchObject({ export: asked.id, by: 'olga', withheld: asked.withheld, complete: false });
    const listed = manifest['files'] as { file: string; rows: number; bytes: number; sha256: string }[];
    expect(listed.map(({ file }) => file)).toEqual(Object.keys(files).filter((name) => name !== 'manifest.json'));
    for (const { file, bytes, sha256 } of listed) {
      expect(sha256).toBe(
        createHash('sha256')
          .update(files[file] ?? '')
          .digest('hex'),
      );
      expect(bytes).toBe(Buffer.byteLength(files[file] ?? ''));
    }
    expect(listed.find(({ file }) => file === 'orders.csv')?.rows).toBe(2);
    expect(JSON.stringify(files)).not.toMatch(/eight|other@|canary/);
  });

  test('is on the record from the question to the last byte, by reference', async () => {
    const { asked, manifest } = await archive(it.officer, '8');
    const entries = (await it.served.sql(
      `SELECT dataset, decision, row_count::int AS rows, details FROM headgate.audit_record WHERE action = 'subject.export' AND details ->> 'export' = '${asked.id}' ORDER BY at, id`,
    )) as { dataset: string | null; rows: number | null; details: Record<string, unknown> }[];
    expect(entries.map(({ details, dataset }) => [details['state'], dataset])).toEqual([
      ['requested', null],
      ['counted', 'customers'],
      ['counted', 'orders'],
      ['counted', 'spending'],
      ['counted', 'visits'],
      ['started', null],
      ['quarantine', 'customers'],
      ['quarantine', 'orders'],
      ['quarantine', 'spending'],
      ['quarantine', 'visits'],
      ['finished', null],
    ]);
    expect(entries.at(-1)).toMatchObject({ decision: 'ALLOWED', rows: 5, details: { subject: manifest['subject'] } });
    const reads = await it.served.sql("SELECT DISTINCT dataset FROM headgate.audit_record WHERE action = 'export' AND principal = 'olga' ORDER BY 1");
    expect(reads).toEqual(['customers', 'orders', 'spending', 'visits'].map((dataset) => ({ dataset })));
  });

  test('a person of whom nothing is known has empty files', async () => {
    const { files, asked } = await archive(it.officer, '4711');
    expect(json(files, 'customers.json')).toEqual([]);
    expect(asked.datasets.map(({ rows }) => rows)).toEqual([0, 0, 0, 0]);
  });

  test('a person whose name no number can be has no files where persons are numbers', async () => {
    const { files } = await archive(it.officer, 'anna');
    expect(Object.keys(files).filter((name) => !name.startsWith('quarantine/'))).toEqual(['visits.json', 'visits.csv', 'manifest.json']);
  });
});

describe('grants decide', () => {
  test('a steward without any sees no cell, and no name of what is secret', async () => {
    const { asked, files, bytes } = await archive(it.steward, '7');
    expect(Object.keys(files)).toEqual(['manifest.json']);
    expect(asked).toMatchObject({ datasets: [], complete: false });
    expect(asked.withheld).toEqual(['customers', 'orders', 'pages', 'spending', 'visits'].flatMap((name) => [name, `quarantine/${name}`]));
    expect(JSON.stringify([asked, files]) + bytes.toString('latin1')).not.toMatch(/watchlist|seven@|canary/);
  });

  test('who knows the secret one by a grant gets it', async () => {
    await apply(
      it.served,
      it.admin,
      "kind: Grant\nname: keepers\nto: { roles: [keeper] }\non: { datasets: [watchlist] }\nrights: [export]\nfields: { '*': allow }\n",
    );
    const { files } = await archive(await it.served.token('k', ['steward', 'keeper']), '7');
    expect(json(files, 'watchlist.json')).toEqual([{ person: '7', note: 'canary-secret' }]);
  });

  test('masks and denials of fields, and row filters, hold; and it is said', async () => {
    const clerk = await it.served.token('c', ['steward', 'clerk']);
    const { asked, files } = await archive(clerk, '7');
    expect(json(files, 'customers.json')).toEqual([{ id: 7, email: '***' }]);
    expect((json(files, 'orders.json') as { number: string }[]).map(({ number }) => number)).toEqual(['A1']);
    expect(asked.masked).toEqual(['customers.email']);
    expect(asked.withheld).toEqual([
      'customers.country',
      'quarantine/customers',
      'orders',
      'quarantine/orders',
      'pages',
      'quarantine/pages',
      'spending',
      'quarantine/spending',
      'visits',
      'quarantine/visits',
    ]);
    expect(asked.datasets).toEqual([
      { dataset: 'customers', rows: 1, quarantined: null },
      { dataset: 'orders', rows: 1, quarantined: null },
    ]);
    expect(JSON.stringify(files)).not.toMatch(/seven@|A2|double@/);
  });

  test('who does not see the subject plain gets nothing by it: a mask would be guessed through', async () => {
    const { asked, files } = await archive(await it.served.token('b', ['steward', 'blind']), '7');
    expect(Object.keys(files)).toEqual(['manifest.json']);
    expect(asked.withheld).toContain('customers');
    const masked = await archive(await it.served.token('b', ['steward', 'blind']), '0');
    expect(masked.asked.datasets).toEqual([]);
  });

  test('the right to read is not the right to export', async () => {
    const { asked } = await archive(await it.served.token('r', ['steward', 'reader']), '7');
    expect(asked.datasets).toEqual([]);
  });

  test('a purpose counts when it is declared, for the question and for the archive', async () => {
    const helper = await it.served.token('h', ['steward', 'helper'], { purposes: ['support'] });
    expect((await archive(helper, '7')).asked.datasets).toEqual([]);
    const { asked, manifest } = await archive(helper, '7', { 'x-purpose': 'support' });
    expect(asked.datasets).toMatchObject([{ dataset: 'customers', rows: 1 }]);
    expect(manifest).toMatchObject({ purpose: 'support' });
    const { files } = { files: await unzip(Buffer.from(await (await download(it.served, helper, asked.url)).arrayBuffer())) };
    expect(Object.keys(files)).toEqual(['manifest.json']);
  });

  test('a grant that is taken away between the question and the archive is gone', async () => {
    await apply(
      it.served,
      it.admin,
      "kind: Grant\nname: passing\nto: { roles: [passing] }\non: { datasets: [visits] }\nrights: [export]\nfields: { '*': allow }\n",
    );
    const who = await it.served.token('p', ['steward', 'passing']);
    const { data } = await exportSubject(it.served, who, '7');
    expect(data.exportSubject.datasets).toMatchObject([{ dataset: 'visits', rows: 2 }]);
    await it.served.ask(it.admin, 'mutation { deleteGrant(name: "passing") }');
    expect(Object.keys(await unzip(Buffer.from(await (await download(it.served, who, data.exportSubject.url)).arrayBuffer())))).toEqual(['manifest.json']);
  });

  test.each(["' OR true --", '%', "7' --", '7)', '$1', '\\', '"'])('%j is a text and nobody else', async (subject) => {
    const { asked, files } = await archive(it.officer, subject);
    expect(asked.datasets.every(({ rows, quarantined }) => rows === 0 && quarantined === 0)).toBe(true);
    expect(JSON.stringify(files)).not.toContain('@example.org');
  });
});

describe('the address of an archive', () => {
  test('is for who asked for it, until it expires', async () => {
    const { data } = await exportSubject(it.served, it.officer, '7');
    const { url, id } = data.exportSubject;
    expect(url).toBe(`/subjects/exports/${id}`);
    expect((await download(it.served, null, url)).status).toBe(401);
    expect((await download(it.served, it.admin, url)).status).toBe(404);
    expect((await download(it.served, it.steward, url)).status).toBe(404);
    expect((await download(it.served, await it.served.token('olga', ['officer']), url)).status).toBe(403);
    expect((await download(it.served, it.officer, '/subjects/exports/nothing')).status).toBe(404);
    expect((await download(it.served, it.officer, `/subjects/exports/${randomUUID()}`)).status).toBe(404);
    expect((await download(it.served, it.officer, url.toUpperCase().replace('/SUBJECTS/EXPORTS', '/subjects/exports'))).status).toBe(200);
    await it.served.sql(`UPDATE headgate.subject_export SET expires_at = now() WHERE id = '${id}'`);
    expect((await download(it.served, it.officer, url)).status).toBe(404);
    await exportSubject(it.served, it.officer, '8');
    expect(await it.served.sql(`SELECT 1 FROM headgate.subject_export WHERE id = '${id}'`)).toEqual([]);
    const denied = await it.served.sql("SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'subject.export' AND decision = 'DENIED'");
    expect(denied).toEqual([{ n: 7 }]);
  });

  test('keeps nothing of the person where others can read it', async () => {
    await exportSubject(it.served, it.officer, 'anna.canary@example.org');
    expect(await it.served.sql("SELECT 1 FROM headgate.subject_export WHERE position('canary'::bytea IN subject) > 0")).toEqual([]);
    expect(JSON.stringify(await it.served.sql('SELECT id::text, requested_by, requested_with FROM headgate.subject_export'))).not.toContain('canary');
    expect(JSON.stringify(await it.served.sql("SELECT * FROM headgate.audit_record WHERE action = 'subject.export'"))).not.toContain('canary');
  });

  test('only stewards and admins may ask', async () => {
    for (const role of ['engineer', 'auditor', 'officer']) {
      expect((await exportSubject(it.served, await it.served.token('x', [role]), '7')).errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    }
    expect((await exportSubject(it.served, null, '7')).errors?.[0]?.extensions['code']).toBe('UNAUTHENTICATED');
  });
});

test('whoever goes away ends it, in the database too, and that is on the record', async () => {
  await it.served.sql(
    "INSERT INTO data.visits (visitor, page) SELECT 'busy', (SELECT string_agg(md5(i || ' ' || j), '') FROM generate_series(1, 40) j) FROM generate_series(1, 30000) i",
  );
  const { data } = await exportSubject(it.served, it.officer, 'busy');
  const gone = new AbortController();
  const response = await fetch(`${it.served.url}${data.exportSubject.url}`, { headers: { authorization: `Bearer ${it.officer}` }, signal: gone.signal });
  await response.body?.getReader().read();
  gone.abort();
  await expect
    .poll(
      () =>
        it.served.sql(
          `SELECT details ->> 'state' AS state FROM headgate.audit_record WHERE action = 'subject.export' AND details ->> 'export' = '${data.exportSubject.id}' AND decision = 'FAILED'`,
        ),
      { timeout: 10_000 },
    )
    .toEqual([{ state: 'aborted' }]);
  await expect
    .poll(
      () => it.served.sql("SELECT count(*)::int AS n FROM pg_stat_activity WHERE query LIKE 'COPY%' AND state = 'active' AND datname = current_database()"),
      { timeout: 10_000 },
    )
    .toEqual([{ n: 0 }]);
});
