import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { datasetKind, parseManifests, purposeKind, resolveSecret, type ManifestKind } from '../../src/catalog/index.js';
import { isHeadgateError, type HeadgateError } from '../../src/kernel/index.js';

const kinds: readonly ManifestKind[] = [purposeKind, datasetKind];

function parse(text: string, file = 'a.yaml') {
  return parseManifests([{ file, text }], kinds);
}

function refusal(text: string): HeadgateError {
  try {
    parse(text);
  } catch (error) {
    if (isHeadgateError(error)) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

test('a file holds several documents, and empty ones are passed over', () => {
  const documents = parse('# nothing\n---\nkind: Purpose\nname: support\n---\n---\nkind: Dataset\nname: orders\nstate: absent\n');
  expect(documents.map(({ kind, name, spec }) => ({ kind, name, spec }))).toEqual([
    { kind: 'Purpose', name: 'support', spec: { name: 'support' } },
    { kind: 'Dataset', name: 'orders', spec: undefined },
  ]);
});

const bomb = `a: &a [1,1,1,1,1,1,1,1,1,1]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n`;

test.each<[what: string, text: string, line: number, column: number, path: string, message: RegExp]>([
  ['broken YAML', 'kind: Purpose\nname: [a\n', 3, 1, '', /not YAML/],
  ['a duplicate key', 'kind: Purpose\nname: a\nname: b\n', 3, 1, '', /twice/],
  ['no map', '- a\n', 1, 1, '', /a map of keys that starts with "kind:"/],
  ['no kind', 'name: a\n', 1, 1, 'kind', /kind is missing; expected one of Purpose, Dataset/],
  ['an unknown kind', 'name: a\nkind: Datasets\n', 2, 7, 'kind', /unknown kind "Datasets"\. Did you mean "Dataset"\? Known: Purpose, Dataset/],
  ['no name', 'kind: Purpose\ndescription: x\n', 1, 1, 'name', /needs a name/],
  ['an unknown state', 'kind: Purpose\nname: a\nstate: gone\n', 3, 8, 'state', /present or absent/],
  ['an unknown key', 'kind: Purpose\nname: a\nlawfulbasis: consent\n', 3, 1, 'lawfulbasis', /unknown key "lawfulbasis"\. Did you mean "lawfulBasis"\?/],
  [
    'an unknown key deep inside',
    'kind: Dataset\nname: a\nfields:\n  - { name: id, typ: text }\n',
    4,
    17,
    'fields[0].typ',
    /unknown key "typ"\. Did you mean "type"\?/,
  ],
  ['a wrong type', 'kind: Dataset\nname: a\nfields: id\n', 3, 9, 'fields', /expected a list, and this is a text/],
  [
    'an unknown type',
    'kind: Dataset\nname: a\nfields:\n  - name: id\n    type: varchar\n',
    5,
    11,
    'fields[0].type',
    /unknown type "varchar".*Did you mean "text"/,
  ],
  ['a foreign variable', 'kind: Purpose\nname: a\ndescription: "is ${DATABASE_URL}"\n', 3, 14, 'description', /only variables.*\$\{DATABASE_URL\}/],
  ['a variable in a key', 'kind: Purpose\nname: a\n"${HEADGATE_SECRET_X}": b\n', 3, 1, '', /can not stand in a key/],
  ['a key that is no text', 'kind: Purpose\nname: a\n1: b\n', 3, 1, '', /a key must be a text/],
  ['a key that reaches for the prototype', 'kind: Purpose\nname: a\n__proto__: { a: b }\n', 3, 1, '', /can not be a key/],
  ['an alias bomb', `kind: Purpose\nname: a\n${bomb}`, 1, 1, '', /aliases repeat more than/],
  ['an alias to itself', 'kind: Purpose\nname: a\ndescription: &x [*x]\n', 3, 18, 'description[0]', /inside what it names/],
  ['a nest without end', `kind: Purpose\nname: a\ndescription: ${'['.repeat(3000)}\n`, 3, 0, '', /nested deeper/],
  ['a nest that the parser stands', `kind: Purpose\nname: a\ndescription: ${'['.repeat(200)}${']'.repeat(200)}\n`, 3, 0, '', /nested deeper/],
  ['a YAML tag', 'kind: Purpose\nname: a\ndescription: !secret x\n', 3, 14, '', /tags are not part/],
  [
    'a number that would lose digits',
    'kind: Dataset\nname: a\nfields: [{ name: id, type: bigint, rules: [{ between: [0, 9007199254740993] }] }]\n',
    3,
    59,
    'fields[0].rules[0].between[1]',
    /more digits/,
  ],
  ['a NUL', 'kind: Purpose\nname: a\ndescription: "a\\0b"\n', 3, 14, 'description', /NUL/],
  ['one name twice', 'kind: Purpose\nname: a\n---\nkind: Purpose\nname: a\n', 5, 7, 'name', /already, at a\.yaml:2/],
])('%s is refused with its place', (_, text, line, column, path, message) => {
  const error = refusal(text);
  expect(error.code).toBe('BAD_USER_INPUT');
  expect(error.message).toMatch(message);
  expect(error.details).toMatchObject({ file: 'a.yaml', line });
  if (column > 0) expect(error.details.column).toBe(column);
  expect(error.details.path ?? '').toBe(path);
  expect(error.message).toContain(`a.yaml:${line}:`);
});

test('nothing to read is refused', () => {
  expect(refusal('# only a comment\n').message).toMatch(/no document in a\.yaml/);
});

test('a file too large is refused before it is read', () => {
  expect(refusal(`# ${'x'.repeat(5_000_000)}`).message).toMatch(/Split it/);
});

test('all problems of all files are told, twenty of them in full', () => {
  const files = Array.from({ length: 15 }, (_, i) => ({ file: `${i}.yaml`, text: `kind: Purpose\nname: p${i}\nwrong: 1\nworse: 2\n` }));
  const error = (() => {
    try {
      return parseManifests(files, kinds);
    } catch (thrown) {
      return thrown as HeadgateError;
    }
  })() as HeadgateError;
  expect(error.message).toMatch(/^0\.yaml:3:1: Purpose p0, wrong: unknown key "wrong"\..* \(and 29 more\)$/);
  expect(error.details.problems).toHaveLength(20);
  expect(error.details.count).toBe(30);
});

test('a secret stays a reference until it is used, and then must be set', () => {
  const [document] = parse('kind: Purpose\nname: a\ndescription: key ${HEADGATE_SECRET_CRM}\n');
  expect(document?.spec).toEqual({ name: 'a', description: 'key ${HEADGATE_SECRET_CRM}' });
  expect(resolveSecret('key ${HEADGATE_SECRET_CRM}', new Map([['HEADGATE_SECRET_CRM', '$&x']]))).toBe('key $&x');
  expect(() => resolveSecret('${HEADGATE_SECRET_CRM}', new Map())).toThrow(/HEADGATE_SECRET_CRM, which a manifest names, is not set/);
});

test('the examples of the manual are manifests', async () => {
  const manual = await readFile(new URL('../../docs/manifests.md', import.meta.url), 'utf8');
  const examples = [...manual.matchAll(/```yaml\n(kind: (?:Dataset|Purpose)\n.*?)```/gs)].map(([, text]) => text ?? '');
  expect(examples).toHaveLength(2);
  for (const text of examples) expect(parse(text)).toHaveLength(1);
});
