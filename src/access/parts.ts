import { areApart, isFetched, type Dataset, type Relation } from '../catalog/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { Condition } from './condition.js';
import type { GovernedPlan } from './govern.js';
import type { Through } from './relation.js';
import type { ConnectionSelection, ReadSelection, RowMember, RowSelection } from './selection.js';

export type RelationMember = Extract<RowMember, { kind: 'one' | 'many' }>;

/** What of a plan is answered in one place: the store, or one source. */
export interface PlanPart {
  /** Undefined: the store. */
  readonly source: string | undefined;
  /** The plan's root, or the relation that led here. */
  readonly selection: ReadSelection | RelationMember;
  readonly datasets: ReadonlySet<Dataset>;
  /** The dataset of its rows. */
  readonly root: Dataset;
  /** Datasets that rows are filtered, ordered or grouped through. */
  readonly reached: ReadonlySet<Dataset>;
  /** Relations in it that lead to another place. */
  readonly away: ReadonlyMap<RowMember, AwayPart>;
}

export interface AwayPart extends PlanPart {
  /** Its place among the parts that the one above leads to. */
  readonly index: number;
  /** Of the relation in the answer, ending at the first list. */
  readonly path: readonly string[];
  /** The dataset that the relation leaves. */
  readonly from: Dataset;
}

/**
 * Divides a governed plan where relations lead from one place to another. What is decided was decided on the whole.
 * @throws HeadgateError BAD_USER_INPUT for a filter or an order through such a relation: no one place can answer it.
 */
export function divide({ selection, rootKey }: GovernedPlan): PlanPart {
  const root = selection.kind === 'connection' ? selection.connection.dataset : selection.row.dataset;
  const part = new Part(selection, root);
  const place = { path: [rootKey], inList: false };
  if (selection.kind === 'connection') part.connection(selection.connection, place);
  else part.row(selection.row, place);
  return part;
}

/** Where in the answer we are, as for refusals. */
interface Place {
  readonly path: readonly string[];
  readonly inList: boolean;
}

class Part implements PlanPart {
  readonly source: string | undefined;
  readonly selection: ReadSelection | RelationMember;
  readonly root: Dataset;
  readonly datasets = new Set<Dataset>();
  readonly reached = new Set<Dataset>();
  readonly away = new Map<RowMember, AwayPart>();

  constructor(selection: ReadSelection | RelationMember, dataset: Dataset) {
    this.selection = selection;
    this.root = dataset;
    this.source = dataset.source?.source;
  }

  connection({ dataset, where, order, members }: ConnectionSelection, place: Place): void {
    this.datasets.add(dataset);
    if (where) this.#condition(where, dataset);
    for (const { through } of order) this.#through(through, dataset);
    for (const member of members) {
      const at: Place = place.inList ? place : { path: [...place.path, member.key], inList: true };
      if (member.kind === 'nodes') this.row(member.row, at);
      if (member.kind === 'groupBy') for (const key of member.grouping.keys) this.#through(key.through, dataset);
      if (member.kind === 'edges') for (const edge of member.members) if (edge.kind === 'node') this.row(edge.row, at);
    }
  }

  row({ dataset, members }: RowSelection, place: Place): void {
    this.datasets.add(dataset);
    for (const member of members) {
      if (member.kind !== 'one' && member.kind !== 'many') continue;
      const at: Place = place.inList ? place : { path: [...place.path, member.key], inList: false };
      const target = member.kind === 'one' ? member.row.dataset : member.connection.dataset;
      // Rows of an API are fetched by their keys.
      if (!areApart(dataset, target) && !isFetched(target)) this.#member(member, at);
      else this.away.set(member, awayPart(member, target, { index: this.away.size, path: at.path, from: dataset }, at));
    }
  }

  #member(member: RelationMember, place: Place): void {
    if (member.kind === 'one') this.row(member.row, place);
    else this.connection(member.connection, place);
  }

  #condition(condition: Condition, dataset: Dataset): void {
    if (condition.kind === 'and' || condition.kind === 'or') for (const inner of condition.conditions) this.#condition(inner, dataset);
    else if (condition.kind === 'not') this.#condition(condition.condition, dataset);
    else if (condition.kind === 'related') {
      this.#follow(dataset, condition.relation, condition.target);
      this.#condition(condition.condition, condition.target);
    }
  }

  #through(through: Through, dataset: Dataset): void {
    let at = dataset;
    for (const { relation, target } of through) {
      this.#follow(at, relation, target);
      at = target;
    }
  }

  #follow(from: Dataset, relation: Relation, to: Dataset): void {
    if (areApart(from, to)) {
      const message = `${from.name}.${relation.graphqlName} leads to another source, so rows can be neither filtered nor ordered nor grouped through it.`;
      throw new HeadgateError('BAD_USER_INPUT', message, { dataset: from.name, field: relation.graphqlName });
    }
    this.datasets.add(to);
    this.reached.add(to);
  }
}

function awayPart(member: RelationMember, target: Dataset, given: Pick<AwayPart, 'index' | 'path' | 'from'>, place: Place): AwayPart {
  const part = new Part(member, target);
  if (member.kind === 'one') part.row(member.row, place);
  else part.connection(member.connection, place);
  return Object.assign(part, given);
}
