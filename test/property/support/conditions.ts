import { at, pathOperates } from './json-values.js';
import { cellOf, type DatasetModel, datasetOf, fieldOf, type RelationModel, type Row, type World } from './model.js';
import { operates } from './operators.js';
import { and, not, or } from './row-filters.js';
import { same } from './scalars.js';
import type { Seen } from './seen.js';

export type Input = Readonly<Record<string, unknown>>;

/** Meets each field and relation that a condition names, before it is asked of any row. */
export interface Visitor {
  field(dataset: DatasetModel, name: string): void;
  relation(dataset: DatasetModel, relation: RelationModel): void;
}

/** The reference for `where`: of a coerced argument and one row after another. */
export class Conditions {
  readonly #world: World;
  readonly #seen: Seen;

  constructor(world: World, seen: Seen) {
    this.#world = world;
    this.#seen = seen;
  }

  /** The rows that belong to one, by the values as they are seen. Null is equal to nothing. */
  related(from: DatasetModel, row: Row, { to, on }: RelationModel): readonly Row[] {
    return this.#seen.of(to).rows.filter(({ cells }) =>
      on.every(({ local, remote }) => {
        const [near, far] = [cellOf(row, local), cellOf({ cells }, remote)];
        return near !== null && far !== null && same(fieldOf(from, local).type, near, far);
      }),
    );
  }

  holds(dataset: DatasetModel, where: Input, row: Row): boolean | null {
    return and(Object.entries(where).map(([name, given]) => this.#member(dataset, name, given, row)));
  }

  visit(dataset: DatasetModel, where: Input, visitor: Visitor): void {
    for (const [name, given] of Object.entries(where)) {
      if (name === 'and' || name === 'or') for (const inner of listOf(given)) this.visit(dataset, inner, visitor);
      else if (name === 'not') this.visit(dataset, given as Input, visitor);
      else {
        const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
        if (!relation) {
          // A field without an operator is a condition that says nothing.
          const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
          const said = Object.entries(given as Input).flatMap(([operator, value]) =>
            operator === 'path' ? Object.keys(value as Input).filter((key) => key !== 'path') : [operator],
          );
          if (field && said.length > 0) visitor.field(dataset, field.name);
          continue;
        }
        const target = datasetOf(this.#world, relation.to);
        for (const inner of relation.many ? Object.values(given as Input) : [given]) {
          visitor.relation(dataset, relation);
          this.visit(target, inner as Input, visitor);
        }
      }
    }
  }

  #member(dataset: DatasetModel, name: string, given: unknown, row: Row): boolean | null {
    if (name === 'and') return and(listOf(given).map((inner) => this.holds(dataset, inner, row)));
    if (name === 'or') return or(listOf(given).map((inner) => this.holds(dataset, inner, row)));
    if (name === 'not') return not(this.holds(dataset, given as Input, row));
    const field = dataset.fields.find((candidate) => candidate.graphqlName === name);
    if (!field) return this.#relation(dataset, name, given as Input, row);
    const cell = cellOf(row, field.name);
    return and(
      Object.entries(given as Input).map(([operator, value]) => {
        if (operator !== 'path') return operates(field, operator, cell, value);
        const { path, ...operators } = value as Input;
        const found = cell === null ? undefined : at(cell, listOfTexts(path));
        return and(Object.entries(operators).map(([inner, asked]) => pathOperates(found, inner, asked)));
      }),
    );
  }

  #relation(dataset: DatasetModel, name: string, given: Input, row: Row): boolean | null {
    const relation = dataset.relations.find((candidate) => candidate.graphqlName === name);
    if (!relation) throw new Error(`${dataset.name} has no ${name}`);
    const target = datasetOf(this.#world, relation.to);
    const all = this.related(dataset, row, relation);
    const some = (where: unknown): boolean => all.some((other) => this.holds(target, where as Input, other) === true);
    if (!relation.many) return some(given);
    return and(
      Object.entries(given).map(([quantifier, where]) => {
        if (quantifier === 'every') return all.every((other) => this.holds(target, where as Input, other) === true);
        return quantifier === 'some' ? some(where) : !some(where);
      }),
    );
  }
}

function listOf(given: unknown): Input[] {
  return Array.isArray(given) ? given : [given as Input];
}

function listOfTexts(given: unknown): string[] {
  return Array.isArray(given) ? given : [given as string];
}
