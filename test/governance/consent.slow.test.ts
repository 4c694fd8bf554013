import { afterAll, beforeAll, expect, test } from 'vitest';
import { accessDiff } from '../../src/governance/access-diff.js';
import { exposuresOf } from '../../src/governance/exposure.js';
import { processingActivities } from '../../src/governance/processing-record.js';
import { House } from '../support/house.js';

/** What reviews tell of a dataset that is read by consent: they ask the function that decides, for every purpose. */
const PURPOSES = 'kind: Purpose\nname: marketing\n---\nkind: Purpose\nname: support\n---\n';
const people = (consent: string) => `kind: Dataset
name: people
fields: [{ name: id, type: bigint }, { name: email, type: text, tags: [pii.email] }]
key: [id]
subject: id
${consent}
---
kind: Grant
name: readers
to: { roles: [reader] }
on: { datasets: [people] }
fields: { '*': allow }
`;
const CONSENT = 'consent: { purposes: [marketing] }';

let house: House;
beforeAll(async () => {
  house = await House.open();
});
afterAll(() => house?.close());

async function policyOf(manifests: string) {
  await house.apply(manifests);
  return (await house.world()).authorizer.policy;
}

test('what a contract with consent closes, and what a new purpose opens', async () => {
  const before = await policyOf(PURPOSES + people(''));
  const after = await policyOf(PURPOSES + people(CONSENT));
  const told = (changes: ReturnType<typeof accessDiff>) =>
    changes.filter(({ field }) => field === 'email').map(({ movement, after: text, purposes, withoutPurpose }) => [movement, text, purposes, withoutPurpose]);
  expect(told(accessDiff(before, after))).toEqual([
    ['LOST', 'nothing', [], true],
    ['CLOSED', 'allow, in rows where id has consented to marketing', ['marketing'], false],
  ]);
  expect(told(accessDiff(after, before)).map(([movement]) => movement)).toEqual(['GAINED', 'OPENED']);
  const more = await policyOf('kind: Purpose\nname: research\n');
  expect(told(accessDiff(after, more))).toEqual([['GAINED', 'allow', ['research'], false]]);
});

test('who can see a field, and for what', async () => {
  const policy = await policyOf(PURPOSES + people(CONSENT));
  expect(exposuresOf(policy, 'pii').map(({ purposes, withoutPurpose, effect }) => [purposes, withoutPurpose, effect])).toEqual([
    [['marketing'], false, 'allow, in rows where id has consented to marketing'],
    [['research', 'support'], false, 'allow'],
  ]);
  expect(processingActivities(policy).map(({ purpose, recipients, datasets }) => [purpose, recipients, datasets.map(({ plain }) => plain)])).toEqual(
    ['marketing', 'research', 'support'].map((purpose) => [purpose, ['role reader'], [['id', 'email']]]),
  );
  // To whom the field is unknown that says whom rows are about, the rest is told all the same.
  const activities = processingActivities(policy, (_, field) => field !== 'id');
  expect(activities.map(({ datasets }) => datasets.map(({ subject, plain }) => [subject, plain]))).toEqual([
    [[undefined, ['email']]],
    [[undefined, ['email']]],
    [[undefined, ['email']]],
  ]);
});

test('a purpose stays while a contract needs consent to it', async () => {
  await policyOf(PURPOSES + people(CONSENT));
  await expect(house.apply('kind: Purpose\nname: marketing\nstate: absent\n')).rejects.toThrow(/can't be removed, because Dataset people needs it/);
  await expect(house.apply(people('consent: { purposes: [marketting] }'))).rejects.toThrow(/there is no purpose "marketting"\. Did you mean "marketing"\?/);
});
