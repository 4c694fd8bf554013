import type { GraphQLResolveInfo } from 'graphql';
import { Conditions, type Input } from './conditions.js';
import { Groups, type GroupArgs } from './groups.js';
import { measure, measureWire, type Measure } from './measures.js';
import { cellOf, type DatasetModel, datasetOf, fieldOf, type Row, type World } from './model.js';
import { Orders } from './orders.js';
import { pageOf, type Page, type PageArgs } from './pages.js';
import type { Refusals } from './refusals.js';
import { operand, same, wire } from './scalars.js';
import type { Seen } from './seen.js';

type Resolve = (args: Input, context: unknown, info: GraphQLResolveInfo) => unknown;
type Parent = Record<string, unknown>;

export interface ConnectionArgs extends PageArgs {
  readonly where?: Input | null;
  readonly orderBy?: readonly Input[] | null;
}

const CURSOR = 'the cursor of ';

/** Stands for the cursor of a row in what is expected. */
export function cursorOf({ rid }: Row): string {
  return CURSOR + rid;
}

/** The id of the row whose cursor it stands for. */
export function cursorsRow(text: string): string | undefined {
  return text.startsWith(CURSOR) ? text.slice(CURSOR.length) : undefined;
}

export interface ResolversOptions {
  readonly world: World;
  readonly seen: Seen;
  /** The ids of the rows that cursors of earlier answers stand for. */
  readonly cursors: ReadonlyMap<string, string>;
  /**
   * Given for a walk through the question that is about what is refused: each list has one row, whatever there is. Without
   * it the resolvers ask nobody, and what can't be seen is null.
   */
  readonly refusals?: Refusals;
}

const MEASURES: readonly Measure[] = ['countDistinct', 'sum', 'avg', 'min', 'max', 'stddev', 'variance'];
export const DEFAULT_PAGE = 50;

/** Naive resolvers over rows as a principal sees them: an object with a function for each field, and no SQL anywhere. */
export class Resolvers {
  readonly #options: ResolversOptions;
  readonly #conditions: Conditions;
  readonly #orders: Orders;
  readonly #groups: Groups;

  constructor(options: ResolversOptions) {
    this.#options = options;
    this.#conditions = new Conditions(options.world, options.seen);
    this.#orders = new Orders(options.world, this.#conditions);
    this.#groups = new Groups(options.world, this.#conditions);
  }

  /** @param isRefused is asked of each root field, by its key in the answer; such a one is null */
  root(isRefused: (key: string, dataset: DatasetModel) => boolean): Parent {
    const parent: Parent = {};
    const root = (name: string, dataset: DatasetModel, resolve: Resolve): void => {
      parent[name] = ((args, context, info) => (isRefused(String(info.path.key), dataset) ? null : resolve(args, context, info))) satisfies Resolve;
    };
    for (const dataset of this.#options.world.datasets) {
      root(dataset.graphqlName, dataset, (args) => this.#connection(dataset, args));
      root(`${dataset.graphqlName}ByKey`, dataset, (args) => this.#byKey(dataset, args));
    }
    return parent;
  }

  #byKey(dataset: DatasetModel, args: Input): Parent | null {
    const { refusals, seen } = this.#options;
    if (refusals) {
      for (const name of dataset.key) refusals.visitor().field(dataset, name);
      return this.#row(dataset, GHOST);
    }
    const key = dataset.key.map((name) => fieldOf(dataset, name));
    const found = seen.of(dataset.name).rows.find(({ cells }) =>
      key.every((field) => {
        const cell = cellOf({ cells }, field.name);
        return cell !== null && same(field.type, cell, operand(field.type, args[field.graphqlName]));
      }),
    );
    return found ? this.#row(dataset, found) : null;
  }

  /** @param among the rows of a relation; all of the dataset when left out */
  #connection(dataset: DatasetModel, args: ConnectionArgs, among?: readonly Row[]): Parent {
    const { refusals, seen, cursors } = this.#options;
    const orderBy = args.orderBy ?? [];
    if (refusals) {
      if (args.where) this.#conditions.visit(dataset, args.where, refusals.visitor());
      this.#orders.visit(dataset, orderBy, refusals.visitor());
    }
    const rows = refusals ? [GHOST] : (among ?? seen.of(dataset.name).rows);
    const { where } = args;
    const found = refusals || !where ? rows : rows.filter((row) => this.#conditions.holds(dataset, where, row) === true);
    const order = this.#orders.total(seen.of(dataset.name), orderBy, this.#key(dataset));
    const page: Page = refusals
      ? { rows: [GHOST], hasNextPage: false, hasPreviousPage: false }
      : pageOf(found, seen.of(dataset.name).rows, order, args, cursors);
    const cursor = (row: Row | undefined): string | null => (row ? cursorOf(row) : null);
    return {
      totalCount: found.length,
      nodes: () => page.rows.map((row) => this.#row(dataset, row)),
      edges: () => page.rows.map((row) => ({ cursor: cursor(row), node: () => this.#row(dataset, row) })),
      pageInfo: { ...page, startCursor: cursor(page.rows[0]), endCursor: cursor(page.rows.at(-1)) },
      aggregate: () => this.#aggregate(dataset, found),
      groupBy: ((given, _context, info) => this.#groupBy(dataset, given as unknown as GroupArgs, found, info)) satisfies Resolve,
    };
  }

  /** The contract's key, if it is all in the schema and seen plain. */
  #key(dataset: DatasetModel): readonly string[] | undefined {
    const { seen } = this.#options;
    const isKey = dataset.key.length > 0 && dataset.key.every((name) => seen.access(dataset.name, name).kind === 'plain');
    return isKey ? dataset.key : undefined;
  }

  #row(dataset: DatasetModel, row: Row): Parent {
    const { refusals } = this.#options;
    const parent: Parent = {};
    for (const field of dataset.fields) {
      parent[field.graphqlName] = ((_args, _context, info) => {
        refusals?.field(dataset, field, info);
        return wire(field, cellOf(row, field.name));
      }) satisfies Resolve;
    }
    for (const relation of dataset.relations) {
      parent[relation.graphqlName] = ((args, _context, info) => {
        const target = datasetOf(this.#options.world, relation.to);
        const isOpen = refusals ? refusals.relation(dataset, relation, info) : this.#options.seen.refusal(dataset, relation) === undefined;
        if (!isOpen) return null;
        const rows = refusals ? [GHOST] : this.#conditions.related(dataset, row, relation);
        if (relation.many) return this.#connection(target, args, rows);
        return rows[0] ? this.#row(target, rows[0]) : null;
      }) satisfies Resolve;
    }
    return parent;
  }

  #aggregate(dataset: DatasetModel, rows: readonly Row[]): Parent {
    const { refusals } = this.#options;
    const parent: Parent = { count: String(rows.length) };
    for (const name of MEASURES) {
      parent[name] = Object.fromEntries(
        dataset.fields.map((field) => {
          const resolve: Resolve = (_args, _context, info) => {
            refusals?.visitor(info).field(dataset, field.name);
            const cells = refusals ? [] : rows.map((row) => cellOf(row, field.name));
            return measureWire(name, field, measure(name, field, cells));
          };
          return [field.graphqlName, resolve];
        }),
      );
    }
    return parent;
  }

  #groupBy(dataset: DatasetModel, args: GroupArgs, rows: readonly Row[], info: GraphQLResolveInfo): Parent[] {
    const { refusals } = this.#options;
    if (refusals) this.#groups.visit(dataset, args, refusals.visitor(), refusals.visitor(info));
    const groups = refusals ? [{ keys: [], rows: [] }] : this.#groups.groups(dataset, rows, args, DEFAULT_PAGE);
    return groups.map((group) => ({
      keys: () => keysObject(dataset, this.#options.world, new Map(group.keys.map(({ place, wire: value }) => [place, value])), ''),
      aggregate: () => this.#aggregate(dataset, group.rows),
    }));
  }
}

const GHOST: Row = { rid: '', cells: {} };

function keysObject(dataset: DatasetModel, world: World, keys: ReadonlyMap<string, unknown>, prefix: string): Parent {
  const parent: Parent = {};
  for (const { graphqlName } of dataset.fields) parent[graphqlName] = keys.get(prefix + graphqlName) ?? null;
  for (const { graphqlName, to, many } of dataset.relations) {
    if (!many) parent[graphqlName] = () => keysObject(datasetOf(world, to), world, keys, `${prefix}${graphqlName}.`);
  }
  return parent;
}
