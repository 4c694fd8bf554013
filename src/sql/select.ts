import { deparse, fillTemplate } from './deparse.js';
import type { Sql } from './fragment.js';
import type { ColumnSource } from './lineage.js';
import { QueryContext } from './query-context.js';
import { QueryAnalysis } from './select-query.js';
import { Source } from './source.js';
import { make } from './tree.js';

const LONGEST = 100_000;

export interface SelectOutput {
  readonly name: string;
  /** The columns that the value is made of: those that its expression names, through subqueries and common tables; 'all' when that can't be told. */
  readonly sources: readonly ColumnSource[] | 'all';
  /** Each value is as it stands in one of these columns, unchanged; empty where it may be computed. */
  readonly copies: readonly ColumnSource[];
}

/** A checked SELECT over named relations. */
export interface Select {
  /** The relations that it reads, and the columns of each that it names anywhere. */
  readonly reads: ReadonlyMap<string, ReadonlySet<string>>;
  /** How often each of them is read: twice where it is joined to itself. */
  readonly readings: ReadonlyMap<string, number>;
  /** Values of one row of a relation may stand in a row that is made of another, although the relation is read once. */
  readonly mixesRows: boolean;
  /** In order; names are distinct. */
  readonly outputs: readonly SelectOutput[];
  /**
   * The columns that say which rows come out, how many, and in which order: those of WHERE, ON, USING, GROUP BY, HAVING, DISTINCT, ORDER BY,
   * INTERSECT and the like, and of functions in FROM, through subqueries and common tables; 'all' when that can't be told.
   */
  readonly steering: readonly ColumnSource[] | 'all';
  /** Its rows may depend on the moment. */
  readonly usesTime: boolean;
  /** The query as the deparser writes it; `table` gives what stands in FROM for a relation: a qualified table, or a SELECT in parentheses. */
  toSql(table: (relation: string) => Sql): Sql;
}

export interface SelectOptions {
  /** Name of a relation -> its columns with their PostgreSQL types. Nothing else can be read. */
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/**
 * Checks a SELECT that a user wrote: joins, WITH, set operations, aggregates, windows and subqueries over the given relations; no other
 * table, no schema, no locks, no INTO, and of functions in FROM only those that unfold arrays, JSON and series.
 * Types are not checked; PostgreSQL knows them.
 * @throws HeadgateError BAD_USER_INPUT naming what is wrong; details: position (the character, from 1).
 */
export function compileSelect(text: string, { relations }: SelectOptions): Select {
  const source: Source = new Source(text, { what: 'query', prefix: '', longest: LONGEST });
  const context = new QueryContext(source, relations);
  const parsed = source.parse();
  if (parsed.valuesLists) source.refuse('a SELECT is expected; select from the VALUES: SELECT a FROM (VALUES (1), (2)) AS v(a)');
  const { select, outputs, steering } = new QueryAnalysis(context).select(parsed, new Map(), undefined, true);
  if (outputs.length === 0) source.refuse('it has no output column');
  context.finish();
  const template = deparse(make('SelectStmt', select), context.holes, source);
  return {
    reads: context.reads,
    readings: context.readings,
    mixesRows: context.rewriter.usesWindows || context.rereadsCommon,
    outputs: outputs.map(({ name, lineage, copies = [] }) => ({ name: name ?? '', sources: lineage === 'all' ? 'all' : [...lineage], copies })),
    steering: steering === 'all' ? 'all' : [...steering],
    usesTime: context.rewriter.usesTime,
    toSql: (table) => fillTemplate(template, (hole) => table(hole.name)),
  };
}
