import type { Dataset } from '../catalog/index.js';
import { join, raw, sql, type Sql } from '../sql/index.js';
import { aggregateJson } from './aggregate.js';
import { jsonNumber } from './json-object.js';
import type { ConnectionMember } from './selection.js';
import type { Source, SourceContext } from './source.js';

export type SummaryMember = Extract<ConnectionMember, { kind: 'totalCount' | 'aggregate' }>;

/** What a connection says of all rows of its `where`, not of the page: one scan for all such members. */
export class Summary {
  readonly #context: SourceContext;
  readonly #dataset: Dataset;
  readonly #columns: Sql[] = [];
  #made: { readonly source: Source; readonly alias: Sql } | undefined;

  constructor(context: SourceContext, dataset: Dataset) {
    this.#context = context;
    this.#dataset = dataset;
  }

  /** The member's JSON, as a column of the FROM item. */
  column(member: SummaryMember, name: Sql): Sql {
    this.#made ??= { source: this.#context.source(this.#dataset), alias: this.#context.nextAlias('s') };
    const { source, alias } = this.#made;
    const value = member.kind === 'totalCount' ? jsonNumber(raw('count(*)')) : aggregateJson(member.members, this.#dataset, (field) => source.column(field));
    this.#columns.push(sql`${value} AS ${name}`);
    return sql`${alias}.${name}`;
  }

  /** Undefined when nothing was asked for. @param where with its WHERE, or empty */
  toSql(where: (source: Source) => Sql): Sql | undefined {
    if (!this.#made) return undefined;
    const { source, alias } = this.#made;
    // The condition asks for columns of the source, so it comes before the source is written.
    const condition = where(source);
    // One row, although nothing be counted or measured: `aggregate { __typename }` has no aggregate function.
    return sql`(SELECT ${join(this.#columns)} FROM ${source.toSql()}${condition} HAVING TRUE) AS ${alias}`;
  }
}
