import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Principal } from '../../src/identity/index.js';
import type { House } from '../support/house.js';
import { anyOf, askingOf } from './support/asking.js';
import { written } from './support/documents.js';
import type { World } from './support/model.js';
import { drawRow } from './support/rows.js';
import { PATIENCE, runs } from './support/runs.js';
import { Stage } from './support/stage.js';
import type { Shown } from './support/views.js';
import { worlds } from './support/worlds.js';

/**
 * The law of bounds: a question sends the same statements whether there are no rows, a few, or a hundred times as many;
 * and its answer holds at the most as many values as its price says.
 */
const CATALOGS = 2;
const QUESTIONS = 18;
const MANY = 800;

let stages: readonly Stage[];
beforeAll(async () => (stages = await Promise.all([Stage.open(), Stage.open(), Stage.open()])));
afterAll(() => Promise.all(stages.map((stage) => stage.close())));

test.for(worlds(runs(CATALOGS)))(
  'an answer is bounded by its price, and its statements by the question (catalog $seed)',
  { timeout: PATIENCE },
  async ({ seed, world }) => {
    const rows = [emptied(world), world.rows, multiplied(world, seed)];
    const houses = await Promise.all(stages.map((stage, i) => stage.set(world, rows[i])));
    const [few] = houses;
    if (!few) throw new Error('there is no stage');
    const askings = await Promise.all(world.askers.map((asker) => askingOf(few, world, asker, { scope: { pageSizes: [0, 1, 3, 10] }, limit: withoutJson })));
    await fc.assert(
      fc.asyncProperty(
        anyOf(askings, ({ question }) => question),
        async ({ asking: { asker }, given }) => {
          const { query, variables } = written(given);
          const context = `${asker.subject} asked ${query} with ${JSON.stringify(variables)}`;
          const [none, some, many] = await Promise.all(houses.map((house) => ask(house, asker, query, variables)));
          expect(none?.statements, context).toEqual(some?.statements);
          expect(many?.statements, context).toEqual(some?.statements);
          // A root field that is null was refused, or there is no such row: it holds nothing, and if all are, there may be no price.
          const roots = Object.values(many?.data ?? {}).filter((root) => root !== null);
          if (roots.length > 0) expect(valuesIn(roots), context).toBeLessThanOrEqual(await few.price(asker, query, variables));
        },
      ),
      { seed, numRuns: QUESTIONS },
    );
  },
);

/** The answer, and the statements that it took. */
async function ask(house: House, asker: Principal, query: string, variables: Record<string, unknown>) {
  const before = house.statements.length;
  const { data } = await house.query(asker, query, variables);
  const sent = house.statements.slice(before).map(({ text }) => text);
  return { data, statements: sent.toSorted() };
}

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
