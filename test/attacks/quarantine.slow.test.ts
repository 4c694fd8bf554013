import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { quarantineMessages } from '../../src/ingestion/collectors/refused-messages.js';
import { Database } from '../../src/store/index.js';
import { apply as applyAs } from '../delivery/subjects/people.js';
import { Served } from '../support/served.js';

/** What refused rows tell to whom. */
let served: Served;
let admin: string;

beforeAll(async () => {
  served = await Served.start();
  admin = await served.token('root', ['admin']);
});
afterAll(() => served?.close());

const apply = (manifest: string): Promise<void> => applyAs(served, admin, manifest);

async function load(dataset: string, text: string, type = 'text/csv'): Promise<void> {
  expect((await served.upload(admin, dataset, text, { 'content-type': type }, '?mode=append')).status).toBe(200);
}

interface Refused {
  readonly raw: Readonly<Record<string, string | null>>;
  readonly reasons: readonly { readonly field: string | null; readonly rule: string; readonly message: string }[];
}

async function refused(token: string, dataset: string, filter = ''): Promise<readonly Refused[]> {
  const { data, errors } = await served.ask<{ quarantine: { totalCount: number; nodes: Refused[] } }>(
    token,
    `{ quarantine(dataset: "${dataset}"${filter}) { totalCount nodes { raw reasons { field rule message } } } }`,
  );
  expect(errors).toBeUndefined();
  expect(data.quarantine.totalCount).toBe(data.quarantine.nodes.length);
  return data.quarantine.nodes;
}

describe('a value that was refused under an earlier contract', () => {
  const contract = (...fields: readonly string[]) =>
    `kind: Dataset\nname: files\ndrift: quarantine\nfields:\n  - { name: id, type: integer, required: true }\n${fields.map((field) => `  - ${field}\n`).join('')}`;
  const SSN = "{ name: ssn, type: text, rules: [{ matches: '^[0-9]+$' }] }";
  const GRANTS = `
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [files] }
fields: { '*': allow, ssn: { mask: redact } }
---
kind: Grant
name: keepers
to: { roles: [keeper] }
on: { datasets: [files] }
fields: { '*': allow }
`;
  let reader: string;
  let seer: string;
  let steward: string;

  beforeAll(async () => {
    [reader, seer, steward] = await Promise.all([
      served.token('rita', ['reader']),
      served.token('saul', ['keeper']),
      served.token('stella', ['keeper', 'steward']),
    ]);
  });
  beforeEach(async () => {
    if ((await served.sql("SELECT 1 FROM headgate.dataset WHERE name = 'files'")).length > 0) {
      await apply(['Grant\nname: readers', 'Grant\nname: keepers', 'Dataset\nname: files'].map((one) => `kind: ${one}\nstate: absent\n`).join('---\n'));
    }
    await apply(contract(SSN, '{ name: note, type: text }'));
    await apply(GRANTS);
    await load('files', 'id,ssn,note\nbad,CANARY-1,n1\n');
    await load('files', '{"id": "bad", "ssn": "CANARY-2"\n{"note": "n3"}\n', 'application/x-ndjson');
  });

  test('is not shown by the grants of a field that came in the place of its own, nor are its reasons', async () => {
    await apply(contract('{ name: note, type: text }'));
    expect(JSON.stringify([await refused(reader, 'files'), await refused(seer, 'files')])).not.toContain('CANARY-1');
    await apply(contract(SSN, '{ name: note, type: text }'));
    await apply(GRANTS.replace('ssn: { mask: redact }', 'ssn: allow'));
    for (const who of [reader, seer]) {
      const rows = await refused(who, 'files');
      expect(JSON.stringify(rows)).not.toContain('CANARY');
      // The field that was there all the time is shown as ever.
      expect(rows.map(({ raw }) => raw)).toEqual([{ id: 'bad', ssn: null, note: 'n1' }, { '': null }, { note: 'n3' }]);
      expect(rows[0]?.reasons.map(({ field }) => field)).toEqual(['id']);
      expect(await refused(who, 'files', ', field: "ssn"')).toEqual([]);
      const { data } = await served.ask<{ dataset: { quarantineSummary: { field: string | null }[] } }>(
        who,
        '{ dataset(name: "files") { quarantineSummary { field rule count } } }',
      );
      expect(data.dataset.quarantineSummary.map(({ field }) => field)).not.toContain('ssn');
    }
    // Who sees all of it and keeps the dataset.
    expect(JSON.stringify(await refused(steward, 'files'))).toMatch(/CANARY-1.*CANARY-2/s);
    expect(await refused(steward, 'files', ', field: "ssn"')).toHaveLength(1);
    // What is refused from now on is the field of now.
    await load('files', 'id,ssn,note\nbad,NEW,n2\n');
    expect((await refused(reader, 'files')).map(({ raw }) => raw['ssn'])).toContain('NEW');
    expect(await refused(reader, 'files', ', field: "ssn"')).toHaveLength(1);
  });

  test.each([
    ['a field that has its name as an alias', '{ name: number, type: text, aliases: [ssn] }'],
    ['a field that was made for a column of which the contract knew nothing', '{ name: extra, type: text }'],
  ])('is not shown by the grants of %s', async (_, field) => {
    await load('files', '{"id": "bad", "extra": "CANARY-3"}\n', 'application/x-ndjson');
    await apply(contract(field, '{ name: note, type: text }'));
    for (const who of [reader, seer]) expect(JSON.stringify(await refused(who, 'files'))).not.toContain('CANARY');
    expect(JSON.stringify(await refused(steward, 'files'))).toMatch(/CANARY-1.*CANARY-2.*CANARY-3/s);
  });

  test('of which nobody knows under which it was is as one that no contract has', async () => {
    await served.sql('UPDATE headgate.quarantined_row SET contract_version = NULL');
    expect(await refused(seer, 'files')).toEqual([
      { raw: { id: null, ssn: null, note: null }, reasons: [] },
      { raw: { '': null }, reasons: [{ field: null, rule: 'json', message: 'expected a JSON object' }] },
      { raw: { note: null }, reasons: [] },
    ]);
    expect(JSON.stringify(await refused(steward, 'files'))).toMatch(/CANARY-1.*CANARY-2/s);
  });
});

test('why a message was refused is told to who sees all of the dataset, and to overseers from whom nothing of it is secret', async () => {
  await apply(`
kind: Dataset
name: open_messages
fields: [{ name: id, type: integer }]
---
kind: Dataset
name: half_open_messages
fields: [{ name: id, type: integer }, { name: hidden_level, type: integer, visibility: secret }]
---
kind: Grant
name: message_readers
to: { roles: [message_reader] }
on: { datasets: [open_messages, half_open_messages] }
fields: { '*': allow }
`);
  const database = await Database.open({ connection: served.connection, entities: [], statementTimeoutMs: 10_000 });
  try {
    const run = '00000000-0000-7000-8000-000000000001';
    const message = { position: 'stream@1', raw: 'no json', reason: 'The row has "hidden_level" twice.', bytes: 7 };
    for (const name of ['open_messages', 'half_open_messages']) {
      const [dataset] = (await served.sql(`SELECT id FROM headgate.dataset WHERE name = '${name}'`)) as { readonly id: string }[];
      await database.transaction((tx) => quarantineMessages(tx, dataset as never, run, [message]));
    }
  } finally {
    await database.close();
  }
  const told = async (roles: readonly string[], dataset: string) =>
    (await refused(await served.token('x', roles), dataset))[0]?.reasons.map(({ rule }) => rule);
  for (const roles of [['message_reader'], ['auditor'], ['engineer']]) expect(await told(roles, 'open_messages')).toEqual(['message']);
  for (const roles of [['message_reader'], ['auditor'], ['steward']]) expect(await told(roles, 'half_open_messages')).toEqual([]);
  expect(await told(['engineer'], 'half_open_messages')).toEqual(['message']);
  const engineer = await served.token('x', ['engineer']);
  expect(await refused(engineer, 'open_messages', ', rule: "message"')).toHaveLength(1);
});
