import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { classificationKind, exportManifests, type ManifestKind } from '../../src/catalog/index.js';
import { createWorld, errorOf, KINDS as OTHERS, type World } from './setup.js';

const KINDS = [OTHERS[0], OTHERS[1], classificationKind, OTHERS[2]] as readonly ManifestKind[];

let world: World;
beforeAll(async () => {
  world = await createWorld();
});
afterAll(async () => {
  await world?.close();
});

const apply = (text: string, options: { dryRun?: boolean; prune?: boolean } = {}) => world.apply(text, { kinds: KINDS, ...options });
const people = (...fields: string[]) =>
  `kind: Dataset\nname: people\nfields:\n  - { name: id, type: bigint }\n${fields.map((field) => `  - ${field}\n`).join('')}key: [id]\n`;
const said = (fields: string) => `kind: Classification\nname: people\nfields: ${fields}\n`;

async function tagsOf(field: string, dataset = 'people'): Promise<readonly string[] | undefined> {
  return (await world.catalog()).datasets.get(dataset)?.fields.find(({ name }) => name === field)?.tags;
}

beforeEach(async () => {
  await apply('kind: Classification\nname: people\nstate: absent\n');
  await apply('kind: Dataset\nname: people\nstate: absent\n');
});

test('what a steward says of a field is beside its contract, and stays when the contract changes', async () => {
  await apply(people('{ name: email, type: text, tags: [contact] }', '{ name: note, type: text }'));
  const { changes, version } = await apply(said('{ email: { tags: [pii.email, contact] }, note: { tags: [] } }'));
  expect(changes).toEqual([{ kind: 'Classification', name: 'people', change: 'create', details: ['field email: contact, pii.email', 'field note: no tag'] }]);
  expect(await tagsOf('email')).toEqual(['contact', 'pii.email']);
  expect(await tagsOf('note')).toEqual([]);

  await apply(people('{ name: email, type: text }', '{ name: note, type: text, tags: [free] }'));
  expect(await tagsOf('email')).toEqual(['contact', 'pii.email']);
  expect(await tagsOf('note')).toEqual(['free']);
  expect(BigInt((await world.catalog()).version)).toBeGreaterThan(BigInt(version));
});

test('applying the same again changes nothing, and neither does applying what is exported', async () => {
  const text = `${people('{ name: email, type: text }')}---\n${said('{ email: { tags: [pii.email, pii.email] } }')}`;
  const { version } = await apply(text);
  expect((await apply(text)).version).toBe(version);
  const exported = await exportManifests(world.database, KINDS);
  expect(exported.map(({ kind }) => kind)).toEqual(['Classification', 'Dataset']);
  const again = await apply(exported.map((document) => document.text).join('---\n'));
  expect([again.version, again.stillInForce]).toEqual([version, []]);
  // And on an installation that has nothing yet.
  await apply('kind: Classification\nname: people\nstate: absent\n---\nkind: Dataset\nname: people\nstate: absent\n');
  await apply(exported.map((document) => document.text).join('---\n'));
  expect(await tagsOf('email')).toEqual(['pii.email']);
});

test('the act is on the record, with what was said', async () => {
  await apply(people('{ name: email, type: text }'));
  await apply(said('{ email: { tags: [pii.email] } }'));
  const [entry] = await world.database.query(
    "SELECT action, dataset, details->'fields' AS fields, details->>'change' AS change FROM headgate.audit_record WHERE details->>'kind' = 'Classification' ORDER BY at DESC, id DESC LIMIT 1",
  );
  expect(entry).toEqual({ action: 'apply', dataset: 'people', fields: { email: { tags: ['pii.email'] } }, change: 'create' });
});

describe('unclassified', () => {
  const open = '{ name: note, type: text, tags: [unclassified] }';

  test('is off a field that a steward names, whatever they say of it', async () => {
    await apply(people(open, '{ name: email, type: text, tags: [unclassified, contact] }'));
    await apply(said('{ note: { tags: [] }, email: { tags: [pii.email] } }'));
    expect(await tagsOf('note')).toEqual([]);
    expect(await tagsOf('email')).toEqual(['contact', 'pii.email']);
    await apply('kind: Classification\nname: people\nstate: absent\n');
    expect(await tagsOf('note')).toEqual(['unclassified']);
  });

  test('is put on by a steward too', async () => {
    await apply(people('{ name: note, type: text }'));
    await apply(said('{ note: { tags: [unclassified] } }'));
    expect(await tagsOf('note')).toEqual(['unclassified']);
  });

  test('is not taken off by a contract alone', async () => {
    await apply(people(open));
    const without = people('{ name: note, type: text, tags: [free] }');
    const error = await errorOf(apply(without));
    expect(error).toMatchObject({ code: 'CONFLICT', details: { path: 'fields[1]' } });
    expect(error.message).toMatch(/note is tagged unclassified, and no steward has said yet what it is/);
    expect(await tagsOf('note')).toEqual(['unclassified']);
    // With the steward's word, in one apply.
    await apply(`${without}---\n${said('{ note: { tags: [] } }')}`);
    expect(await tagsOf('note')).toEqual(['free']);
    // Whose word goes with the document, and can't be taken back unsaid by the contract that relied on it.
    await apply(without);
    expect(await tagsOf('note')).toEqual(['free']);
  });
});

describe('what is refused', () => {
  test.each([
    [
      'a dataset that is not there',
      'kind: Classification\nname: peple\nfields: { a: { tags: [] } }\n',
      /there is no dataset "peple"\. Did you mean "people"\?/,
    ],
    ['a field that is not there', said('{ emial: { tags: [pii] } }'), /people has no field "emial"\. Did you mean "email"\?/],
    ['no field', said('{}'), /Say of which fields/],
    ['no tags', said('{ email: {} }'), /tags/],
    ['a tag that is none', said('{ email: { tags: [PII] } }'), /expected a tag such as pii/],
    ['another key', said('{ email: { tags: [], type: text } }'), /type/],
  ])('%s', async (_, text, message) => {
    await apply(people('{ name: email, type: text }'));
    const before = await world.snapshot();
    expect(await errorOf(apply(text))).toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringMatching(message) as unknown });
    expect(await world.snapshot()).toEqual(before);
    expect(await world.database.query('SELECT 1 FROM headgate.classification')).toEqual([]);
  });

  test('secret names are not suggested', async () => {
    await apply(
      `kind: Dataset\nname: secret_people\nvisibility: secret\nfields: [{ name: hidden_mail, type: text }]\n---\n${people('{ name: hidden, type: text, visibility: secret }')}`,
    );
    const dataset = await errorOf(apply('kind: Classification\nname: secret_peopl\nfields: { a: { tags: [] } }\n'));
    expect(dataset.message).not.toMatch(/secret_people/);
    const field = await errorOf(apply(said('{ hiden: { tags: [] } }')));
    expect(field.message).not.toMatch(/"hidden"|hidden,/);
    const inSecret = await errorOf(apply('kind: Classification\nname: secret_people\nfields: { hidden_mai: { tags: [] } }\n'));
    expect(inSecret.message).not.toMatch(/hidden_mail/);
    await apply('kind: Dataset\nname: secret_people\nstate: absent\n');
  });

  test('to delete the dataset while a steward has said something of it', async () => {
    await apply(`${people('{ name: email, type: text }')}---\n${said('{ email: { tags: [pii.email] } }')}`);
    expect(await errorOf(apply('kind: Dataset\nname: people\nstate: absent\n'))).toMatchObject({
      code: 'CONFLICT',
      message: expect.stringMatching(/Classification people needs it/) as unknown,
    });
  });
});

test('what was said of a field waits for it while it is gone', async () => {
  await apply(`${people('{ name: email, type: text }', '{ name: note, type: text }')}---\n${said('{ email: { tags: [pii.email] } }')}`);
  await apply(people('{ name: note, type: text }'));
  await apply(said('{ email: { tags: [pii.email] }, note: { tags: [free] } }'));
  await apply(people('{ name: email, type: text }', '{ name: note, type: text }'));
  expect([await tagsOf('email'), await tagsOf('note')]).toEqual([['pii.email'], ['free']]);
});

test('a dry run says what would change, and changes nothing; prune takes out what left the files', async () => {
  await apply(people('{ name: email, type: text }'));
  expect(await apply(said('{ email: { tags: [pii] } }'), { dryRun: true })).toMatchObject({ changes: [{ change: 'create' }], dryRun: true });
  expect(await tagsOf('email')).toEqual([]);
  await apply(said('{ email: { tags: [pii] } }'));
  expect((await apply(people('{ name: email, type: text }'))).stillInForce).toEqual([{ kind: 'Classification', name: 'people' }]);
  await apply(people('{ name: email, type: text }'), { prune: true });
  expect(await tagsOf('email')).toEqual([]);
});
