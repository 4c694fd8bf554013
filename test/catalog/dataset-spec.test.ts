import { readFile } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { datasetKind, parseManifests, reservedText } from '../../src/catalog/index.js';

function parse(text: string): object | undefined {
  return parseManifests([{ file: 'd.yaml', text: `kind: Dataset\n${text}` }], [datasetKind])[0]?.spec;
}

const fields =
  'fields: [{ name: id, type: bigint }, { name: at, type: timestamp }, { name: tags, type: "text[]" }, { name: doc, type: json }, { name: x, type: float }]';

test.each<[what: string, text: string, message: RegExp]>([
  ['a name with capitals', `name: Orders\n${fields}`, /expected a name of lower-case letters/],
  ['a name that begins with an underscore', 'name: a\nfields: [{ name: _rid, type: uuid }]', /expected a name of lower-case/],
  ['a control-plane root', `name: audit_entries\n${fields}`, /"auditEntries" is a field of the control plane/],
  ['a reserved type', `name: a\ntypeName: AuditEntry\n${fields}`, /type name AuditEntry is reserved/],
  ['a type whose connection is reserved', `name: a\ntypeName: Audit\n${fields}`, /reserved, because its types include AuditWhere/],
  ['a type that a shared filter has', `name: a\ntypeName: StringFilter\n${fields}`, /StringFilter is reserved/],
  ['a reserved type by its name', `name: run\n${fields}`, /"run" is a field of the control plane/],
  ['a type name in lower case', `name: a\ntypeName: order\n${fields}`, /PascalCase/],
  ['no fields', 'name: a\nfields: []', /at least 1 items/],
  ['a field named and', 'name: a\nfields: [{ name: and, type: text }]', /"and" is reserved/],
  ['two fields of one camelCase', 'name: a\nfields: [{ name: a_1, type: text }, { name: a1, type: text }]', /one name in GraphQL, a1/],
  ['a field and a relation of one name', `name: a\n${fields}\nrelations: [{ name: id, to: b, on: { id: id } }]`, /relation id and the field id/],
  ['a key that is not there', `name: a\n${fields}\nkey: [ids]`, /no field "ids"\. Did you mean "id"\?/],
  ['a key of json', `name: a\n${fields}\nkey: [doc]`, /can't identify a row/],
  ['a key of float', `name: a\n${fields}\nkey: [x]`, /can't identify a row/],
  ['a key that is optional', 'name: a\nfields: [{ name: id, type: text, required: false }]\nkey: [id]', /always required/],
  ['a key twice', `name: a\n${fields}\nkey: [id, id]`, /twice/],
  ['a subject that is not there', `name: a\n${fields}\nsubject: who`, /no field "who"/],
  ['freshness of a number', `name: a\n${fields}\nfreshness: { field: id, within: 1d }`, /freshness reads a timestamp or a date/],
  ['freshness without a unit', `name: a\n${fields}\nfreshness: { field: at, within: '24' }`, /a duration such as/],
  ['an index of json', `name: a\n${fields}\nindexes: [[doc]]`, /no order to index/],
  ['a relation by a list', `name: a\n${fields}\nrelations: [{ name: r, to: b, on: { tags: id } }]`, /can't be the key of a relation/],
  ['a format on a number', 'name: a\nfields: [{ name: id, type: bigint, format: YYYY }]', /format is for date/],
  ['a format with an unknown part', "name: a\nfields: [{ name: d, type: date, format: 'YYYY-MM-DDTHH24' }]", /"THH24" is not part of a format/],
  ['a date with hours', "name: a\nfields: [{ name: d, type: date, format: 'YYYY-MM-DD HH24' }]", /make the type timestamp/],
  ['twelve hours without AM', "name: a\nfields: [{ name: d, type: time, format: 'HH12:MI' }]", /belong together/],
  ['matches on a number', "name: a\nfields: [{ name: d, type: bigint, rules: [{ matches: '1' }] }]", /matches is for text; the type is bigint/],
  ['between on json', 'name: a\nfields: [{ name: d, type: json, rules: [{ between: [1, 2] }] }]', /between is for/],
  ['length on a number', 'name: a\nfields: [{ name: d, type: bigint, rules: [{ length: [1, 2] }] }]', /length is for/],
  ['two rules in one', "name: a\nfields: [{ name: d, type: text, rules: [{ matches: '1', in: [a] }] }]", /matches and in are two rules/],
  ['a rule of no kind', 'name: a\nfields: [{ name: d, type: text, rules: [{ severity: warn }] }]', /a rule is one of/],
  ['a rule that is unknown', 'name: a\nfields: [{ name: d, type: text, rules: [{ match: x }] }]', /unknown key "match"\. Did you mean "matches"\?/],
  ['two dataset rules of one name', `name: a\n${fields}\nrules: [{ name: r, check: 'true' }, { name: r, check: 'true' }]`, /a rule r already/],
  ['a rowCount of nothing', `name: a\n${fields}\nrules: [{ name: r, rowCount: {} }]`, /expected min, max or both/],
  ['more than all in quarantine', `name: a\n${fields}\nmaxQuarantine: 101%`, /a share of them, such as 1%/],
  ['drift of another kind', `name: a\n${fields}\ndrift: ignore`, /expected what becomes of columns .*: evolve, freeze or quarantine/],
  [
    'drift beside encrypted fields',
    'name: a\nfields: [{ name: id, type: bigint }, { name: e, type: text, encrypted: true }]\ndrift: evolve',
    /would be kept plain/,
  ],
  ['an alias that is a field', 'name: a\nfields: [{ name: b, type: text, aliases: [c] }, { name: c, type: text }]', /"c" is a name of the field c already/],
  ['an alias of two fields', 'name: a\nfields: [{ name: b, type: text, aliases: [X] }, { name: c, type: text, aliases: [X] }]', /of the field b already/],
  ['an alias with a space behind it', 'name: a\nfields: [{ name: b, type: text, aliases: ["X "] }]', /without spaces around/],
  ['an alias at a source', 'name: a\nsource: crm\ntable: a.b\nfields: [{ name: b, type: text, aliases: [X] }]', /say column: instead/],
  ['a default of the key', 'name: a\nfields: [{ name: b, type: text, default: x }]\nkey: [b]', /could not be told apart/],
  ['a default of the subject', 'name: a\nfields: [{ name: b, type: text, default: x }]\nsubject: b', /says whom a row is about/],
  [
    'a default of an encrypted field',
    'name: a\nfields: [{ name: id, type: bigint }, { name: e, type: text, encrypted: true, default: x }]',
    /would stand plain/,
  ],
  ['a default of a list', "name: a\nfields: [{ name: b, type: 'text[]', default: x }]", /for single values/],
  ['a quarantine for no time', `name: a\n${fields}\nquarantine: { keep: long }`, /expected a duration such as 12h/],
  ['consent of nobody', `name: a\n${fields}\nconsent: { purposes: [x] }`, /consent is of the person that a row is about: say which field tells/],
  ['consent to nothing', `name: a\n${fields}\nsubject: id\nconsent: { purposes: [] }`, /consent\.purposes/],
  [
    'consent at a source',
    `name: a\nsource: s\ntable: a.b\n${fields}\nsubject: id\nconsent: { purposes: [x] }`,
    /consents are kept here, where a read there can not look them up/,
  ],
  ['a cache without a unit', `name: a\n${fields}\ncache: { ttl: '60' }`, /a duration of at most a day/],
  ['a cache for longer than a day', `name: a\n${fields}\ncache: { ttl: 25h }`, /a duration of at most a day/],
  ['a cache of nothing', `name: a\n${fields}\ncache: {}`, /ttl/],
  ['retention that is not there yet', `name: a\n${fields}\nretention: {}`, /retention is not supported by this version/],
  ['a source without a table', `name: a\n${fields}\nsource: crm`, /needs the table as well/],
  ['a table without a source', `name: a\n${fields}\ntable: a.b`, /needs the source that it is in/],
  ['a table without its schema', `name: a\n${fields}\nsource: crm\ntable: invoices`, /expected schema\.table/],
  ['a column without a source', `name: a\nfields: [{ name: n, type: text, column: N }]`, /column names a column at a source/],
  ['one column twice', `name: a\nsource: crm\ntable: a.b\nfields: [{ name: n, type: text }, { name: m, type: text, column: n }]`, /are both the column "n"/],
  ['an index of a live dataset', `name: a\nsource: crm\ntable: a.b\n${fields}\nindexes: [[id]]`, /indexes are made where the rows are/],
  ['a rule of a live dataset', `name: a\nsource: crm\ntable: a.b\n${fields}\nrules: [{ name: r, check: "id > 1" }]`, /checked when rows are loaded/],
  ['drift of a live dataset', `name: a\nsource: crm\ntable: a.b\n${fields}\ndrift: freeze`, /columns of loaded files/],
  ['a cache of a live dataset', `name: a\nsource: crm\ntable: a.b\n${fields}\ncache: { ttl: 60s }`, /answers are not kept/],
  ['maxQuarantine of a live dataset', `name: a\nsource: crm\ntable: a.b\n${fields}\nmaxQuarantine: 1%`, /it is about loads/],
  [
    'a rule of a field of a live dataset',
    `name: a\nsource: crm\ntable: a.b\nfields: [{ name: n, type: text, rules: [{ unique: true }] }]`,
    /checked when rows/,
  ],
  ['a format in a live dataset', `name: a\nsource: crm\ntable: a.b\nfields: [{ name: n, type: date, format: DD.MM.YYYY }]`, /format is about loaded files/],
  ['encryption of what is no text', 'name: a\nfields: [{ name: id, type: integer }, { name: d, type: date, encrypted: true }]', /only text can be encrypted/],
])('%s is refused', (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
});

test('one meaning has one form', () => {
  const short = parse(
    `name: orders
fields:
  - { name: id, type: bigint }
  - { name: email, type: text, tags: [pii.email, crm], rules: [{ between: ['0', '10'] }], aliases: [E-Mail, mail], default: '5' }
key: [id]
quarantine: { keep: 1d }
maxQuarantine: 1%
freshness: { field: id, within: 1d }
cache: { ttl: 2m }
`.replace('type: bigint', 'type: timestamp'),
  );
  const long = parse(`name: orders
typeName: Orders
visibility: listed
drift: freeze
fields:
  - { name: id, type: timestamp, required: true, visibility: listed, tags: [], rules: [] }
  - { name: email, type: text, required: false, tags: [crm, pii.email, crm], rules: [{ between: [0, 10], severity: error }], aliases: [mail, E-Mail, mail, email], default: 5 }
key: [id]
quarantine: { keep: 24h }
relations: []
indexes: []
rules: []
maxQuarantine: 1.00%
freshness: { field: id, within: 24h }
cache: { ttl: 120s }
`);
  expect(long).toEqual(short);
  expect(datasetKind.schema.parse(short)).toEqual(short);
});

test('the list of reserved names is the one that is in force', async () => {
  expect(await readFile(new URL('../../schema/reserved.txt', import.meta.url), 'utf8')).toBe(reservedText());
});
