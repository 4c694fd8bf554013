import type { Dataset } from '../catalog/index.js';
import { join, raw, sql, type Sql } from '../sql/index.js';
import { aggregateJson, quantitySql } from './aggregate.js';
import { jsonNumber } from './json-object.js';
import type { ConnectionMember } from './selection.js';
import type { Source, SourceContext } from './source.js';

export type SummaryMember = Extract<ConnectionMember, { kind: 'totalCount' | 'aggregate' }>;

/** What a connection says of all rows of its `where`, not of the page: one scan for all such members. */
export class Summary {
  readonly #context: SourceContext;
  readonly #dataset: Dataset;
  readonly #columns: Sql[] = [];
  /** Without an aggregate function there would be a row for each row. */
  #isMeasured = false;
  #made: { readonly source: Source; readonly alias: Sql } | undefined;

  constructor(context: SourceContext, dataset: Dataset) {
    this.#context = context;
    this.#dataset = dataset;
  }

  /** The member's JSON, as a column of the FROM item. */
  column(member: SummaryMember, name: Sql): Sql {
    this.#made ??= { source: this.#context.source(this.#dataset), alias: this.#context.nextAlias('s') };
    const { source, alias } = this.#made;
    const value = member.kind === 'totalCount' ? jsonNumber(quantitySql({ kind: 'count' }, source)) : aggregateJson(member.members, this.#dataset, source);
    this.#isMeasured ||= isMeasured(member);
    this.#columns.push(sql`${value} AS ${name}`);
    return sql`${alias}.${name}`;
  }

  /** Undefined when nothing was asked for. @param where with its WHERE, or empty */
  toSql(where: (source: Source) => Sql): Sql | undefined {
    if (!this.#made) return undefined;
    const { source, alias } = this.#made;
    // The condition asks for columns of the source, so it comes before the source is written.
    const condition = where(source);
    const one = this.#isMeasured ? raw('') : raw(' HAVING TRUE');
    return sql`(SELECT ${join(this.#columns)} FROM ${source.toSql()}${condition}${one}) AS ${alias}`;
  }
}

/** Of `aggregate { __typename }` nothing is. */
function isMeasured(member: SummaryMember): boolean {
  if (member.kind === 'totalCount') return true;
  return member.members.some((inner) => inner.kind === 'count' || (inner.kind === 'measures' && inner.members.some(({ kind }) => kind === 'field')));
}
