import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createToken } from '../../src/identity/index.js';
import { until } from '../support/processes.js';
import { unzip } from '../support/archives.js';
import { Listener } from '../support/live.js';
import { Served } from '../support/served.js';
import { download, exportSubject } from '../delivery/subjects/people.js';
import { CSV, MANIFESTS } from './manifests.js';

let served: Served;
const tokens = new Map<string, string>();
const as = (role: string): string => tokens.get(role) ?? '';

beforeAll(async () => {
  served = await Served.start();
  for (const role of ['admin', 'engineer', 'doctor', 'clerk', 'desk', 'stranger', 'auditor'])
    tokens.set(role, (await createToken(served.app.keyRing, { subject: role, roles: [role], ttlSeconds: 600 })).token);
  const { errors } = await apply(MANIFESTS);
  expect(errors).toBeUndefined();
  expect((await served.upload(as('admin'), 'patients', CSV)).status).toBe(200);
  expect((await served.upload(as('admin'), 'visits', 'id,patient_id\n10,1\n11,2\n')).status).toBe(200);
});
afterAll(() => served?.close());

function apply(manifest: string) {
  return served.ask(as('admin'), 'mutation ($m: String!) { applyManifest(manifest: $m) { version } }', { m: manifest });
}

const ALL = '{ patients(orderBy: [{ id: ASC }]) { nodes { id nationalId note free } } }';

interface Patients {
  readonly patients: { readonly totalCount: number; readonly nodes: readonly Record<string, unknown>[] };
}

async function read(role: string, query: string, variables: Record<string, unknown> = {}) {
  const answer = await served.ask<Patients>(as(role), query, variables);
  return { ...answer, nodes: answer.data?.patients?.nodes };
}

describe('what is stored', () => {
  test('is envelopes, one for equal values of one person, and keys that are wrapped', async () => {
    const rows = (await served.sql('SELECT * FROM data.patients ORDER BY id')) as Record<string, string>[];
    for (const { national_id } of rows) expect(national_id).toMatch(/^hge1\.[\w-]{22}\.[\w-]+$/);
    expect(rows[0]?.['national_id']).toBe(rows[2]?.['national_id']);
    expect(rows[0]?.['national_id']).not.toBe(rows[1]?.['national_id']);
    expect(rows[1]?.['note']).toBeNull();
    expect(JSON.stringify(rows)).not.toMatch(/471[123]|coffee|nobody/);
    const keys = (await served.sql('SELECT reference, wrapped FROM vault.subject_key')) as { reference: string; wrapped: Buffer }[];
    expect(keys).toHaveLength(2);
    for (const { reference } of keys) expect(reference).toMatch(/^[0-9a-f]{64}$/);
    const repeated = await served.upload(as('admin'), 'patients', CSV);
    expect(await repeated.json()).toMatchObject({ rowsLoaded: '0' });
  });

  test('a row that is there already is recognised in another file', async () => {
    const run = await served.upload(as('admin'), 'patients', 'id,person,national_id,note,country,free\n2,bert,4712-B,,FR,x\n');
    expect(await run.json()).toMatchObject({ rowsRead: '1', rowsDeduplicated: '1', rowsLoaded: '0' });
  });

  test('is not read by the role of readers', async () => {
    await expect(served.sql('SET ROLE headgate_reader; SELECT * FROM vault.subject_key')).rejects.toThrow(/permission denied/);
  });
});

describe('who sees it plain', () => {
  const PLAIN = [
    { id: 1, nationalId: '4711-A', note: 'likes "tea", and\ncoffee', free: 'hge1.AAAAAAAAAAAAAAAAAAAAAA.AAAA' },
    { id: 2, nationalId: '4712-B', note: null, free: 'x' },
    { id: 3, nationalId: '4711-A', note: '', free: null },
    { id: 4, nationalId: '4713-C', note: "nobody's", free: null },
  ];

  test('reads values, in lists, by key and through relations, and twice the same although answers are kept', async () => {
    expect((await read('doctor', ALL)).nodes).toEqual(PLAIN);
    expect((await read('doctor', ALL)).nodes).toEqual(PLAIN);
    const { data } = await served.ask(
      as('doctor'),
      '{ a: patientsByKey(id: 1) { note } b: patientsByKey(id: 4) { note } visits { edges { node { id patient { nationalId } } } } _entities(representations: [{ __typename: "Patients", id: 2 }]) { ... on Patients { nationalId } } }',
    );
    expect(data).toEqual({
      a: { note: PLAIN[0]?.note },
      b: { note: "nobody's" },
      visits: { edges: [{ node: { id: 10, patient: { nationalId: '4711-A' } } }, { node: { id: 11, patient: { nationalId: '4712-B' } } }] },
      _entities: [{ nationalId: '4712-B' }],
    });
  });

  test('finds rows by eq and in, and by nothing else', async () => {
    const find = async (where: object, role = 'doctor') =>
      (await read(role, 'query ($w: PatientsWhere) { patients(where: $w, orderBy: [{ id: ASC }]) { nodes { id } } }', { w: where })).nodes?.map(({ id }) => id);
    expect(await find({ nationalId: { eq: '4711-A' } })).toEqual([1, 3]);
    expect(await find({ nationalId: { in: ['4712-B', '4713-C', 'nothing'] } })).toEqual([2, 4]);
    expect(await find({ nationalId: { in: [] } })).toEqual([]);
    expect(await find({ not: { nationalId: { eq: '4711-A' } } })).toEqual([2, 4]);
    expect(await find({ note: { isNull: true } })).toEqual([2]);
    expect(await find({ note: { eq: '' } })).toEqual([3]);
    // What the mask shows is what is compared, and no more.
    expect(await find({ nationalId: { eq: '4711-A' } }, 'clerk')).toEqual([]);
    expect(await find({ nationalId: { eq: '***' } }, 'clerk')).toEqual([1, 2, 3, 4]);
    expect(await find({ nationalId: { eq: '4711-A' } }, 'desk')).toEqual([1, 3]);
    expect(await find({ nationalId: { eq: '4712-B' } }, 'desk')).toEqual([]);
    expect(await find({ nationalId: { in: ['***', '4711-A'] } }, 'desk')).toEqual([1, 2, 3]);
    for (const query of [
      '{ patients(where: { nationalId: { contains: "4" } }) { nodes { id } } }',
      '{ patients(orderBy: [{ nationalId: ASC }]) { nodes { id } } }',
      '{ patients { groupBy(keys: [{ nationalId: true }]) { aggregate { count } } } }',
      '{ patients { aggregate { min { nationalId } } } }',
      '{ patients { aggregate { countDistinct { nationalId } } } }',
    ])
      expect((await read('doctor', query)).status).toBe(400);
  });

  test('masks and refusals hold', async () => {
    expect((await read('clerk', '{ patients(orderBy: [{ id: ASC }]) { nodes { nationalId note } } }')).nodes).toEqual(
      PLAIN.map(() => ({ nationalId: '***', note: null })),
    );
    expect((await read('desk', '{ patients(orderBy: [{ id: ASC }]) { nodes { id nationalId } } }')).nodes).toEqual(
      PLAIN.map(({ id, nationalId }) => ({ id, nationalId: id === 2 ? '***' : nationalId })),
    );
    const { errors } = await read('stranger', '{ patients { nodes { id nationalId } } }');
    expect(errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
    const steered = await read('stranger', '{ patients(where: { nationalId: { eq: "4711-A" } }) { nodes { id } } }');
    expect(steered.errors?.[0]?.extensions['code']).toBe('FORBIDDEN');
  });

  test('gets it in files of every kind', async () => {
    const file = async (format: string, role = 'doctor') =>
      (
        await fetch(`${served.url}/export/patients?format=${format}&orderBy=id&fields=id,nationalId,note`, { headers: { authorization: `Bearer ${as(role)}` } })
      ).text();
    expect(await file('csv')).toBe(`id,nationalId,note\n1,4711-A,"likes ""tea"", and\ncoffee"\n2,4712-B,\n3,4711-A,""\n4,4713-C,nobody's\n`);
    const rows = PLAIN.map(({ id, nationalId, note }) => ({ id, nationalId, note }));
    expect(JSON.parse(await file('json'))).toEqual(rows);
    expect(
      (await file('ndjson'))
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(rows);
    expect(await file('csv', 'clerk')).toBe('id,nationalId,note\n1,***,\n2,***,\n3,***,\n4,***,\n');
  });
});

describe('contracts and grants', () => {
  const field = (more: string, rest = '') =>
    `kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: text, encrypted: true${more} }]\nkey: [id]\n${rest}`;
  test.each([
    [
      'a type that is no text',
      'kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: date, encrypted: true }]\n',
      /only text can be encrypted/,
    ],
    ['a list', 'kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: "text[]", encrypted: true }]\n', /only text can be encrypted/],
    ['a rule', field(', rules: [{ matches: "^a" }]'), /no rule can look at its values/],
    ['a key', 'kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: text, encrypted: true }]\nkey: [x]\n', /part of the key/],
    ['a subject', field('', 'subject: x\n'), /can't be the subject/],
    ['an index', field('', 'indexes: [[x]]\n'), /an index of their own/],
    ['a unique rule', field('', 'rules: [{ name: u, unique: [x] }]\n'), /unique rule/],
    ['a check', field('', 'rules: [{ name: c, check: "x <> id::text" }]\n'), /the database can't read it/],
    ['a relation by it', field('', 'relations: [{ name: machine, to: machines, on: { x: id } }]\n'), /the key of a relation/],
    [
      'a relation to it',
      'kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: text }]\nkey: [id]\nrelations: [{ name: m, to: machines, on: { x: secret }, many: true }]\n',
      /can't be joined by it/,
    ],
    [
      'a reference to it',
      'kind: Dataset\nname: odd\nfields: [{ name: id, type: integer }, { name: x, type: text, rules: [{ references: machines.secret }] }]\nkey: [id]\n',
      /no load can look for a value/,
    ],
    ['no other field', 'kind: Dataset\nname: odd\nfields: [{ name: x, type: text, encrypted: true }]\n', /ordered by/],
    [
      'a mask that reads',
      'kind: Grant\nname: odd\nto: { roles: [x] }\non: { datasets: [patients] }\nfields: { national_id: { mask: partial, last: 2 } }\n',
      /redact, nullify/,
    ],
    ['a hash', 'kind: Grant\nname: odd\nto: { roles: [x] }\non: { datasets: [patients] }\nfields: { national_id: { mask: hash } }\n', /redact, nullify/],
    [
      'a row filter',
      `kind: Grant\nname: odd\nto: { roles: [x] }\non: { datasets: [patients] }\nrows: "national_id = '4711-A'"\nfields: { '*': allow }\n`,
      /no row filter can read it/,
    ],
    [
      'a pipeline',
      'kind: Pipeline\nname: odd\nsteps: [{ name: s, sql: "SELECT id, national_id FROM patients" }, { publish: { to: odd_out } }]\n',
      /no pipeline can read it/,
    ],
    [
      'a pipeline that takes all',
      'kind: Pipeline\nname: odd\nsteps: [{ name: s, sql: "SELECT * FROM patients" }, { publish: { to: odd_out } }]\n',
      /no pipeline can read it/,
    ],
    ['another subject while there are rows', MANIFESTS.split('---')[0]?.replace('subject: person', 'subject: country') ?? '', /so the subject can't change/],
    ['no encryption while there are rows', MANIFESTS.split('---')[0]?.replace('type: text, encrypted: true }', 'type: text }') ?? '', /can't become plain/],
    [
      'encryption while there are rows',
      MANIFESTS.split('---')[0]?.replace('free, type: text', 'free, type: text, encrypted: true') ?? '',
      /can't become encrypted/,
    ],
  ])('%s is refused', async (_what, manifest, message) => {
    const { errors } = await apply(manifest);
    expect(errors?.[0]?.message).toMatch(message);
  });

  test('an empty dataset may become encrypted, and forgets what its quarantine has plain', async () => {
    const plain = 'kind: Dataset\nname: later\nfields: [{ name: id, type: integer }, { name: x, type: text }]\nkey: [id]\n';
    expect((await apply(plain)).errors).toBeUndefined();
    await served.upload(as('admin'), 'later', 'id,x\nno,PLAIN-LATER\n');
    expect((await apply(plain.replace('type: text', 'type: text, encrypted: true'))).errors).toBeUndefined();
    await served.upload(as('admin'), 'later', 'id,x\n1,PLAIN-LATER\n');
    const rows = await served.sql(
      "SELECT raw::text FROM headgate.quarantined_row WHERE raw::text LIKE '%PLAIN-LATER%' UNION ALL SELECT x FROM data.later WHERE x LIKE '%PLAIN%'",
    );
    expect(rows).toEqual([]);
    expect(await served.sql("SELECT indexdef FROM pg_indexes WHERE tablename = 'later' AND indexdef LIKE '%split_part(x,%'")).toHaveLength(1);
  });
});

describe('quarantine', () => {
  test('holds envelopes, and shows values to those who see them plain', async () => {
    const bad = 'id,person,national_id,note,country,free\nx1,carla,BAD-ROW-1,note,DE,\n7,carla,,n,DE,\n8,,BAD-ROW-2,n,DE,\n';
    const run = (await (await served.upload(as('admin'), 'patients', bad)).json()) as Record<string, unknown>;
    expect(run).toMatchObject({ rowsQuarantined: '2', rowsLoaded: '1' });
    const stored = (await served.sql('SELECT raw FROM headgate.quarantined_row')) as { raw: Record<string, string> }[];
    expect(JSON.stringify(stored)).not.toContain('BAD-ROW');
    const QUERY = '{ quarantine(dataset: "patients") { nodes { line raw reasons { field rule } } } }';
    const seen = await served.ask<{ quarantine: { nodes: { raw: Record<string, string> }[] } }>(as('doctor'), QUERY);
    expect(seen.data.quarantine.nodes.map(({ raw }) => raw['national_id'])).toEqual(['BAD-ROW-1', null]);
    const others = await served.ask(as('engineer'), QUERY);
    expect(JSON.stringify(others.data)).not.toMatch(/BAD-ROW|hge1/);
  });

  test('takes rows whose values are too long, or no text, without them', async () => {
    const rows = [
      { id: 20, person: 'dora', national_id: 'x'.repeat(70_000) },
      { id: 21, person: 'dora', national_id: ['LIST-VALUE'] },
      { id: 22, person: 'dora', national_id: 'NUL\0VALUE' },
      { id: 23, person: 'dora', national_id: 12.5 },
    ];
    const run = await served.upload(as('admin'), 'patients', JSON.stringify(rows), { 'content-type': 'application/json' });
    expect(await run.json()).toMatchObject({ rowsQuarantined: '3', rowsLoaded: '1' });
    const stored = await served.sql("SELECT raw ->> 'national_id' AS value, reasons FROM headgate.quarantined_row WHERE raw ->> 'id' IN ('20', '21', '22')");
    expect(stored).toEqual(
      Array.from({ length: 3 }, () => ({ value: '!', reasons: [{ field: 'national_id', rule: 'type', message: 'expected a text of at most 65536 bytes' }] })),
    );
    expect((await read('doctor', '{ patients(where: { id: { eq: 23 } }) { nodes { nationalId } } }')).nodes).toEqual([{ nationalId: '12.5' }]);
  });

  test.each([
    ['application/x-ndjson', '{"id": 30, "national_id": "PLAIN"\n'],
    ['application/x-ndjson', '["PLAIN"]\n'],
    ['application/x-ndjson', '{"id": 30, "person": "e", "nationalid": "PLAIN"}\n'],
    ['application/json', '[{"id": 30, national_id: "PLAIN"}]'],
    ['text/csv', 'id,person,national_id,note,country,free\n30,"e,PLAIN,,,\n'],
    ['text/csv', 'id,person,national_id,note,country,free\n30,e,PLAIN\n'],
  ])('is not for rows of %s whose fields can not be told: the load is refused with the line', async (type, content) => {
    const response = await served.upload(as('admin'), 'patients', content, { 'content-type': type });
    const body = await response.text();
    expect(response.status).toBe(422);
    expect(body).toContain('DATA_REJECTED');
    expect(body).toMatch(/line\W+\d/);
    expect(body).not.toContain('PLAIN');
  });
});

describe('inline content', () => {
  test('waits encrypted, and is recognised by a keyed hash', async () => {
    const content = 'id,secret\n1,INLINE-VALUE\n';
    const { data, errors } = await served.ask<{ ingest: { id: string } }>(
      as('admin'),
      'mutation ($c: String!) { ingest(input: { dataset: "machines", content: $c, format: csv, idempotencyKey: "k1" }) { id } }',
      { c: content },
    );
    expect(errors).toBeUndefined();
    await until(
      'it is loaded',
      async () => ((await served.sql(`SELECT status FROM headgate.run WHERE id = '${data.ingest.id}'`)) as { status: string }[])[0]?.status === 'SUCCEEDED',
    );
    const kept = await served.sql("SELECT 1 FROM headgate.run_content WHERE position('INLINE-VALUE'::bytea in content) > 0");
    expect(kept).toEqual([]);
    const machines = await served.ask(as('doctor'), '{ machines { nodes { id secret } } }');
    expect(machines.data).toEqual({ machines: { nodes: [{ id: 1, secret: 'INLINE-VALUE' }] } });
    const again = await served.ask(
      as('admin'),
      'mutation ($c: String!) { ingest(input: { dataset: "machines", content: $c, format: csv, idempotencyKey: "k1" }) { id } }',
      { c: content.replace('INLINE', 'OTHER') },
    );
    expect(again.errors?.[0]?.extensions['code']).toBe('CONFLICT');
  });
});

describe('who has it delivered', () => {
  test('a person gets their values, from quarantine too, and no other', async () => {
    const bad = 'id,person,national_id,note,country,free\nx1,emma,EMMA-1,,DE,\nx2,finn,FINN-1,,DE,\n50,emma,EMMA-2,mine,DE,\n';
    expect((await served.upload(as('admin'), 'patients', bad, {}, '?mode=append')).status).toBe(200);
    const archive = async (...roles: string[]) => {
      const token = await served.token('olga', roles);
      const { data, errors } = await exportSubject(served, token, 'emma');
      expect(errors).toBeUndefined();
      const response = await download(served, token, data.exportSubject.url);
      return unzip(Buffer.from(await response.arrayBuffer()));
    };
    const files = await archive('steward', 'doctor');
    expect(JSON.parse(files['patients.json'] ?? '')).toMatchObject([{ id: 50, nationalId: 'EMMA-2', note: 'mine' }]);
    expect(JSON.parse(files['quarantine/patients.json'] ?? '')).toMatchObject([{ raw: { id: 'x1', national_id: 'EMMA-1' } }]);
    expect(JSON.stringify(files)).not.toMatch(/FINN|hge1|4711/);
    const masked = await archive('steward', 'clerk');
    expect(JSON.stringify(masked)).not.toMatch(/EMMA|hge1/);
  });

  test('subscribers get values as their grants show them', async () => {
    const listen = async (role: string) =>
      new Listener(
        served.url,
        { authorization: `Bearer ${await served.token(role, [role])}` },
        { query: 'subscription { patientsChanged { nodes { id nationalId } } }' },
      );
    const [doctor, clerk] = [await listen('doctor'), await listen('viewer')];
    await until('both listen', async () => {
      const [{ n } = { n: 0 }] = (await served.sql("SELECT count(*)::int AS n FROM headgate.audit_record WHERE action = 'subscribe'")) as { n: number }[];
      return n === 2;
    });
    expect((await served.upload(as('admin'), 'patients', 'id,person,national_id,note,country,free\n60,gina,GINA-1,,DE,\n', {}, '?mode=append')).status).toBe(
      200,
    );
    expect((await doctor.events(1))[0]).toMatchObject({ data: { patientsChanged: { nodes: [{ id: 60, nationalId: 'GINA-1' }] } } });
    expect((await clerk.events(1))[0]).toMatchObject({ data: { patientsChanged: { nodes: [{ id: 60, nationalId: '***' }] } } });
    expect(clerk.texts.join()).not.toMatch(/GINA|hge1/);
    await doctor.close();
    await clerk.close();
  });
});
