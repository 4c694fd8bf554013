import type { Field } from '../catalog/index.js';
import type { AggregateDecision, DatasetDecision, RefusalCode } from '../governance/index.js';
import { HeadgateError } from '../kernel/index.js';
import type { Condition } from './condition.js';
import type { Quantity } from './measure.js';
import type { ConnectionSelection } from './selection.js';
import type { AggregateMember, Grouping, Having } from './summary.js';

/** What of a measure tells about all of its values alike. The least and the greatest are of one subject; the spread tells of them. */
const MEASURES: ReadonlySet<string> = new Set(['sum', 'avg']);

/**
 * Lets a connection through that asks for numbers over cells and nothing else. Anything else refuses the whole read: rows that
 * are all null, in their number and order, would tell as much as what is in them.
 * @param plain takes the names of the fields that are read
 * @throws HeadgateError FORBIDDEN, PURPOSE_REQUIRED or UNAUTHENTICATED with `dataset` and, where one is at fault, `field`.
 */
export function governAggregate(connection: ConnectionSelection, decision: DatasetDecision, aggregate: AggregateDecision, plain: Set<string>): void {
  const governor = new AggregateGovernor(decision, aggregate, plain);
  governor.connection(connection);
}

class AggregateGovernor {
  readonly #decision: DatasetDecision;
  readonly #aggregate: AggregateDecision;
  readonly #plain: Set<string>;

  constructor(decision: DatasetDecision, aggregate: AggregateDecision, plain: Set<string>) {
    this.#decision = decision;
    this.#aggregate = aggregate;
    this.#plain = plain;
  }

  connection({ where, order, members, changes }: ConnectionSelection): void {
    if (changes) throw this.#refused();
    if (where) this.#condition(where);
    for (const { through, field } of order) this.#dimension(through, field);
    for (const member of members) {
      switch (member.kind) {
        case 'typename':
        case 'totalCount':
          break;
        case 'aggregate':
          this.#members(member.members);
          break;
        case 'groupBy':
          this.#grouping(member.grouping);
          break;
        default:
          throw this.#refused();
      }
    }
  }

  #condition(condition: Condition): void {
    switch (condition.kind) {
      case 'and':
      case 'or':
        for (const inner of condition.conditions) this.#condition(inner);
        return;
      case 'not':
        return this.#condition(condition.condition);
      case 'field':
      case 'isNull':
        return this.#dimension([], condition.field);
      case 'jsonPath':
        throw this.#refused(condition.field.graphqlName);
      case 'related':
        throw this.#refused(condition.relation.graphqlName);
    }
  }

  #grouping({ keys, having, order, members }: Grouping): void {
    for (const { through, field } of keys) this.#dimension(through, field);
    if (having) this.#having(having);
    for (const { by } of order) if (by.kind !== 'key') this.#quantity(by);
    for (const member of members) if (member.kind === 'aggregate') this.#members(member.members);
  }

  #having(having: Having): void {
    switch (having.kind) {
      case 'and':
      case 'or':
        for (const inner of having.conditions) this.#having(inner);
        return;
      case 'not':
        return this.#having(having.condition);
      case 'compare':
      case 'isNull':
        return this.#quantity(having.quantity);
    }
  }

  #members(members: readonly AggregateMember[]): void {
    for (const member of members) {
      if (member.kind !== 'measures') continue;
      for (const inner of member.members) if (inner.kind === 'field') this.#quantity({ kind: 'measure', measure: member.measure, field: inner.field });
    }
  }

  #quantity(quantity: Quantity): void {
    if (quantity.kind === 'count') return;
    const { measure, field } = quantity;
    if (!MEASURES.has(measure) || !this.#aggregate.measures.includes(field.name)) throw this.#refused(field.graphqlName);
    this.#plain.add(field.name);
  }

  #dimension(through: ConnectionSelection['order'][number]['through'], field: Field): void {
    const [hop] = through;
    if (hop) throw this.#refused(hop.relation.graphqlName);
    if (!this.#aggregate.dimensions.includes(field.name)) throw this.#refused(field.graphqlName);
    this.#plain.add(field.name);
  }

  #refused(field?: string): HeadgateError {
    const { dataset, refusal, fields } = this.#decision;
    const own = dataset.fields.find(({ graphqlName }) => graphqlName === field);
    const seen = own && fields.get(own.name);
    const code = seen?.access === 'forbidden' ? seen.code : refusal;
    return new HeadgateError(code, this.#message(code, field === undefined ? `rows of ${dataset.name}` : `${dataset.name}.${field}`), {
      dataset: dataset.name,
      ...(field !== undefined && { field }),
    });
  }

  #message(code: RefusalCode, what: string): string {
    const { name, fields } = this.#decision.dataset;
    const names = (of: readonly string[]): string => fields.flatMap((field) => (of.includes(field.name) ? [field.graphqlName] : [])).join(', ');
    const { dimensions, measures } = this.#aggregate;
    const sums = measures.length > 0 ? `, and sum and avg of ${names(measures)}` : '';
    const open = `Open to you are numbers over many rows of ${name}: totalCount, count${sums}, with where and groupBy over ${names(dimensions)}.`;
    if (code === 'UNAUTHENTICATED') return `You may not read ${what} in this way without a credential. ${open}`;
    if (code === 'PURPOSE_REQUIRED')
      return `${what} can be read in this way for another purpose only. Declare one of your token's purposes in the X-Purpose header. ${open}`;
    return `You may not read ${what} in this way. ${open}`;
  }
}
