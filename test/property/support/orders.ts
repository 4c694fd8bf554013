import type { Conditions, Input, Visitor } from './conditions.js';
import { type Cell, cellOf, type DatasetModel, datasetOf, type FieldModel, fieldOf, type RelationModel, type Row, type World } from './model.js';
import { compare } from './scalars.js';
import type { SeenDataset } from './seen.js';

/** What the enum's names stand for in a coerced argument. */
export interface Direction {
  readonly descending: boolean;
  readonly nullsFirst: boolean;
}

interface Term extends Direction {
  readonly through: readonly { readonly from: DatasetModel; readonly relation: RelationModel }[];
  readonly dataset: DatasetModel;
  readonly field: FieldModel;
}

/** Nulls at the end that was asked for; equal otherwise. */
export function compareNullable<T>(by: (a: T, b: T) => number, { descending, nullsFirst }: Direction, a: T, b: T): number {
  if (a === null || b === null) return (Number(a === null) - Number(b === null)) * (nullsFirst ? -1 : 1);
  return by(a, b) * (descending ? -1 : 1);
}

/** The reference for `orderBy`. */
export class Orders {
  readonly #world: World;
  readonly #conditions: Conditions;

  constructor(world: World, conditions: Conditions) {
    this.#world = world;
    this.#conditions = conditions;
  }

  visit(dataset: DatasetModel, orderBy: readonly Input[], visitor: Visitor): void {
    for (const element of orderBy) {
      const term = this.#term(dataset, element);
      for (const { from, relation } of term.through) visitor.relation(from, relation);
      visitor.field(term.dataset, term.field.name);
    }
  }

  /** Of two rows; zero for a row and itself only. @param key the contract's, where the principal sees it plain */
  total(seen: SeenDataset, orderBy: readonly Input[], key: readonly string[] | undefined): (a: Row, b: Row) => number {
    const { dataset } = seen;
    const terms = orderBy.map((element) => this.#term(dataset, element));
    return (a, b) => {
      for (const term of terms) {
        const order = compareNullable((x, y) => compare(term.field.type, x, y), term, this.#value(term, a), this.#value(term, b));
        if (order !== 0) return order;
      }
      for (const name of key ?? []) {
        const order = compare(fieldOf(dataset, name).type, cellOf(a, name), cellOf(b, name));
        if (order !== 0) return order;
      }
      return key ? 0 : a.rid < b.rid ? -1 : a.rid > b.rid ? 1 : 0;
    };
  }

  #value({ through, field }: Term, row: Row): Cell {
    let at: Row | undefined = row;
    for (const { from, relation } of through) at = at && this.#conditions.related(from, at, relation)[0];
    return at ? cellOf(at, field.name) : null;
  }

  #term(dataset: DatasetModel, element: Input, through: Term['through'] = []): Term {
    const [[name, value] = ['', undefined]] = Object.entries(element);
    const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
    if (field) return { through, dataset, field, ...(value as Direction) };
    const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
    if (!relation) throw new Error(`${dataset.name} has no ${name}`);
    return this.#term(datasetOf(this.#world, relation.to), value as Input, [...through, { from: dataset, relation }]);
  }
}
