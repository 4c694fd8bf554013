import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { datasetKind, exportManifests, parseManifests, SCALAR_TYPES } from '../../src/catalog/index.js';
import { createWorld, KINDS, type World } from './setup.js';

let world: World;

beforeAll(async () => {
  world = await createWorld();
});

afterAll(async () => {
  await world?.close();
});

/** Texts that YAML could take for something else, and texts that it must quote. */
const text = fc.oneof(
  fc.constantFrom(
    'yes',
    'null',
    '~',
    '1e3',
    '0x1F',
    '2001-01-01',
    ' a ',
    'a: b',
    '- a',
    '# a',
    'a\nb\n',
    '"',
    "'",
    '\\',
    '*a',
    '&a',
    '!a',
    '%',
    '@',
    '`',
    '<<',
    '$',
    '{a}',
    '\u2028',
    '\u00e9',
    '😀',
    '\t',
    '...',
    '---',
  ),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 30 }).filter((value) => value.isWellFormed() && !value.includes('\0') && !value.includes('${')),
);

const rule = (type: string, list: boolean) => {
  const severity = fc.constantFrom(undefined, 'warn', 'error');
  const kinds = [
    ...(type === 'text' || list ? [fc.tuple(fc.nat(5), fc.nat(5)).map(([low, more]) => ({ length: [low, low + more] }))] : []),
    ...(type === 'text' && !list
      ? [fc.constant({ matches: '^[a-z]+\\s?$' }), fc.array(text, { minLength: 1, maxLength: 3 }).map((values) => ({ in: values }))]
      : []),
    ...(['integer', 'bigint', 'decimal'].includes(type) && !list
      ? [fc.tuple(fc.integer(), fc.nat()).map(([low, more]) => ({ between: [low, `${low + more > 2147483647 ? 2147483647 : low + more}`] }))]
      : []),
    ...(type !== 'json' && !list ? [fc.constant({ unique: true })] : []),
  ];
  return kinds.length === 0
    ? fc.constant(undefined)
    : fc.tuple(fc.oneof(...kinds), severity).map(([body, level]) => ({ ...body, ...(level && { severity: level }) }));
};

const field = fc.record({ type: fc.constantFrom(...SCALAR_TYPES), list: fc.boolean() }).chain(({ type, list }) =>
  fc.record(
    {
      type: fc.constant(type + (list ? '[]' : '')),
      required: fc.boolean(),
      description: text,
      deprecated: text,
      visibility: fc.constantFrom('listed', 'secret'),
      shareable: fc.boolean(),
      tags: fc.array(fc.constantFrom('pii', 'pii.email', 'financial', 'unclassified'), { maxLength: 3 }),
      rules: fc.array(rule(type, list), { maxLength: 2 }).map((rules) => rules.filter((one) => one !== undefined)),
    },
    { requiredKeys: ['type'] },
  ),
);

const dataset = fc
  .record(
    {
      fields: fc.array(field, { minLength: 1, maxLength: 6 }).map((fields) => fields.map((one, i) => ({ name: `f${i}`, ...one }))),
      typeName: fc.constantFrom('Zebra', 'Yak'),
      description: text,
      owner: text,
      visibility: fc.constantFrom('listed', 'secret'),
      shareable: fc.boolean(),
      drift: fc.constantFrom('freeze', 'evolve', 'quarantine'),
      quarantine: fc.constantFrom({ keep: '24h' }, { keep: '90m' }),
      maxQuarantine: fc.oneof(
        fc.nat(1000),
        fc.nat(100).map((share) => `${share}%`),
        fc.constant('0.5%'),
      ),
      cache: fc.constantFrom({ ttl: '60s' }, { ttl: '90s' }, { ttl: '24h' }),
      withKey: fc.boolean(),
      rules: fc.constantFrom([{ name: 'some', rowCount: { min: 1 } }], [{ name: 'sane', check: 'f0 IS NOT NULL', severity: 'warn' }]),
    },
    { requiredKeys: ['fields'] },
  )
  .map(({ withKey, ...rest }) => {
    const [first] = rest.fields;
    const keyable = withKey && first && !first.type.endsWith('[]') && !['json', 'float'].includes(first.type) && first.required !== false;
    return {
      kind: 'Dataset',
      name: 'zoo',
      ...rest,
      ...(keyable && { key: ['f0'], indexes: [['f0']], relations: [{ name: 'self', to: 'zoo', on: { f0: 'f0' } }] }),
    };
  });

test('what is exported says what was applied: read again it is the same, for any dataset', () => {
  fc.assert(
    fc.property(dataset, (document) => {
      const [first] = parseManifests([{ file: 'a', text: stringify(document) }], [datasetKind]);
      const [again] = parseManifests([{ file: 'b', text: stringify({ kind: 'Dataset', ...first?.spec }) }], [datasetKind]);
      expect(again?.spec).toEqual(first?.spec);
    }),
    { numRuns: 300 },
  );
});

test('export, then apply, changes nothing, for any dataset', async () => {
  await world.apply('kind: Purpose\nname: p\ndescription: "yes"\n');
  await fc.assert(
    fc.asyncProperty(dataset, async (document) => {
      await world.apply(`kind: Dataset\nname: zoo\nstate: absent\n`);
      await world.apply(stringify(document));
      const exported = await exportManifests(world.database, KINDS);
      const result = await world.apply(exported.map(({ text: one }) => one).join('---\n'), { prune: true });
      expect(result.changes.map(({ name, change }) => `${name} ${change}`)).toEqual(['p unchanged', 'zoo unchanged']);
    }),
    { numRuns: 25 },
  );
});
