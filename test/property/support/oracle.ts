import { execute, type DocumentNode, type ExecutionResult, type GraphQLSchema } from 'graphql';
import type { World } from './model.js';
import { Refusals, Steered, type Told } from './refusals.js';
import { Resolvers } from './resolvers.js';
import type { Seen } from './seen.js';

export interface Expected {
  /** With `Near`, `JsonInAnswer` and `cursorOf` in the places where a value is not known to the letter. */
  readonly data: Readonly<Record<string, unknown>>;
  readonly errors: readonly Told[];
  /** `dataset.field` of what is shown masked, sorted. */
  readonly masked: readonly string[];
}

/** What an answer must be: plain graphql-js over the rows as the principal sees them. */
export class Oracle {
  readonly #world: World;
  readonly #schema: GraphQLSchema;
  readonly #seen: Seen;

  /** @param schema the API schema of the principal's view; its types have no resolvers */
  constructor(world: World, schema: GraphQLSchema, seen: Seen) {
    this.#world = withoutHiddenKeys(world, schema);
    this.#schema = schema;
    this.#seen = seen;
  }

  answer(document: DocumentNode, variables: Readonly<Record<string, unknown>>, cursors: ReadonlyMap<string, string> = new Map()): Expected {
    const world = this.#world;
    const refusals = new Refusals(this.#seen);
    const roots = new Map<string, string>();
    const walker = new Resolvers({ world, seen: this.#seen, cursors, refusals });
    const walk = this.#run(
      document,
      variables,
      walker.root((key, { name }) => !roots.set(key, name)),
    );
    const refused = new Map<string, Told>();
    for (const { originalError, path } of walk.errors ?? []) {
      const key = String(path?.[0]);
      if (!(originalError instanceof Steered)) throw originalError ?? new Error('an error of the reference');
      if (!refused.has(key)) refused.set(key, { ...originalError.told, path: [key] });
    }
    // Nothing of the dataset is shown, and nothing else of the question has said so.
    for (const [key, dataset] of roots) {
      const code = this.#seen.of(dataset).refusal;
      if (code && !refused.has(key) && !refusals.told.some(({ path }) => path[0] === key)) refused.set(key, { code, dataset, path: [key] });
    }
    const { data, errors } = this.#run(
      document,
      variables,
      new Resolvers({ world, seen: this.#seen, cursors }).root((key) => refused.has(key)),
    );
    if (errors) throw errors[0]?.originalError ?? new Error(errors[0]?.message);
    const keys = Object.keys(data ?? {});
    const told = [...refused.values(), ...refusals.told.filter(({ path }) => !refused.has(String(path[0])))];
    return {
      data: data ?? {},
      errors: told.toSorted((a, b) => keys.indexOf(String(a.path[0])) - keys.indexOf(String(b.path[0]))),
      masked: [...new Set([...refusals.masked].flatMap(([key, names]) => (refused.has(key) ? [] : [...names])))].toSorted(),
    };
  }

  #run(document: DocumentNode, variables: Readonly<Record<string, unknown>>, rootValue: unknown): ExecutionResult {
    const result = execute({ schema: this.#schema, document, rootValue, variableValues: variables });
    if (result instanceof Promise) throw new Error('the reference has no promises');
    return result;
  }
}

/** A key of which the view hides a part is none: rows are ordered by their random ids. */
function withoutHiddenKeys(world: World, schema: GraphQLSchema): World {
  const isShown = (typeName: string, field: string): boolean => {
    const type = schema.getType(typeName);
    return type !== undefined && 'getFields' in type && Object.hasOwn(type.getFields(), field);
  };
  return {
    ...world,
    datasets: world.datasets.map((dataset) => {
      const shown = dataset.key.every((name) => dataset.fields.some((field) => field.name === name && isShown(dataset.typeName, field.graphqlName)));
      return shown ? dataset : { ...dataset, key: [] };
    }),
  };
}
