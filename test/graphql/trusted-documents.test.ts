import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DOCUMENTS } from '../../src/cli/documents.js';
import { DocumentGate, readTrustedDocuments } from '../../src/graphql/index.js';
import { sha256 } from '../../src/kernel/index.js';

let root: string;
let folders = 0;

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'headgate-documents-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

async function folder(files: Readonly<Record<string, unknown>>): Promise<string> {
  const made = join(root, String(++folders));
  await mkdir(made);
  for (const [name, content] of Object.entries(files)) {
    await mkdir(dirname(join(made, name)), { recursive: true });
    await writeFile(join(made, name), typeof content === 'string' ? content : JSON.stringify(content));
  }
  return made;
}

const ME = 'query Me { me { sub } }';
const PEOPLE = 'query People($first: Int) { people(first: $first) { nodes { id } } }';
const FILE = '{ people { totalCount } }\n';

async function gate(): Promise<DocumentGate> {
  return new DocumentGate(
    await readTrustedDocuments(
      await folder({
        // codegen's client preset writes SHA-1 or SHA-256, Relay MD5, Apollo a list.
        'persisted-documents.json': { da39a3ee5e6b4b0d3255bfef95601890afd80709: ME },
        'relay/queries.json': { d41d8cd98f00b204e9800998ecf8427e: PEOPLE },
        'apollo.json': { format: 'apollo-persisted-query-manifest', version: 1, operations: [{ id: sha256(ME), name: 'Me', type: 'query', body: ME }] },
        'one.graphql': FILE,
        'notes.txt': 'not read',
      }),
    ),
  );
}

describe('what is let through', () => {
  test.each<[string, Record<string, unknown>, string]>([
    ['documentId, the id of a manifest', { documentId: 'da39a3ee5e6b4b0d3255bfef95601890afd80709' }, ME],
    ['documentId, the hash with its name', { documentId: `sha256:${sha256(ME)}` }, ME],
    ['documentId, the hash', { documentId: sha256(PEOPLE) }, PEOPLE],
    ["Relay's doc_id", { doc_id: 'd41d8cd98f00b204e9800998ecf8427e' }, PEOPLE],
    ["Relay's id", { id: 'd41d8cd98f00b204e9800998ecf8427e' }, PEOPLE],
    ["Apollo's hash", { extensions: { persistedQuery: { version: 1, sha256Hash: sha256(ME) } } }, ME],
    ["Apollo's hash in a GET", { extensions: JSON.stringify({ persistedQuery: { version: 1, sha256Hash: sha256(ME) } }) }, ME],
    ['the text of a manifest', { query: ME }, ME],
    ['the text of a file, byte for byte', { query: FILE }, FILE],
    ['the text and its hash', { query: ME, extensions: { persistedQuery: { version: 1, sha256Hash: sha256(ME) } } }, ME],
    ['an empty text beside an id', { query: '', doc_id: 'd41d8cd98f00b204e9800998ecf8427e' }, PEOPLE],
  ])('%s', async (_what, asked, text) => {
    const admitted = (await gate()).admit({ ...asked, variables: { first: 1 }, operationName: 'X' });
    expect(admitted).toEqual({ variables: { first: 1 }, operationName: 'X', query: text });
  });

  test('other extensions stay', async () => {
    const extensions = { persistedQuery: { version: 1, sha256Hash: sha256(ME) }, trace: 'a' };
    expect((await gate()).admit({ extensions })).toEqual({ extensions: { trace: 'a' }, query: ME });
    expect((await gate()).admit({ extensions: JSON.stringify(extensions) })).toEqual({ extensions: '{"trace":"a"}', query: ME });
    expect((await gate()).admit({ query: ME, extensions: { trace: 'a' } })).toEqual({ extensions: { trace: 'a' }, query: ME });
  });
});

test.each<[string, unknown]>([
  ['another text', { query: '{ me { roles } }' }],
  ['the text with one more space', { query: `${ME} ` }],
  ['introspection', { query: '{ __schema { types { name } } }' }],
  ['an unknown id', { documentId: sha256('{ never }') }],
  ['an id that is a name of every object', { documentId: 'constructor' }],
  ['__proto__', { id: '__proto__' }],
  ['nothing', {}],
  ['no object', null],
  ['a list', [{ query: ME }]],
  ['a text', ME],
  ['a query that is no text', { query: [ME] }],
  ['an id that is no text', { documentId: [sha256(ME)] }],
  ['a persisted query without a hash', { query: ME, extensions: { persistedQuery: {} } }],
  ['a persisted query that is null', { query: ME, extensions: { persistedQuery: null } }],
  ['a known id with another text: to register it', { query: '{ me { roles } }', extensions: { persistedQuery: { version: 1, sha256Hash: sha256(ME) } } }],
  ['a known text with an unknown id', { query: ME, documentId: 'nope' }],
  ['two documents', { documentId: sha256(ME), id: sha256(PEOPLE) }],
  ['the text of a file that is not read', { query: 'not read' }],
])('%s is refused', async (_what, asked) => {
  const one = await gate();
  expect(() => one.admit(asked)).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
});

test.each<[string, Record<string, unknown>, RegExp]>([
  ['JSON that is none', { 'a.json': '{' }, /a\.json: it is not JSON/],
  ['a list', { 'a.json': [] }, /a\.json: expected a manifest of persisted documents/],
  ['an id without a text', { 'a.json': { x: 7 } }, /a\.json: expected a manifest/],
  ['an operation without a body', { 'a.json': { operations: [{ id: 'x' }] } }, /a\.json: expected a manifest/],
  ['a text that is not GraphQL', { 'a.json': { x: '{ me ' } }, /a\.json: the document "x" is not GraphQL: Syntax Error/],
  ['a file that is not GraphQL', { 'a.graphql': 'me' }, /a\.graphql: .* is not GraphQL/],
  ['one id for two documents', { 'a.json': { x: ME }, 'b.json': { x: PEOPLE } }, /b\.json: the id "x" stands for another document already/],
  ['nothing', { 'a.txt': ME }, /there is no document in it/],
])('a folder with %s can not be used', async (_what, files, message) => {
  const made = await folder(files);
  await expect(readTrustedDocuments(made)).rejects.toMatchObject({ code: 'BAD_USER_INPUT', message: expect.stringMatching(message) as string });
});

test('a folder that is not there can not be used', async () => {
  await expect(readTrustedDocuments(join(root, 'missing'))).rejects.toMatchObject({ code: 'BAD_USER_INPUT', details: { file: join(root, 'missing') } });
});

test('the documents of the commands are a manifest', async () => {
  const text = await readFile(new URL('../../schema/command-documents.json', import.meta.url), 'utf8');
  const documents = await readTrustedDocuments(await folder({ 'commands.json': text }));
  expect(documents.size).toBe(Object.keys(DOCUMENTS).length);
  for (const [id, document] of documents) expect(id).toBe(sha256(document));
});

test('a file is known with its last line end and without it, and stands beside the same text in a manifest', async () => {
  const documents = new DocumentGate(await readTrustedDocuments(await folder({ 'a.graphql': `${ME}\n`, 'b.json': { me: ME }, 'c.graphql': FILE })));
  expect(documents.admit({ query: FILE.trimEnd() }).query).toBe(FILE);
  expect(documents.admit({ documentId: `sha256:${sha256(FILE.trimEnd())}` }).query).toBe(FILE);
  expect(documents.admit({ query: ME }).query).toBe(ME);
  expect(documents.admit({ query: `${ME}\n` }).query).toBe(`${ME}\n`);
  expect(() => documents.admit({ query: `${FILE}\n` })).toThrow('Only trusted documents');
});
