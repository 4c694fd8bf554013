import fc from 'fast-check';
import { parse, validate } from 'graphql';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { House } from '../support/house.js';
import { anyOf, askingOf, type Asking } from './support/asking.js';
import { written, type InputNode, type SelectionNode } from './support/documents.js';
import { difference } from './support/matching.js';
import type { World } from './support/model.js';
import { Oracle } from './support/oracle.js';
import { page, type Bounded } from './support/questions.js';
import { PATIENCE, runs } from './support/runs.js';
import { Stage } from './support/stage.js';
import { worlds } from './support/worlds.js';

/**
 * The law of equivalence: an answer is what plain graphql-js gives with naive resolvers over the rows as the principal
 * sees them. Both are asked the same generated questions, about generated catalogs, data and grants.
 */
const CATALOGS = 8;
const QUESTIONS = 32;
const PAGES = 6;

let stage: Stage;
beforeAll(async () => (stage = await Stage.open()));
afterAll(() => stage.close());

test.for(worlds(runs(CATALOGS)))('an answer is what naive resolvers give (catalog $seed)', { timeout: PATIENCE }, async ({ seed, world }) => {
  const house = await stage.set(world);
  const askings = await Promise.all(world.askers.map((asker) => askingOf(house, world, asker)));
  await fc.assert(
    fc.asyncProperty(
      anyOf(askings, ({ question }) => question),
      async ({ asking, given }) => void (await new Comparison(house, world, asking).compare(given)),
    ),
    { seed, numRuns: QUESTIONS },
  );
  await fc.assert(
    fc.asyncProperty(
      anyOf(askings, ({ bounded }) => bounded),
      async ({ asking, given }) => new Comparison(house, world, asking).comparePages(given),
    ),
    { seed, numRuns: PAGES },
  );
});

class Comparison {
  readonly #house: House;
  readonly #asking: Asking;
  readonly #oracle: Oracle;

  constructor(house: House, world: World, asking: Asking) {
    this.#house = house;
    this.#asking = asking;
    this.#oracle = new Oracle(world, asking.schema, asking.seen);
  }

  /** @returns the ids of the rows that the answer's cursors stand for, in the order of the answer */
  async compare(roots: readonly SelectionNode[], known: ReadonlyMap<string, string> = new Map()): Promise<ReadonlyMap<string, string>> {
    const { asker, schema } = this.#asking;
    const { query, variables } = written(roots);
    const document = parse(query);
    const context = `${asker.subject} asked ${query} with ${JSON.stringify(variables)}`;
    expect(validate(schema, document), context).toEqual([]);
    const expected = this.#oracle.answer(document, variables, known);
    const { data, errors = [], extensions = {} } = await this.#house.query(asker, query, variables);
    const told = errors.map(({ path = [], extensions: { code, dataset, field } }) => ({ code, path, dataset, ...(field !== undefined && { field }) }));
    expect(told, context).toEqual(expected.errors);
    const cursors = new Map<string, string>();
    expect(difference(expected.data, data, cursors), context).toBeUndefined();
    expect((extensions['governance'] as { masked: string[] } | undefined)?.masked ?? [], context).toEqual(expected.masked);
    return cursors;
  }

  /** Behind and before cursors of an answer, forward and backward. */
  async comparePages({ of: { name, args }, bounds }: Bounded): Promise<void> {
    const all = await this.compare([page(name, args)]);
    const cursors = [...all.keys()];
    const bound = (argument: string, index: number | undefined): [string, InputNode][] => {
      const cursor = index === undefined ? undefined : cursors[index % Math.max(cursors.length, 1)];
      return cursor === undefined ? [] : [[argument, { kind: 'leaf', type: 'String', value: cursor, as: 'variable' }]];
    };
    const size: [string, InputNode] = [bounds.isBackward ? 'last' : 'first', { kind: 'leaf', type: 'Int', value: bounds.size, as: 'literal' }];
    await this.compare([page(name, [...args, size, ...bound('after', bounds.after), ...bound('before', bounds.before)])], all);
  }
}
