import type { GeneratorValue } from 'fast-check';
import type { Principal } from '../../../src/identity/index.js';
import type { House } from '../../support/house.js';
import { written, type FieldNode, type InputNode } from './documents.js';
import type { DatasetModel, Row } from './model.js';
import type { Args } from './questions.js';
import { drawRow } from './rows.js';
import { insert } from './stage.js';

const ALL = 1_000;
/** Where keys of rows begin that arrive later. */
const LATER = 100;

/** What happens between two pages: a row arrives, or one of those that are there leaves. */
export interface Change {
  readonly kind: 'arrives' | 'leaves';
  readonly which: number;
}

/** A dataset whose rows come and go. */
export class Coming {
  readonly #house: House;
  readonly #dataset: DatasetModel;
  readonly #g: GeneratorValue;
  readonly #first: readonly Row[];
  #rows: Row[];
  #next = LATER;

  constructor(house: House, dataset: DatasetModel, rows: readonly Row[], g: GeneratorValue) {
    this.#house = house;
    this.#dataset = dataset;
    this.#g = g;
    this.#first = rows;
    this.#rows = [...rows];
  }

  async change({ kind, which }: Change): Promise<void> {
    if (kind === 'arrives') {
      const row = drawRow(this.#g, this.#dataset, this.#next++);
      this.#rows.push(row);
      await insert(this.#house, this.#dataset, [row]);
      return;
    }
    const [row] = this.#rows.splice(which % Math.max(this.#rows.length, 1), 1);
    if (row) await this.#house.database.query(`DELETE FROM data.${this.#dataset.name} WHERE _rid = $1`, [`\\x${row.rid}`]);
  }

  /** As in the beginning. */
  async restore(): Promise<void> {
    await this.#house.database.query(`TRUNCATE data.${this.#dataset.name}`);
    await insert(this.#house, this.#dataset, this.#first);
    this.#rows = [...this.#first];
  }
}

interface Connection {
  readonly edges: readonly { readonly cursor: string; readonly node: Readonly<Record<string, unknown>> }[];
  readonly pageInfo: { readonly hasNextPage: boolean; readonly hasPreviousPage: boolean; readonly startCursor: string; readonly endCursor: string };
}

export interface Page {
  readonly uids: readonly number[];
  /** By row. */
  readonly cursors: ReadonlyMap<number, string>;
  readonly next: string | undefined;
}

/** Reads a dataset's rows by the numbers that no other row has. */
export class Walk {
  readonly #house: House;
  readonly #asker: Principal;
  readonly #name: string;
  readonly #args: Args;

  constructor(house: House, asker: Principal, name: string, args: Args) {
    this.#house = house;
    this.#asker = asker;
    this.#name = name;
    this.#args = args;
  }

  /** All rows in their order, each with its cursor: where it stands, by its own values. */
  async all(): Promise<ReadonlyMap<number, string>> {
    return (await this.page(ALL, false)).cursors;
  }

  async page(size: number, isBackward: boolean, cursor?: string): Promise<Page> {
    const given = (name: string, type: string, value: unknown): [string, InputNode] => [name, { kind: 'leaf', type, value, as: 'variable' }];
    const bounds = [
      given(isBackward ? 'last' : 'first', 'Int', size),
      ...(cursor === undefined ? [] : [given(isBackward ? 'before' : 'after', 'String', cursor)]),
    ];
    const { query, variables } = written([{ ...PAGE, name: this.#name, args: [...this.#args, ...bounds] }]);
    const { edges, pageInfo } = await this.#connection(query, variables);
    const hasMore = isBackward ? pageInfo.hasPreviousPage : pageInfo.hasNextPage;
    const cursors = new Map(edges.map(({ cursor, node }) => [node['uid'] as number, cursor]));
    return {
      uids: edges.map(({ node }) => node['uid'] as number),
      cursors,
      next: hasMore ? (isBackward ? pageInfo.startCursor : pageInfo.endCursor) : undefined,
    };
  }

  async #connection(query: string, variables: Record<string, unknown>) {
    const { data, errors } = await this.#house.query(this.#asker, query, variables);
    const connection = data[this.#name] as unknown as Connection | undefined;
    if (errors || !connection) throw new Error(`${query} with ${JSON.stringify(variables)}: ${JSON.stringify(errors)}`);
    return connection;
  }
}

const leafs = (names: readonly string[]): FieldNode[] => names.map((name) => ({ kind: 'field', name }));
const PAGE: Omit<FieldNode, 'name'> = {
  kind: 'field',
  children: [
    { kind: 'field', name: 'edges', children: [...leafs(['cursor']), { kind: 'field', name: 'node', children: leafs(['uid']) }] },
    { kind: 'field', name: 'pageInfo', children: leafs(['hasNextPage', 'hasPreviousPage', 'startCursor', 'endCursor']) },
  ],
};
