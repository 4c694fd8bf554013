import type { Node, SelectStmt, WithClause } from 'libpg-query';
import { unionOf, type Lineage } from './lineage.js';
import type { CommonTables, QueryContext, QueryOutput, QueryResult, QueryWalk } from './query-context.js';
import type { Surroundings } from './rewriter.js';
import { Scope, nothing, type ScopeColumn } from './scope.js';
import { FromAnalysis } from './select-from.js';
import type { Source } from './source.js';
import { body, compact, make, nameParts, string } from './tree.js';

const SELECT_KEYS: ReadonlySet<string> = new Set<keyof SelectStmt>([
  'distinctClause',
  'targetList',
  'fromClause',
  'whereClause',
  'groupClause',
  'havingClause',
  'windowClause',
  'valuesLists',
  'sortClause',
  'limitOffset',
  'limitCount',
  'limitOption',
  'withClause',
  'op',
  'all',
  'larg',
  'rarg',
]);
const KEY_NAMES: Readonly<Record<string, string>> = { intoClause: 'INTO', lockingClause: 'FOR UPDATE and the like', groupDistinct: 'GROUP BY DISTINCT' };

/** Walks a SELECT and the queries in it: refuses what is not allowed, resolves every name, and follows columns to their sources. */
export class QueryAnalysis implements QueryWalk {
  readonly #context: QueryContext;
  readonly #source: Source;

  constructor(context: QueryContext) {
    this.#context = context;
    this.#source = context.source;
  }

  /** The rewritten query. With `named`, each output column must have a name of its own. */
  select(select: SelectStmt, outer: CommonTables, parent: Scope | undefined, named: boolean): QueryResult {
    const unknown = Object.keys(select).find((key) => !SELECT_KEYS.has(key));
    if (unknown) this.#source.refuse(`${KEY_NAMES[unknown] ?? unknown} is not allowed`);
    if (select.limitOption === 'LIMIT_OPTION_WITH_TIES') this.#source.refuse('FETCH ... WITH TIES is not allowed; use LIMIT');
    const { tables, clause } = this.#common(select.withClause, outer, parent);
    const core =
      select.op === 'SETOP_NONE' || select.op === undefined ? this.#core(select, tables, parent, named) : this.#combined(select, tables, parent, named);
    const limit = (node: Node | undefined) =>
      node && this.#context.rewriter.expression(node, { column: (_, at) => this.#source.refuse('LIMIT and OFFSET take a number', at) });
    return {
      ...core,
      select: compact<SelectStmt>({
        ...core.select,
        withClause: clause,
        limitCount: limit(select.limitCount),
        limitOffset: limit(select.limitOffset),
        limitOption: select.limitOption,
        op: select.op,
      }),
    };
  }

  /** An expression of a query, its columns resolved in `scope`. */
  expression(node: Node, scope: Scope, tables: CommonTables, windows: Lineage = new Set()): Node {
    const around: Surroundings = {
      column: (fields, at) => this.#column(fields, scope, at),
      query: {
        subquery: (select) => this.select(select, tables, scope, false).select,
        namedWindow: () => this.#context.notes.add(windows),
      },
    };
    return this.#context.rewriter.expression(node, around);
  }

  #combined(select: SelectStmt, tables: CommonTables, parent: Scope | undefined, named: boolean): QueryResult {
    if (!select.larg || !select.rarg) this.#source.refuse('UNION, INTERSECT and EXCEPT need two queries');
    const left = this.select(select.larg, tables, parent, named);
    const right = this.select(select.rarg, tables, parent, false);
    if (left.outputs.length !== right.outputs.length)
      this.#source.refuse(
        `the two sides of ${select.op?.replace('SETOP_', '')} have ${left.outputs.length} and ${right.outputs.length} columns; they must have as many`,
      );
    const outputs = left.outputs.map((output, i): QueryOutput => {
      const other = right.outputs[i];
      const copies = output.copies && other?.copies && [...new Set([...output.copies, ...other.copies])];
      return { name: output.name, lineage: unionOf([output.lineage, other?.lineage ?? 'all']), ...(copies && { copies }) };
    });
    const steering = [left.steering, right.steering];
    // All but UNION ALL compare rows, and leave some out.
    if (!select.all || select.op !== 'SETOP_UNION') steering.push(...outputs.map(({ lineage }) => lineage));
    const sortClause = select.sortClause?.map((item) =>
      this.#context.rewriter.sortItem(item, (node) => {
        const name = bareName(node);
        if (ordinalOf(node) === undefined && !outputs.some((output) => output.name === name))
          this.#source.refuse('ORDER BY after UNION, INTERSECT or EXCEPT takes names of its output columns', body(node, 'ColumnRef')?.location);
        steering.push(outputs[ordinalOf(node) ?? outputs.findIndex((output) => output.name === name)]?.lineage ?? 'all');
        return name === undefined ? node : make('ColumnRef', { fields: [string(name)] });
      }),
    );
    return { select: compact<SelectStmt>({ all: select.all, larg: left.select, rarg: right.select, sortClause }), outputs, steering: unionOf(steering) };
  }

  #core(select: SelectStmt, tables: CommonTables, parent: Scope | undefined, named: boolean): QueryResult {
    if (select.valuesLists) return this.#values(select, tables, parent);
    const { nodes, visible, steering } = new FromAnalysis(this.#context, this, { tables, parent }).all(select.fromClause ?? []);
    const scope = new Scope(visible, parent);
    const windowNotes = this.#context.notes.during(() =>
      select.windowClause?.map((node) => {
        const window = body(node, 'WindowDef');
        if (!window) this.#source.refuse('WINDOW takes names and definitions');
        return make(
          'WindowDef',
          this.#context.rewriter.window(window, {
            column: (fields, at) => this.#column(fields, scope, at),
            query: { subquery: (inner) => this.select(inner, tables, scope, false).select, namedWindow: () => undefined },
          }),
        );
      }),
    );
    const again = (node: Node): Node => this.expression(node, scope, tables, windowNotes.lineage);
    const targets = (select.targetList ?? []).flatMap((node) => this.#target(node, scope, again, named));
    const outputs = targets.map((target) => target.output);
    if (named) this.#distinctNames(outputs);
    const isOutput = (name: string | undefined): name is string => name !== undefined && outputs.some((output) => output.name === name);
    // ORDER BY and DISTINCT ON mean an output column first, GROUP BY one of FROM first.
    const outputFirst = (node: Node): Node => {
      const name = bareName(node);
      this.#noteOrdinal(node, outputs);
      if (!isOutput(name)) return again(node);
      this.#context.notes.add(unionOf(outputs.filter((output) => output.name === name).map(({ lineage }) => lineage)));
      return make('ColumnRef', { fields: [string(name)] });
    };
    const grouped = (node: Node): Node => {
      const set = body(node, 'GroupingSet');
      if (set) return make('GroupingSet', compact({ kind: set.kind, content: set.content?.map(grouped) }));
      const name = bareName(node);
      // GROUP BY (1, 2) is GROUP BY 1, 2.
      for (const item of [node, ...(body(node, 'RowExpr')?.args ?? [])]) this.#noteOrdinal(item, outputs);
      return name !== undefined && scope.findHere([name]) === undefined ? outputFirst(node) : again(node);
    };
    // ORDER BY steers without a LIMIT too: rows are kept in the order in which they came, and row_number() over them tells it.
    const { result: rewritten, lineage } = this.#context.notes.during(() => ({
      distinctClause: select.distinctClause?.map((node) => (isPlainDistinct(node) ? node : outputFirst(node))),
      targetList: targets.length > 0 ? targets.map((target) => target.node) : undefined,
      fromClause: nodes.length > 0 ? nodes : undefined,
      whereClause: select.whereClause && again(select.whereClause),
      groupClause: select.groupClause?.map(grouped),
      havingClause: select.havingClause && again(select.havingClause),
      windowClause: windowNotes.result,
      sortClause: select.sortClause?.map((item) => this.#context.rewriter.sortItem(item, outputFirst)),
    }));
    const compared = select.distinctClause?.some(isPlainDistinct) ? outputs.map((output) => output.lineage) : [];
    return { select: compact<SelectStmt>(rewritten), outputs, steering: unionOf([steering, lineage, ...compared]) };
  }

  #values(select: SelectStmt, tables: CommonTables, parent: Scope | undefined): QueryResult {
    if (select.sortClause) this.#source.refuse('VALUES with ORDER BY is not allowed; select from it');
    const scope = new Scope(nothing, parent);
    const columns: Lineage[][] = [];
    const valuesLists = select.valuesLists?.map((row) =>
      make('List', {
        items: (body(row, 'List')?.items ?? []).map((node, i) => {
          const { result, lineage } = this.#context.notes.during(() => this.expression(node, scope, tables));
          (columns[i] ??= []).push(lineage);
          return result;
        }),
      }),
    );
    const outputs = columns.map((lineages, i) => ({ name: `column${i + 1}`, lineage: unionOf(lineages) }));
    return { select: compact<SelectStmt>({ valuesLists }), outputs, steering: new Set() };
  }

  #target(node: Node, scope: Scope, change: (node: Node) => Node, named: boolean): readonly { node: Node; output: QueryOutput }[] {
    const target = body(node, 'ResTarget');
    if (!target?.val || target.indirection) this.#source.refuse('this output column is not allowed', target?.location);
    const fields = nameParts(body(target.val, 'ColumnRef')?.fields);
    if (fields.length > 0 && fields.at(-1) === undefined) {
      return this.#star(fields, scope, target.location).map((column) => {
        this.#use(column);
        return {
          node: make('ResTarget', { name: column.name, val: reference(column) }),
          output: { name: column.name, lineage: column.lineage, ...copiesOf(column) },
        };
      });
    }
    const value = target.val;
    const { result, lineage } = this.#context.notes.during(() => change(value));
    const name = target.name ?? fields.at(-1);
    if (named && name === undefined) this.#source.refuse('this output column has no name; give it one with AS', target.location);
    const copied = fields.length > 0 ? scope.find(fields.filter((field) => field !== undefined)) : undefined;
    const copies = copied && copied !== 'ambiguous' ? copiesOf(copied) : {};
    return [{ node: make('ResTarget', compact({ name, val: result })), output: { name, lineage, ...copies } }];
  }

  #star(fields: readonly (string | undefined)[], scope: Scope, at: number | undefined): readonly ScopeColumn[] {
    const [alias] = fields;
    if (alias === undefined) {
      if (scope.visible.tables.size === 0) this.#source.refuse('"*" needs something in FROM', at);
      return scope.visible.columns;
    }
    const columns = fields.length === 2 ? scope.visible.tables.get(alias) : undefined;
    return columns ?? this.#source.refuse(`there is no "${alias}" in FROM for "${alias}.*"`, at);
  }

  #distinctNames(outputs: readonly QueryOutput[]): void {
    const names = outputs.map((output) => output.name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined)
      this.#source.refuse(`two output columns are called "${twice}"; name one of them otherwise with AS, or list the columns instead of "*"`);
  }

  #column(fields: readonly string[], scope: Scope, at: number | undefined): Node {
    const found = scope.find(fields);
    const name = fields.join('.');
    if (found === 'ambiguous') this.#source.refuse(`"${name}" could be a column of more than one table; say of which, as in t.${name}`, at);
    if (!found) this.#source.refuse(`there is no column "${name}"; these are: ${scope.names().join(', ') || 'none'}`, at);
    this.#use(found);
    return reference(found);
  }

  #use(column: ScopeColumn): void {
    column.use?.();
    this.#context.notes.add(column.lineage);
  }

  #noteOrdinal(node: Node, outputs: readonly QueryOutput[]): void {
    const ordinal = ordinalOf(node);
    if (ordinal !== undefined) this.#context.notes.add(outputs[ordinal]?.lineage ?? 'all');
  }

  #common(clause: WithClause | undefined, outer: CommonTables, parent: Scope | undefined): { tables: CommonTables; clause: WithClause | undefined } {
    if (!clause) return { tables: outer, clause: undefined };
    const tables = new Map(outer);
    const own = new Set<string>();
    const ctes = (clause.ctes ?? []).map((node) => {
      const cte = body(node, 'CommonTableExpr');
      const select = body(cte?.ctequery, 'SelectStmt');
      if (!cte?.ctename || !select || cte.search_clause || cte.cycle_clause) this.#source.refuse('WITH takes plain SELECTs only', cte?.location);
      if (own.has(cte.ctename)) this.#source.refuse(`WITH has two tables called "${cte.ctename}"`, cte.location);
      own.add(cte.ctename);
      const given = nameParts(cte.aliascolnames).filter((column) => column !== undefined);
      const name = this.#context.newName('with');
      // A recursive table may be read by its own query only if its columns are named beforehand; where they come from can't be told then.
      const recursive = clause.recursive === true && given.length > 0;
      if (recursive) tables.set(cte.ctename, { name, columns: given.map((column) => ({ name: column, lineage: 'all' })), steering: 'all' });
      const { select: ctequery, outputs, steering } = this.select(select, tables, parent, given.length === 0);
      if (given.length > 0 && given.length !== outputs.length)
        this.#source.refuse(`"${cte.ctename}" has ${outputs.length} columns, and ${given.length} names are given for them`, cte.location);
      tables.set(cte.ctename, { name, columns: outputs.map((output, i) => ({ ...output, name: given[i] ?? output.name ?? '' })), steering });
      return make(
        'CommonTableExpr',
        compact({ ctename: name, aliascolnames: cte.aliascolnames, ctematerialized: cte.ctematerialized, ctequery: make('SelectStmt', ctequery) }),
      );
    });
    return { tables, clause: compact<WithClause>({ ctes, recursive: clause.recursive }) };
  }
}

/** Of a column, what its copy is one of. */
function copiesOf({ copies }: ScopeColumn): Pick<QueryOutput, 'copies'> {
  return copies ? { copies } : {};
}

function reference(column: ScopeColumn): Node {
  return make('ColumnRef', { fields: column.ref.map(string) });
}

function bareName(node: Node): string | undefined {
  const fields = nameParts(body(node, 'ColumnRef')?.fields);
  return fields.length === 1 ? fields[0] : undefined;
}

/** Which output `ORDER BY 2` means, counted from 0. */
function ordinalOf(node: Node): number | undefined {
  const number = body(node, 'A_Const')?.ival;
  return number && (number.ival ?? 0) - 1;
}

/** Plain DISTINCT is a list with one empty node. */
function isPlainDistinct(node: Node): boolean {
  return Object.keys(node).length === 0;
}
