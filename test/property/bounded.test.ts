import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { House } from '../support/house.js';
import { anyOf, askingOf } from './support/asking.js';
import { written } from './support/documents.js';
import type { World } from './support/model.js';
import { drawRow } from './support/rows.js';
import { PATIENCE, runs } from './support/runs.js';
import { stage } from './support/stage.js';
import type { Shown } from './support/views.js';
import { worlds } from './support/worlds.js';

/**
 * The law of bounds: a question sends the same statements whether there are no rows, a few, or a hundred times as many;
 * and its answer holds at the most as many values as its price says.
 */
const QUESTIONS = 25;
const MANY = 1_000;

test.for(worlds(runs(3)))(
  'an answer is bounded by its price, and its statements by the question (catalog $seed)',
  { timeout: PATIENCE },
  async ({ seed, world }) => {
    const houses: House[] = [];
    try {
      for (const rows of [emptied(world), world.rows, multiplied(world, seed)]) houses.push(await stage(world, rows));
      const [empty, few, many] = houses;
      if (!empty || !few || !many) throw new Error('three houses expected');
      const askings = await Promise.all(world.askers.map((asker) => askingOf(few, world, asker, { scope: { pageSizes: [0, 1, 3, 10] }, limit: withoutJson })));
      await fc.assert(
        fc.asyncProperty(
          anyOf(askings, ({ question }) => question),
          async ({ asking: { asker }, given: roots }) => {
            const { query, variables } = written(roots);
            const context = `${asker.subject} asked ${query} with ${JSON.stringify(variables)}`;
            const sent: string[][] = [];
            for (const house of houses) {
              const before = house.statements.length;
              const { data } = await house.query(asker, query, variables);
              // Roots that all are null were refused: what they cost is not asked.
              if (house === many && Object.values(data).some((root) => root !== null))
                expect(valuesIn(data), context).toBeLessThanOrEqual(await house.price(asker, query, variables));
              sent.push(
                house.statements
                  .slice(before)
                  .map(({ text }) => text)
                  .toSorted(),
              );
            }
            expect(sent[0], context).toEqual(sent[1]);
            expect(sent[2], context).toEqual(sent[1]);
          },
        ),
        { seed, numRuns: QUESTIONS },
      );
    } finally {
      for (const house of houses) await house.close();
    }
  },
);

function emptied({ datasets }: World): World['rows'] {
  return Object.fromEntries(datasets.map(({ name }) => [name, []]));
}

function multiplied({ datasets }: World, seed: number): World['rows'] {
  const [g] = fc.sample(fc.gen(), { seed, numRuns: 1 });
  if (!g) throw new Error('nothing was drawn');
  return Object.fromEntries(datasets.map((dataset) => [dataset.name, Array.from({ length: MANY }, (_, i) => drawRow(g, dataset, i))]));
}

/** A JSON value counts as one, whatever is in it, and could not be told from the answer around it. */
function withoutJson(shown: Shown): Shown {
  return new Map([...shown].map(([name, of]) => [name, { ...of, fields: of.fields.filter(({ type }) => type !== 'json') }]));
}

/** Texts, numbers, true, false and null; a list of them counts as one. */
function valuesIn(value: unknown): number {
  if (Array.isArray(value))
    return value.some((element) => typeof element === 'object' && element !== null)
      ? value.reduce<number>((sum, element) => sum + valuesIn(element), 0)
      : Math.min(value.length, 1);
  if (typeof value !== 'object' || value === null) return 1;
  return Object.values(value).reduce<number>((sum, element) => sum + valuesIn(element), 0);
}
