import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { askingOf } from './support/asking.js';
import { written } from './support/documents.js';
import type { World } from './support/model.js';
import { PATIENCE, runs } from './support/runs.js';
import { Stage } from './support/stage.js';
import { drawTwin } from './support/twins.js';
import { worlds } from './support/worlds.js';

/**
 * The law of non-interference over generated catalogs: two stores that differ only in what a principal sees masked to a
 * constant, or not at all, give that principal the same bytes for every generated question.
 */
const CATALOGS = 4;
const QUESTIONS = 40;

let stages: readonly [Stage, Stage];
beforeAll(async () => (stages = await Promise.all([Stage.open(), Stage.open()])));
afterAll(() => Promise.all(stages.map((stage) => stage.close())));

test.for(worlds(runs(CATALOGS)))('what a principal can not see has no influence (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world }) => {
  const [g] = fc.sample(fc.gen(), { seed, numRuns: 1 });
  if (!g) throw new Error('nothing was drawn');
  const asker = g(fc.constantFrom, ...world.askers.slice(0, 2), ...world.askers);
  const left = await stages[0].set(world);
  const right = await stages[1].set(world, drawTwin(g, world, asker));
  const { question } = await askingOf(left, world, asker);
  if (!question) return;
  await fc.assert(
    fc.asyncProperty(question, async (roots) => {
      const { query, variables } = written(roots);
      const answer = await left.query(asker, query, variables);
      const context = `${asker.subject} asked ${query} with ${JSON.stringify(variables)}`;
      expect((await right.query(asker, query, variables)).text, context).toBe(answer.text);
      expect(answer.text, context).not.toContain('INTERNAL_SERVER_ERROR');
    }),
    { seed, numRuns: QUESTIONS },
  );
});

test('twins differ in what is hidden', () => {
  const [g] = fc.sample(fc.gen(), { seed: 1, numRuns: 1 });
  if (!g) throw new Error('nothing was drawn');
  const cells = ({ datasets }: World, rows: World['rows']): string =>
    JSON.stringify(
      datasets.map(({ name }) => rows[name]),
      (_, value: unknown) => (typeof value === 'bigint' ? String(value) : value),
    );
  for (const { world } of worlds({ seed: 1, numRuns: 10 })) {
    const [asker] = world.askers;
    if (asker) expect(cells(world, drawTwin(g, world, asker))).not.toBe(cells(world, world.rows));
  }
});
