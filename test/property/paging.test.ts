import fc from 'fast-check';
import { expect, test } from 'vitest';
import { askingOf } from './support/asking.js';
import type { World } from './support/model.js';
import { Questions } from './support/questions.js';
import { PATIENCE, runs } from './support/runs.js';
import { stage } from './support/stage.js';
import { Coming, Walk } from './support/walks.js';
import { worlds } from './support/worlds.js';

/**
 * The law of pages: read forward or backward in any order, with rows arriving and leaving meanwhile, they neither repeat nor
 * skip a row that was there throughout.
 */
const WALKS = 25;

const change = fc.record({ kind: fc.constantFrom('arrives', 'leaves'), which: fc.nat(30) });

test.for(worlds(runs(6)))('pages neither repeat nor skip a row (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world: drawn }) => {
  const world = withPlainNumbers(drawn);
  const [g] = fc.sample(fc.gen(), { seed, numRuns: 1 });
  if (!g) throw new Error('nothing was drawn');
  const house = await stage(world);
  try {
    const choices = await Promise.all(
      world.askers.map(async (asker) => {
        const { open, seen } = await askingOf(house, world, asker);
        const questions = new Questions(open);
        return [...open.values()]
          .filter(({ dataset }) => seen.of(dataset.name).rows.length > 0 && seen.access(dataset.name, 'uid').kind === 'plain')
          .map((one) => fc.record({ asker: fc.constant(asker), dataset: fc.constant(one.dataset), args: questions.choice(one) }));
      }),
    );
    const options = choices.flat();
    if (options.length === 0) return;
    const walk = fc.record({
      of: fc.oneof(...options),
      size: fc.integer({ min: 1, max: 4 }),
      isBackward: fc.boolean(),
      changes: fc.array(change, { maxLength: 8, size: 'max' }),
    });
    await fc.assert(
      fc.asyncProperty(walk, async ({ of: { asker, dataset, args }, size, isBackward, changes }) => {
        const coming = new Coming(house, dataset, world.rows[dataset.name] ?? [], g);
        const reader = new Walk(house, asker, dataset.graphqlName, args);
        try {
          const states = [await reader.all()];
          const pages: (readonly number[])[] = [];
          const left = [...changes];
          let page = await reader.page(size, isBackward);
          for (pages.push(page.uids); page.next !== undefined; pages.push(page.uids)) {
            const next = left.shift();
            if (next) {
              await coming.change(next);
              states.push(await reader.all());
            }
            page = await reader.page(size, isBackward, page.next);
          }
          const read = (isBackward ? pages.toReversed() : pages).flat();
          const stayed = (states[0] ?? []).filter((uid) => states.every((state) => state.includes(uid)));
          // By another row that it is ordered by, a row can move without being touched: it was not in its place throughout.
          const still = stayed.filter((uid) => states.every((state) => isInPlace(uid, stayed, states[0] ?? [], state)));
          expect(read.filter((uid) => still.includes(uid))).toEqual(still);
        } finally {
          if (changes.length > 0) await coming.restore();
        }
      }),
      { seed, numRuns: WALKS },
    );
  } finally {
    await house.close();
  }
});

/** Does it stand before and behind the same others? */
function isInPlace(uid: number, others: readonly number[], first: readonly number[], then: readonly number[]): boolean {
  const before = (state: readonly number[]): string =>
    others
      .filter((other) => state.indexOf(other) < state.indexOf(uid))
      .toSorted((a, b) => a - b)
      .join();
  return before(first) === before(then);
}

/** Every grant shows the number by which rows are told apart. */
function withPlainNumbers(world: World): World {
  const grants = world.grants.filter(({ on }) => on.datasets).map((grant) => ({ ...grant, fields: { ...grant.fields, uid: 'allow' as const } }));
  return { ...world, grants };
}
