import type { Dataset, Field, Relation } from '../catalog/index.js';
import type { DatasetDecision, RefusalCode } from '../governance/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { Condition } from './condition.js';
import { governAggregate } from './govern-aggregate.js';
import type { Quantity } from './measure.js';
import { keyFields } from './order.js';
import type { ConnectionMember, ConnectionSelection, EdgeMember, OrderTerm, ReadSelection, RowMember, RowSelection } from './selection.js';
import type { AggregateMember, Grouping, Having } from './summary.js';
import { relationRefusal } from './traversal.js';

/** A field or relation that the answer holds as null, and why. */
export interface Refusal {
  readonly code: RefusalCode;
  readonly dataset: string;
  /** The GraphQL name of the field or relation. */
  readonly field: string;
  /** Of a relation, the dataset that it leads to. */
  readonly target?: string;
  /** From the root field on, ending at the first list. */
  readonly path: readonly string[];
}

/** What one dataset gives to an answer, by contract names. */
export interface DatasetRead {
  readonly plain: Set<string>;
  readonly masked: Set<string>;
  /** Of the masked ones, those that the answer holds; the others were filtered or ordered by. */
  readonly maskedInAnswer: Set<string>;
  readonly refused: Set<string>;
}

declare const governed: unique symbol;

/** A selection after governance: the only thing that can be compiled to SQL, and only `govern` makes one. */
export interface GovernedPlan {
  readonly [governed]: true;
  /** The key of the root field in the answer. */
  readonly rootKey: string;
  readonly selection: ReadSelection;
  readonly decisions: ReadonlyMap<string, DatasetDecision>;
  readonly refusals: readonly Refusal[];
  readonly reads: ReadonlyMap<string, DatasetRead>;
}

/**
 * Applies decisions to a selection: what can't be seen becomes null with a refusal; where it would steer the answer
 * (filter, order, key) the whole read is refused.
 * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED with `dataset` and `field`.
 */
export function govern(selection: ReadSelection, rootKey: string, decide: (dataset: Dataset) => DatasetDecision): GovernedPlan {
  const governor = new Governor(decide);
  const result = governor.read(selection, rootKey);
  return {
    rootKey,
    selection: result,
    decisions: governor.decisions,
    refusals: [...governor.refusals.values()],
    reads: governor.reads,
  } as unknown as GovernedPlan;
}

/** Where in the answer we are: errors below a list stand at the list, once. */
interface Place {
  readonly path: readonly string[];
  readonly inList: boolean;
}

class Governor {
  readonly decisions = new Map<string, DatasetDecision>();
  readonly refusals = new Map<string, Refusal>();
  readonly reads = new Map<string, DatasetRead>();
  readonly #decide: (dataset: Dataset) => DatasetDecision;

  constructor(decide: (dataset: Dataset) => DatasetDecision) {
    this.#decide = decide;
  }

  read(selection: ReadSelection, rootKey: string): ReadSelection {
    const root: Place = { path: [rootKey], inList: false };
    const dataset = selection.kind === 'connection' ? selection.connection.dataset : selection.row.dataset;
    const decision = this.#decisionOn(dataset);
    let result: ReadSelection;
    if (selection.kind === 'connection') {
      result = { kind: 'connection', connection: this.#connection(selection.connection, root) };
    } else {
      for (const { field } of selection.key) this.#steer(decision, field);
      result = { ...selection, row: this.#row(selection.row, { ...root, inList: selection.kind === 'byKeys' }) };
    }
    // Otherwise a count of nothing, or __typename, would be the only answer to somebody who may see nothing.
    if (decision.rows === 'none' && !decision.aggregate && this.refusals.size === 0) throw refusedDataset(decision);
    return result;
  }

  #connection(connection: ConnectionSelection, place: Place): ConnectionSelection {
    const decision = this.#decisionOn(connection.dataset);
    if (decision.aggregate) {
      governAggregate(connection, decision, decision.aggregate, this.#readOf(connection.dataset).plain);
      return connection;
    }
    if (connection.where) this.#condition(connection.where, decision);
    for (const term of connection.order) this.#order(term, decision);
    // A cursor holds the key where it ends the order.
    if (hasCursors(connection)) for (const field of keyFields(connection.dataset, decision) ?? []) this.#use(decision, field.name, false);
    const members = connection.members.map((member): ConnectionMember => {
      const at = (key: string): Place => (place.inList ? place : { path: [...place.path, key], inList: true });
      if (member.kind === 'nodes') return { ...member, row: this.#row(member.row, at(member.key)) };
      if (member.kind === 'edges') {
        const edges = member.members.map((edge): EdgeMember => (edge.kind === 'node' ? { ...edge, row: this.#row(edge.row, at(member.key)) } : edge));
        return { ...member, members: edges };
      }
      if (member.kind === 'aggregate') this.#aggregate(member.members, decision);
      if (member.kind === 'groupBy') this.#grouping(member.grouping, decision);
      return member;
    });
    return { ...connection, members };
  }

  /** A number over fields that can't be seen would tell of them: refused for the whole read. */
  #aggregate(members: readonly AggregateMember[], decision: DatasetDecision): void {
    for (const member of members) {
      if (member.kind !== 'measures') continue;
      for (const inner of member.members) if (inner.kind === 'field') this.#steer(decision, inner.field, true);
    }
  }

  #grouping({ keys, having, order, members }: Grouping, decision: DatasetDecision): void {
    for (const { through, field } of keys) {
      let at = decision;
      for (const { relation, target } of through) at = this.#follow(relation, target, at);
      this.#steer(at, field, true);
    }
    if (having) this.#having(having, decision);
    for (const { by } of order) if (by.kind === 'measure') this.#quantity(by, decision);
    for (const member of members) if (member.kind === 'aggregate') this.#aggregate(member.members, decision);
  }

  #having(having: Having, decision: DatasetDecision): void {
    switch (having.kind) {
      case 'and':
      case 'or':
        for (const inner of having.conditions) this.#having(inner, decision);
        return;
      case 'not':
        return this.#having(having.condition, decision);
      case 'compare':
      case 'isNull':
        return this.#quantity(having.quantity, decision);
    }
  }

  #quantity(quantity: Quantity, decision: DatasetDecision): void {
    if (quantity.kind === 'measure') this.#steer(decision, quantity.field);
  }

  #row(row: RowSelection, place: Place): RowSelection {
    const decision = this.#decisionOn(row.dataset);
    const members = row.members.map((member): RowMember => {
      const at: Place = place.inList ? place : { path: [...place.path, member.key], inList: false };
      if (member.kind === 'field') return this.#field(decision, member, at);
      if (member.kind !== 'one' && member.kind !== 'many') return member;
      const target = member.kind === 'one' ? member.row.dataset : member.connection.dataset;
      const there = this.#decisionOn(target);
      const refusal = relationRefusal(member.relation, decision, there);
      if (refusal) {
        this.#refuse({ code: refusal, dataset: row.dataset.name, field: member.relation.graphqlName, target: target.name, path: at.path });
        return { kind: 'nothing', key: member.key };
      }
      this.#useKeys(member.relation, decision, there);
      if (member.kind === 'one') return { ...member, row: this.#row(member.row, at) };
      return { ...member, connection: this.#connection(member.connection, at) };
    });
    return { ...row, members };
  }

  #field(decision: DatasetDecision, member: Extract<RowMember, { kind: 'field' }>, at: Place): RowMember {
    const seen = decision.fields.get(member.field.name);
    if (seen === undefined || seen.access === 'forbidden') {
      this.#readOf(decision.dataset).refused.add(member.field.name);
      this.#refuse({ code: seen?.code ?? 'FORBIDDEN', dataset: decision.dataset.name, field: member.field.graphqlName, path: at.path });
      return { kind: 'nothing', key: member.key };
    }
    this.#use(decision, member.field.name, true);
    return member;
  }

  #condition(condition: Condition, decision: DatasetDecision): void {
    switch (condition.kind) {
      case 'and':
      case 'or':
        for (const inner of condition.conditions) this.#condition(inner, decision);
        return;
      case 'not':
        return this.#condition(condition.condition, decision);
      case 'field':
      case 'isNull':
      case 'jsonPath':
        return this.#steer(decision, condition.field);
      case 'related': {
        const there = this.#follow(condition.relation, condition.target, decision);
        return this.#condition(condition.condition, there);
      }
    }
  }

  #order(term: OrderTerm, decision: DatasetDecision): void {
    let at = decision;
    for (const { relation, target } of term.through) at = this.#follow(relation, target, at);
    this.#steer(at, term.field);
  }

  /** Through a relation in a filter or an order: refused for the whole read, since the rows that come would tell. */
  #follow(relation: Relation, target: Dataset, here: DatasetDecision): DatasetDecision {
    const there = this.#decisionOn(target);
    const refusal = relationRefusal(relation, here, there);
    if (refusal) throw refused(refusal, here.dataset, relation.graphqlName, target);
    this.#useKeys(relation, here, there);
    return there;
  }

  #steer(decision: DatasetDecision, field: Field, inAnswer = false): void {
    const seen = decision.fields.get(field.name);
    if (seen === undefined || seen.access === 'forbidden') throw refused(seen?.code ?? 'FORBIDDEN', decision.dataset, field.graphqlName);
    this.#use(decision, field.name, inAnswer);
  }

  /** Whoever follows a relation learns which rows belong together, even where no field of them is named. */
  #useKeys(relation: Relation, here: DatasetDecision, there: DatasetDecision): void {
    for (const { local, remote } of relation.on) {
      this.#use(here, local, false);
      this.#use(there, remote, false);
    }
  }

  #use(decision: DatasetDecision, field: string, inAnswer: boolean): void {
    const read = this.#readOf(decision.dataset);
    if (decision.fields.get(field)?.access === 'plain') read.plain.add(field);
    else {
      read.masked.add(field);
      if (inAnswer) read.maskedInAnswer.add(field);
    }
  }

  #readOf(dataset: Dataset): DatasetRead {
    const found = this.reads.get(dataset.name);
    if (found) return found;
    const read: DatasetRead = { plain: new Set(), masked: new Set(), maskedInAnswer: new Set(), refused: new Set() };
    this.reads.set(dataset.name, read);
    return read;
  }

  #decisionOn(dataset: Dataset): DatasetDecision {
    const found = this.decisions.get(dataset.name);
    if (found) return found;
    const decision = this.#decide(dataset);
    this.decisions.set(dataset.name, decision);
    this.#readOf(dataset);
    return decision;
  }

  #refuse(refusal: Refusal): void {
    const id = JSON.stringify([refusal.dataset, refusal.field, refusal.path]);
    if (!this.refusals.has(id)) this.refusals.set(id, refusal);
  }
}

function hasCursors({ members }: ConnectionSelection): boolean {
  return members.some(
    (member) =>
      (member.kind === 'edges' && member.members.some((edge) => edge.kind === 'cursor')) ||
      (member.kind === 'pageInfo' && member.members.some((info) => info.name === 'startCursor' || info.name === 'endCursor')),
  );
}

/** The text that goes with a refusal; it names what was asked for and never what is there. */
export function refusalMessage({ code, dataset, field, target }: Pick<Refusal, 'code' | 'dataset' | 'target'> & Partial<Pick<Refusal, 'field'>>): string {
  const what = field === undefined ? `dataset ${dataset}` : `${dataset}.${field}`;
  if (code === 'UNAUTHENTICATED') return `${what} is not open to requests without a credential. Send an Authorization: Bearer token or an X-Api-Key.`;
  if (code === 'PURPOSE_REQUIRED') return `${what} can be read for a purpose only. Declare one of your token's purposes in the X-Purpose header.`;
  if (target !== undefined)
    return `You may not follow ${what}: you must see the fields that join ${dataset} and ${target}, in both. A steward can grant it; access(dataset: "${target}") shows what you see now.`;
  return `You may not read ${what}. A steward can grant it; access(dataset: "${dataset}") shows what you see now.`;
}

function refused(code: RefusalCode, dataset: Dataset, field: string, target?: Dataset): HeadgateError {
  const refusal = { code, dataset: dataset.name, field, ...(target && { target: target.name }) };
  return new HeadgateError(code, refusalMessage(refusal), { dataset: dataset.name, field });
}

function refusedDataset(decision: DatasetDecision): HeadgateError {
  return new HeadgateError(decision.refusal, refusalMessage({ code: decision.refusal, dataset: decision.dataset.name }), { dataset: decision.dataset.name });
}
