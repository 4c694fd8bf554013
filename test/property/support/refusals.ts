import { GraphQLError, type GraphQLResolveInfo } from 'graphql';
import type { Visitor } from './conditions.js';
import type { DatasetModel, FieldModel, RelationModel } from './model.js';
import type { Code, Seen } from './seen.js';

/** An error of an answer, as far as it is promised. */
export interface Told {
  readonly code: Code;
  readonly path: readonly (string | number)[];
  readonly dataset: string;
  /** Absent when the dataset as a whole is refused. */
  readonly field?: string;
}

/** Thrown where a field that can't be seen would steer the answer: the root field is refused. */
export class Steered extends GraphQLError {
  readonly told: Omit<Told, 'path'>;
  constructor(told: Omit<Told, 'path'>) {
    super(`${told.code} ${told.dataset}.${told.field ?? ''}`);
    this.told = told;
  }
}

/** What is refused and masked in one question, by its root fields. */
export class Refusals {
  readonly told: Told[] = [];
  readonly masked = new Map<string, Set<string>>();
  readonly #seen: Seen;

  constructor(seen: Seen) {
    this.#seen = seen;
  }

  /** For fields of arguments, and of sums over rows. */
  visitor(info?: GraphQLResolveInfo): Visitor {
    return {
      field: (dataset, name) => {
        const field = dataset.fields.find((candidate) => candidate.name === name);
        const access = this.#seen.access(dataset.name, name);
        if (access.kind === 'forbidden') throw new Steered({ code: access.code, dataset: dataset.name, field: field?.graphqlName ?? name });
        if (info && access.kind === 'masked') this.#mask(dataset, field?.graphqlName ?? name, info);
      },
      relation: (dataset, relation) => {
        const code = this.#seen.refusal(dataset, relation);
        if (code) throw new Steered({ code, dataset: dataset.name, field: relation.graphqlName });
      },
    };
  }

  /** A field of a row. @returns whether it can be seen */
  field(dataset: DatasetModel, field: FieldModel, info: GraphQLResolveInfo): boolean {
    const access = this.#seen.access(dataset.name, field.name);
    if (access.kind === 'masked') this.#mask(dataset, field.graphqlName, info);
    if (access.kind === 'forbidden') this.#tell({ code: access.code, dataset: dataset.name, field: field.graphqlName, path: pathOf(info) });
    return access.kind !== 'forbidden';
  }

  /** A relation of a row. @returns whether it can be followed */
  relation(dataset: DatasetModel, relation: RelationModel, info: GraphQLResolveInfo): boolean {
    const code = this.#seen.refusal(dataset, relation);
    if (code) this.#tell({ code, dataset: dataset.name, field: relation.graphqlName, path: pathOf(info) });
    return code === undefined;
  }

  #mask(dataset: DatasetModel, field: string, info: GraphQLResolveInfo): void {
    const root = String(pathOf(info)[0]);
    this.masked.set(root, (this.masked.get(root) ?? new Set()).add(`${dataset.name}.${field}`));
  }

  #tell(told: Told): void {
    if (!this.told.some((other) => JSON.stringify(other) === JSON.stringify(told))) this.told.push(told);
  }
}

/** Up to the first list. */
function pathOf({ path }: GraphQLResolveInfo): (string | number)[] {
  const keys: (string | number)[] = [];
  for (let at: GraphQLResolveInfo['path'] | undefined = path; at; at = at.prev) keys.unshift(at.key);
  const list = keys.findIndex((key) => typeof key === 'number');
  return list < 0 ? keys : keys.slice(0, list);
}
