import { describe, expect, test } from 'vitest';
import { catalogOf, type Dataset, type DatasetSpec } from '../../src/catalog/index.js';
import { buildPolicy, decide, GrantSpec, tagMatches } from '../../src/governance/index.js';
import type { Principal } from '../../src/identity/index.js';
import { principal } from '../support/house.js';

const PEOPLE: DatasetSpec = {
  name: 'people',
  fields: [
    { name: 'email', type: 'text', tags: ['pii.email'] },
    { name: 'born', type: 'date', tags: ['pii.birthdate', 'health'] },
    { name: 'salary', type: 'decimal', tags: ['financial'] },
    { name: 'city', type: 'text' },
    { name: 'fresh', type: 'text', tags: ['unclassified'] },
    { name: 'fresh_mail', type: 'text', tags: ['pii.email', 'unclassified'] },
    { name: 'piitype', type: 'text', tags: ['piity'] },
    { name: 'hidden', type: 'text', visibility: 'secret', tags: ['pii'] },
  ],
};
const THINGS: DatasetSpec = {
  name: 'things',
  fields: [
    { name: 'label', type: 'text' },
    { name: 'owner_mail', type: 'text', tags: ['pii.email.work'] },
  ],
};
const CLOSED: DatasetSpec = { name: 'closed', visibility: 'secret', fields: [{ name: 'mail', type: 'text', tags: ['pii.email'] }] };

const ann: Principal = principal({ roles: ['reader'] });

/** What each field of a dataset is for somebody under grants: `plain`, `forbidden`, or the effect that masks it. */
function seen(dataset: string, ...grants: readonly object[]): Record<string, string> {
  const catalog = catalogOf([PEOPLE, THINGS, CLOSED]);
  const specs = grants.map((grant, i) => GrantSpec.parse({ name: `g${i}`, to: { roles: ['reader'] }, ...grant }));
  const policy = buildPolicy(catalog, specs, (name, error) => {
    throw new Error(name, { cause: error });
  });
  const found = catalog.datasets.get(dataset) as Dataset;
  const decision = decide(policy, ann, found, 'read');
  return Object.fromEntries([...decision.fields].map(([name, field]) => [name, describeField(field)]));
}

function describeField(field: object): string {
  const { access, cases = [] } = field as { access: string; cases?: readonly { readonly effect?: { readonly kind: string } }[] };
  return access === 'masked' ? cases.map(({ effect }) => effect?.kind ?? 'none').join(',') : access;
}

describe('a tag covers what is under it', () => {
  test.each([
    ['pii', 'pii', true],
    ['pii', 'pii.email', true],
    ['pii', 'pii.email.work', true],
    ['pii.email', 'pii.email.work', true],
    ['pii.email', 'pii', false],
    ['pii', 'piity', false],
    ['pii.e', 'pii.email', false],
  ])('%s and %s: %s', (granted, tag, covers) => {
    expect(tagMatches(granted, tag)).toBe(covers);
  });
});

describe('an entry of a grant', () => {
  test('by a tag beats *, and one by name beats a tag; what only begins alike is another tag', () => {
    expect(seen('people', { on: { datasets: ['people'] }, fields: { '*': 'allow', 'tag:pii': { mask: 'hash' } } })).toMatchObject({
      email: 'hash',
      born: 'forbidden',
      city: 'plain',
      piitype: 'plain',
    });
    expect(seen('people', { on: { datasets: ['people'] }, fields: { 'tag:pii': 'deny', email: 'allow' } })).toMatchObject({
      email: 'plain',
      born: 'forbidden',
    });
  });

  test('of several tags that fit, the strictest counts, finer or not', () => {
    const fields = { 'tag:pii': 'allow', 'tag:health': { mask: 'year' } };
    expect(seen('people', { on: { datasets: ['people'] }, fields })).toMatchObject({ born: 'year', email: 'plain' });
    const finer = { 'tag:pii': { mask: 'redact' }, 'tag:pii.email': 'allow' };
    expect(seen('people', { on: { datasets: ['people'] }, fields: finer })).toMatchObject({ email: 'redact' });
  });
});

describe('a grant on tags', () => {
  const grant = { on: { tags: ['pii.email'] }, fields: { '*': { mask: 'email' } } };

  test('reaches the fields that carry one, in every dataset that is not secret, and no other field', () => {
    expect(seen('people', grant)).toMatchObject({ email: 'email', born: 'forbidden', city: 'forbidden', salary: 'forbidden' });
    expect(seen('things', grant)).toEqual({ label: 'forbidden', owner_mail: 'email' });
    expect(Object.values(seen('closed', grant))).not.toContain('email');
  });

  test('that denies closes the fields against all other grants', () => {
    const all = { on: { datasets: ['*'] }, fields: { '*': 'allow' } };
    expect(seen('things', all, { on: { tags: ['pii'] }, fields: { '*': 'deny' } })).toEqual({ label: 'plain', owner_mail: 'forbidden' });
  });
});

describe('unclassified', () => {
  test('is never reached by *, and is by its name or another tag', () => {
    expect(seen('people', { on: { datasets: ['people'] }, fields: { '*': 'allow' } })).toMatchObject({
      city: 'plain',
      fresh: 'forbidden',
      fresh_mail: 'forbidden',
    });
    expect(seen('people', { on: { datasets: ['people'] }, fields: { '*': 'allow', fresh: 'allow' } })).toMatchObject({ fresh: 'plain' });
    expect(seen('people', { on: { datasets: ['people'] }, fields: { 'tag:unclassified': { mask: 'redact' } } })).toMatchObject({
      fresh: 'redact',
      fresh_mail: 'redact',
    });
  });

  test('is not reached by the * of a grant on another tag either', () => {
    expect(seen('people', { on: { tags: ['pii.email'] }, fields: { '*': 'allow' } })).toMatchObject({ email: 'plain', fresh_mail: 'forbidden' });
  });
});

test('a secret field is reached by its name only, whatever its tags', () => {
  expect(seen('people', { on: { datasets: ['people'] }, fields: { '*': 'allow', 'tag:pii': 'allow' } })['hidden']).not.toBe('plain');
  expect(seen('people', { on: { datasets: ['people'] }, fields: { hidden: 'allow' } })['hidden']).toBe('plain');
});
