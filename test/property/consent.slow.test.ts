import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Consents } from '../../src/governance/index.js';
import { subjectReference } from '../../src/vault/index.js';
import { House, principal } from '../support/house.js';
import { PATIENCE, runs } from './support/runs.js';

/**
 * For any history of consents, what is seen for a purpose are the rows of exactly those persons who have consented to it by a
 * model in a few lines, after each step of the history; and the other rows change nothing, whatever is in them.
 */
const MANIFESTS = `
kind: Purpose
name: marketing
---
kind: Purpose
name: research
---
kind: Purpose
name: billing
---
kind: Dataset
name: events
fields:
  - { name: id, type: integer }
  - { name: who, type: text }
  - { name: value, type: integer }
key: [id]
subject: who
consent: { purposes: [marketing, research] }
relations:
  - { name: account, to: accounts, on: { who: who } }
---
kind: Dataset
name: accounts
fields: [{ name: who, type: text }, { name: plan, type: text }]
key: [who]
subject: who
consent: { purposes: [marketing] }
relations:
  - { name: events, to: events, on: { who: who }, many: true }
---
kind: Grant
name: all
to: { roles: [reader] }
on: { datasets: [events, accounts] }
fields: { '*': allow }
`;

const SUBJECTS = ['a', 'A', 'a ', 'ä', '1', '01', "o'x", '%', '\\', 'null', '{}', '0.0'] as const;
const PURPOSES = ['marketing', 'research', 'billing'] as const;
const actor = { subject: 'steward', roles: ['steward'] };
const HOUR = 3_600_000;

let house: House;
beforeAll(async () => {
  house = await House.open();
  await house.apply(MANIFESTS);
});
afterAll(() => house?.close());

interface Period {
  readonly subject: string;
  readonly purpose: string;
  /** In hours from now. */
  readonly from: number;
  readonly until: number | undefined;
}

type Step = (Period & { readonly kind: 'record' }) | { readonly kind: 'withdraw'; readonly subject: string; readonly purpose: string };

/** All that one needs to know. */
class Model {
  #periods: Period[] = [];

  take(step: Step): void {
    if (step.kind === 'record') this.#periods.push(step);
    else this.#periods = this.#periods.filter(({ subject, purpose }) => subject !== step.subject || purpose !== step.purpose);
  }

  hasConsented(subject: string | null, purpose: string): boolean {
    return this.#periods.some((period) => period.subject === subject && period.purpose === purpose && period.from <= 0 && (period.until ?? 1) > 0);
  }
}

const subject = fc.constantFrom(...SUBJECTS);
const purpose = fc.constantFrom(...PURPOSES);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .record({ kind: fc.constant('record' as const), subject, purpose, from: fc.constantFrom(-5, -2, 0, 2), length: fc.constantFrom(1, 4, 1000, undefined) })
      .map(({ length, ...rest }) => ({ ...rest, until: length === undefined ? undefined : rest.from + length })),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('withdraw' as const), subject, purpose }) },
);
const rows = fc.array(fc.record({ who: fc.option(subject), value: fc.integer({ min: 0, max: 9 }) }), { maxLength: 20 });

test('the rows of those who have consented, and no others', { timeout: PATIENCE }, async () => {
  const consents = new Consents({
    ...house,
    referenceOf: (one) => subjectReference(house.keyRing, one),
    audit: { record: async () => undefined, recordIn: async () => undefined },
  });
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), rows, fc.integer({ min: 0, max: 9 }), async (steps, given, bound) => {
      round += 1;
      // Consents are kept, so each round has persons of its own.
      const name = (who: string) => `${who}#${round}`;
      const all = given.map(({ who, value }, i) => ({ id: i, who: who === null ? null : name(who), value }));
      await house.database.query('TRUNCATE data.events, data.accounts');
      await house.database.query(
        'INSERT INTO data.events (id, who, value) SELECT id, who, value FROM json_to_recordset($1) AS r (id int, who text, value int)',
        [JSON.stringify(all)],
      );
      await house.database.query("INSERT INTO data.accounts (who, plan) SELECT w, 'plan of ' || w FROM unnest($1::text[]) AS w", [SUBJECTS.map(name)]);
      const model = new Model();
      for (const [i, one] of steps.entries()) {
        model.take(one);
        if (one.kind === 'record') {
          const now = Date.now();
          const until = one.until === undefined ? {} : { until: new Date(now + one.until * HOUR) };
          const from = one.from === 0 ? {} : { from: new Date(now + one.from * HOUR) };
          await consents.record({ subject: name(one.subject), purpose: one.purpose, ...from, ...until }, actor);
        } else
          await consents
            .withdraw({ subject: name(one.subject), purpose: one.purpose }, actor)
            .catch((error: { code?: string }) => expect(error.code).toBe('NOT_FOUND'));
        if (i % 4 === 3 || i === steps.length - 1) await agree(model);
      }
      if (steps.length === 0) await agree(model);

      async function agree(by: Model): Promise<void> {
        for (const declared of PURPOSES) {
          const who = principal({ roles: ['reader'], purposes: PURPOSES, purpose: declared });
          const needsIt = (purposes: readonly string[]) => purposes.includes(declared);
          const own = (text: string | null) => text?.slice(0, -1 - String(round).length) ?? null;
          const seen = all.filter((row) => !needsIt(['marketing', 'research']) || by.hasConsented(own(row.who), declared));
          const hasAccount = (text: string | null) => text !== null && (!needsIt(['marketing']) || by.hasConsented(own(text), declared));
          const matching = seen.filter(({ value }) => value >= bound);
          const query = `{
            events(where: { value: { gte: ${bound} } }, orderBy: [{ id: ASC }]) { totalCount nodes { id account { plan } } aggregate { count sum { value } } groupBy(keys: [{ value: true }]) { keys { value } aggregate { count } } }
            accounts(where: { events: { some: { value: { gte: ${bound} } } } }) { totalCount }
            with: events(where: { account: { plan: { startsWith: "plan" } } }) { totalCount }
          }`;
          const { data, errors } = await house.query(who, query);
          expect(errors).toBeUndefined();
          const groups = Map.groupBy(matching, ({ value }) => value);
          expect(data).toEqual({
            events: {
              totalCount: matching.length,
              nodes: matching.map(({ id, who: text }) => ({ id, account: hasAccount(text) ? { plan: `plan of ${text}` } : null })),
              aggregate: {
                count: String(matching.length),
                sum: { value: matching.length === 0 ? null : String(matching.reduce((sum, { value }) => sum + value, 0)) },
              },
              groupBy: [...groups].toSorted(([a], [b]) => a - b).map(([value, of]) => ({ keys: { value }, aggregate: { count: String(of.length) } })),
            },
            accounts: { totalCount: new Set(matching.map(({ who: text }) => text).filter(hasAccount)).size },
            with: { totalCount: seen.filter(({ who: text }) => hasAccount(text)).length },
          });
        }
      }
    }),
    runs(60),
  );
});
