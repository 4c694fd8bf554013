import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { GrantSpec } from '../../src/governance/index.js';
import { House, principal } from '../support/house.js';
import { PATIENCE, runs } from './support/runs.js';

/**
 * The law of grants: a cell is what the most open effect among the grants on its row gives, nothing where one of them
 * denies, and null where none covers it; a row is there if a grant that shows something holds for it. Here it is
 * spelled out row by row, and held against what the SQL gives.
 */
interface Person {
  readonly id: number;
  readonly country: string | null;
  readonly tier: number;
  readonly email: string | null;
  readonly salary: number | null;
}

const PEOPLE: readonly Person[] = Array.from({ length: 24 }, (_, i) => ({
  id: i + 1,
  country: [null, 'DE', 'FR', 'IT'][i % 4] ?? null,
  tier: i % 3,
  email: i % 7 === 0 ? null : `person${i}@example.com`,
  salary: i % 5 === 0 ? null : i * 1000,
}));

/** Null is SQL's unknown: such a row is not shown, and a denial holds for it. */
const FILTERS: Readonly<Record<string, (person: Person) => boolean | null>> = {
  "country = 'DE'": (person) => (person.country === null ? null : person.country === 'DE'),
  "country = claim('country')": (person) => (person.country === null ? null : person.country === 'FR'),
  'tier > 0': (person) => person.tier > 0,
  'tier <= 1': (person) => person.tier <= 1,
  'country IS NULL OR tier = 2': (person) => person.country === null || person.tier === 2,
  "country = claim('nothing')": () => null,
};

let house: House;
const asker = principal({ subject: 'asker', roles: ['reader'], claims: { country: 'FR' } });

beforeAll(async () => {
  house = await House.open();
  await house.apply(`
kind: Dataset
name: people
fields:
  - { name: id, type: integer, required: true }
  - { name: country, type: text }
  - { name: tier, type: integer }
  - { name: email, type: text }
  - { name: salary, type: integer }
key: [id]
`);
  for (const { id, country, tier, email, salary } of PEOPLE) {
    await house.database.query('INSERT INTO data.people (id, country, tier, email, salary) VALUES ($1, $2, $3, $4, $5)', [id, country, tier, email, salary]);
  }
});

afterAll(() => house.close());

const textEffect = fc.constantFrom<unknown>('allow', 'deny', { mask: 'email' }, { mask: 'hash' }, { mask: 'redact' }, { mask: 'nullify' });
const numberEffect = fc.constantFrom<unknown>('allow', 'deny', { mask: 'round', step: 5000 }, { mask: 'redact' }, { mask: 'nullify' });
const grant = fc.record(
  {
    rows: fc.constantFrom(...Object.keys(FILTERS)),
    email: textEffect,
    salary: numberEffect,
    '*': fc.constantFrom<unknown>({ mask: 'redact' }, { mask: 'nullify' }),
  },
  { requiredKeys: [] },
);

test('every cell is what the grants on its row say', { timeout: PATIENCE }, async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(grant, { minLength: 1, maxLength: 4 }), async (drawn) => {
      const specs = drawn.map(({ rows, ...fields }, i) =>
        GrantSpec.parse({ name: `g${i}`, to: { roles: ['reader'] }, on: { datasets: ['people'] }, ...(rows && { rows }), fields: { id: 'allow', ...fields } }),
      );
      await house.grant(specs);
      const { data, errors = [] } = await house.query(asker, '{ people(first: 100) { totalCount nodes { id email salary } } }');
      const expected = reference(specs);
      expect(data['people']?.nodes).toEqual(expected.rows);
      expect(data['people']?.totalCount).toBe(expected.rows.length);
      expect(errors.map((error) => error.extensions['field'])).toEqual(expected.forbidden);
      // A filter on a field sees what the reader sees of it.
      const shown = expected.rows.find((row) => row.salary !== null);
      if (shown && !expected.forbidden.includes('salary')) {
        const filtered = await house.query(asker, `{ people(first: 100, where: { salary: { eq: ${shown.salary} } }) { nodes { id } } }`);
        expect(filtered.data['people']?.nodes).toEqual(expected.rows.filter((row) => row.salary === shown.salary).map(({ id }) => ({ id })));
      }
    }),
    runs(150),
  );
});

const OPENNESS = ['allow', 'email', 'round', 'hash', 'redact', 'nullify'];

function reference(specs: readonly GrantSpec[]) {
  const holds = (spec: GrantSpec, person: Person) => spec.rows === undefined || (FILTERS[spec.rows]?.(person) ?? false);
  const effectOf = (spec: GrantSpec, field: string) => spec.fields[field] ?? spec.fields['*'];
  const forbidden = ['email', 'salary'].filter((field) => {
    const effects = specs.map((spec) => ({ spec, effect: effectOf(spec, field) })).filter(({ effect }) => effect !== undefined);
    return effects.every(({ effect }) => effect?.kind === 'deny') || effects.some(({ spec, effect }) => effect?.kind === 'deny' && spec.rows === undefined);
  });
  const denies = (spec: GrantSpec, person: Person) => spec.rows === undefined || FILTERS[spec.rows]?.(person) !== false;
  const cell = (person: Person, field: 'email' | 'salary') => {
    if (forbidden.includes(field)) return null;
    if (specs.some((spec) => effectOf(spec, field)?.kind === 'deny' && denies(spec, person))) return null;
    const effects = specs.filter((spec) => holds(spec, person)).flatMap((spec) => effectOf(spec, field) ?? []);
    const [open] = effects.toSorted((a, b) => OPENNESS.indexOf(a.kind) - OPENNESS.indexOf(b.kind));
    return open === undefined ? null : masked(open.kind, person[field], field);
  };
  const rows = PEOPLE.filter((person) => specs.some((spec) => holds(spec, person))).map((person) => ({
    id: person.id,
    email: cell(person, 'email'),
    salary: cell(person, 'salary'),
  }));
  return { rows, forbidden };
}

function masked(kind: string, value: string | number | null, field: 'email' | 'salary'): string | number | null {
  // For null too, so that it does not tell which values are null.
  if (kind === 'redact') return field === 'email' ? '***' : 0;
  if (value === null || kind === 'nullify') return null;
  switch (kind) {
    case 'allow':
      return value;
    case 'email':
      return String(value).replace(/^(.)[^@]*@/, '$1***@');
    case 'round':
      return Math.round(Number(value) / 5000) * 5000;
    case 'hash':
      return createHmac('sha256', house.keyRing.derive('mask/people.email')).update(String(value)).digest('hex');
    default:
      throw new Error(kind);
  }
}
