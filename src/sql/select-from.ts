import type { Alias, JoinExpr, Node, RangeFunction, RangeVar } from 'libpg-query';
import { ROW_FUNCTIONS } from './allowed.js';
import { unionOf, type ColumnSource, type Lineage } from './lineage.js';
import type { CommonTables, QueryContext, QueryWalk } from './query-context.js';
import type { Source } from './source.js';
import { Scope, beside, nothing, table, type ScopeColumn, type Visible } from './scope.js';
import { body, compact, kindOf, make, nameParts, string } from './tree.js';

/** A rewritten FROM item and what it brings. */
interface FromItem {
  readonly node: Node;
  readonly visible: Visible;
}

/** Where a FROM stands: the common tables and the scope around its context. */
interface Place {
  readonly tables: CommonTables;
  readonly parent: Scope | undefined;
}

/** A column of a relation in one place of a FROM, to be put into the place's select list when it is named. */
interface BaseColumn {
  readonly column: string;
  readonly name: string;
}

/** Of the sides of a join by USING, the one whose value its column has; of a full join it is either's. */
const KEPT_SIDE: Readonly<Record<string, number>> = { JOIN_INNER: 0, JOIN_LEFT: 0, JOIN_RIGHT: 1 };

/** The FROM of one query: relations become holes, and only the columns that are named are taken from them. */
export class FromAnalysis {
  readonly #context: QueryContext;
  readonly #walk: QueryWalk;
  readonly #place: Place;
  /** What says which rows of it there are. */
  readonly #steering: Lineage[] = [];

  constructor(context: QueryContext, walk: QueryWalk, place: Place) {
    this.#context = context;
    this.#walk = walk;
    this.#place = place;
  }

  all(items: readonly Node[]): { readonly nodes: Node[]; readonly visible: Visible; readonly steering: Lineage } {
    let visible = nothing;
    const nodes = items.map((item) => {
      const { node, visible: added } = this.#item(item, visible);
      visible = this.#beside(visible, added);
      return node;
    });
    return { nodes, visible, steering: unionOf(this.#steering) };
  }

  #item(item: Node, left: Visible): FromItem {
    const variable = body(item, 'RangeVar');
    if (variable) return this.#variable(variable);
    const join = body(item, 'JoinExpr');
    if (join) return this.#join(join, left);
    const called = body(item, 'RangeFunction');
    if (called) return this.#function(called, left);
    const subselect = body(item, 'RangeSubselect');
    const select = body(subselect?.subquery, 'SelectStmt');
    if (subselect && select) {
      const { tables, parent } = this.#place;
      const { select: rewritten, outputs, steering } = this.#walk.select(select, tables, subselect.lateral ? new Scope(left, parent) : parent, true);
      this.#steering.push(steering);
      const alias = subselect.alias?.aliasname ?? this.#context.newName('select');
      const names = this.#renamed(
        outputs.map((output) => output.name ?? ''),
        subselect.alias,
      );
      const columns = outputs.map((output, i) => derived(alias, names[i] ?? '', output.lineage, output.copies));
      const node = make(
        'RangeSubselect',
        compact({
          lateral: subselect.lateral,
          subquery: make('SelectStmt', rewritten),
          alias: compact<Alias>({ aliasname: alias, colnames: subselect.alias?.colnames }),
        }),
      );
      return { node, visible: table(alias, columns) };
    }
    this.#context.source.refuse(`${kindOf(item)} is not allowed in FROM`);
  }

  #variable(variable: RangeVar): FromItem {
    const source: Source = this.#context.source;
    const { relations } = this.#context;
    const name = variable.relname ?? '';
    if (variable.schemaname !== undefined || variable.catalogname !== undefined)
      source.refuse(`"${variable.schemaname}.${name}" is not allowed: datasets and steps are named without a schema`, variable.location);
    if (!variable.inh) source.refuse('ONLY is not allowed', variable.location);
    const alias = variable.alias?.aliasname ?? name;
    const common = this.#place.tables.get(name);
    if (common) {
      this.#steer(common.steering);
      this.#context.readCommon(common.name, common.steering === 'all');
      const names = this.#renamed(
        common.columns.map((column) => column.name),
        variable.alias,
      );
      const columns = common.columns.map((column, i) => derived(alias, names[i] ?? '', column.lineage, column.copies));
      const node = make('RangeVar', {
        relname: common.name,
        inh: true,
        relpersistence: 'p',
        alias: compact<Alias>({ aliasname: alias, colnames: variable.alias?.colnames }),
      });
      return { node, visible: table(alias, columns) };
    }
    const relation = relations.get(name);
    if (!relation)
      source.refuse(`there is no dataset or step "${name}" to select from; these are: ${[...relations.keys()].join(', ') || 'none'}`, variable.location);
    return this.#relation(name, [...relation.keys()], alias, variable.alias);
  }

  /** `FROM flights` becomes `FROM (SELECT the named columns FROM hole) AS flights`: columns that were not declared are out of reach. */
  #relation(relation: string, columns: readonly string[], alias: string, renaming: Alias | undefined): FromItem {
    const context = this.#context;
    context.readRelation(relation);
    const names = this.#renamed(columns, renaming);
    const targets: Node[] = [];
    const taken = new Set<string>();
    const take = ({ column, name }: BaseColumn): void => {
      if (taken.has(column)) return;
      taken.add(column);
      targets.push(make('ResTarget', { name, val: make('ColumnRef', { fields: [string(column)] }) }));
    };
    const visible = columns.map((column, i): ScopeColumn => {
      const name = names[i] ?? column;
      const source = context.columnSource(relation, column);
      return { name, ref: [alias, name], lineage: new Set([source]), copies: [source], use: () => (context.readColumn(source), take({ column, name })) };
    });
    const hole = make('RangeVar', { relname: context.holes.relation(relation), inh: true, relpersistence: 'p' });
    const select = { targetList: targets, fromClause: [hole], limitOption: 'LIMIT_OPTION_DEFAULT' as const, op: 'SETOP_NONE' as const };
    context.atEnd(() => targets.length > 0 || Reflect.deleteProperty(select, 'targetList'));
    return { node: make('RangeSubselect', { subquery: make('SelectStmt', select), alias: { aliasname: alias } }), visible: table(alias, visible) };
  }

  #join(join: JoinExpr, left: Visible): FromItem {
    const source: Source = this.#context.source;
    if (join.isNatural) source.refuse('NATURAL JOIN is not allowed: say on which columns, with USING (...) or ON ...');
    if (join.alias || join.join_using_alias) source.refuse('a join can not have a name of its own; name its tables');
    if (!join.larg || !join.rarg) source.refuse('a join needs two sides');
    const first = this.#item(join.larg, left);
    const second = this.#item(join.rarg, this.#beside(left, first.visible));
    const both = this.#beside(first.visible, second.visible);
    const using = nameParts(join.usingClause).filter((name) => name !== undefined);
    const kept = KEPT_SIDE[join.jointype ?? ''];
    const merged = using.map((name) => this.#merge(name, first.visible, second.visible, kept));
    const visible = { tables: both.tables, columns: [...merged, ...both.columns.filter((column) => !using.includes(column.name))] };
    const { result: quals, lineage } = this.#context.notes.during(
      () => join.quals && this.#walk.expression(join.quals, new Scope(both, this.#place.parent), this.#place.tables),
    );
    this.#steering.push(lineage);
    const node = make('JoinExpr', compact({ jointype: join.jointype, larg: first.node, rarg: second.node, usingClause: join.usingClause, quals }));
    return { node, visible };
  }

  /** @param kept the side whose value it is, where it is that of one */
  #merge(name: string, left: Visible, right: Visible, kept: number | undefined): ScopeColumn {
    const sides = [left, right].map((side) => {
      const matching = side.columns.filter((column) => column.name === name);
      if (matching.length !== 1) this.#context.source.refuse(`USING ("${name}") needs a column of this name, and only one, on each side of the join`);
      return matching;
    });
    const columns = sides.flat();
    for (const column of columns) column.use?.();
    const lineage = unionOf(columns.map((column) => column.lineage));
    this.#steer(lineage);
    const copies = kept === undefined ? undefined : columns[kept]?.copies;
    return { name, ref: [name], lineage, ...(copies && { copies }) };
  }

  #function(called: RangeFunction, left: Visible): FromItem {
    const source: Source = this.#context.source;
    const [first, second] = called.functions ?? [];
    const call = body(body(first, 'List')?.items?.[0], 'FuncCall');
    const name = nameParts(call?.funcname).at(-1) ?? '';
    const plain = call && (call.funcname?.length === 1 || (call.funcname?.length === 2 && nameParts(call.funcname)[0] === 'pg_catalog'));
    if (!plain || second || called.is_rowsfrom || !ROW_FUNCTIONS.has(name))
      source.refuse(`only these functions are allowed in FROM: ${[...ROW_FUNCTIONS].join(', ')}`, call?.location);
    if (call.func_variadic || call.agg_star || call.agg_distinct || call.agg_order || call.agg_filter || call.over)
      source.refuse(`"${name}" takes plain arguments`, call.location);

    const scope = new Scope(left, this.#place.parent);
    const { result: args, lineage } = this.#context.notes.during(() => call.args?.map((arg) => this.#walk.expression(arg, scope, this.#place.tables)));
    this.#steering.push(lineage);
    const alias = called.alias?.aliasname ?? name;
    const declared = called.coldeflist?.map((node) => {
      const column = body(node, 'ColumnDef');
      if (!column?.colname || !column.typeName) source.refuse(`"${name}" needs its columns as in AS t(a text, b int)`, call.location);
      return {
        name: column.colname,
        node: make('ColumnDef', { colname: column.colname, typeName: this.#context.rewriter.type(column.typeName), is_local: true }),
      };
    });
    if (name === 'jsonb_to_recordset' && !declared) source.refuse('"jsonb_to_recordset" needs its columns as in AS t(a text, b int)', call.location);
    const own = declared?.map((column) => column.name) ?? [
      ...this.#functionColumns(name, alias, call.args?.length ?? 0),
      ...(called.ordinality ? ['ordinality'] : []),
    ];
    const names = declared ? own : this.#renamed(own, called.alias);
    const node = make(
      'RangeFunction',
      compact({
        ordinality: called.ordinality,
        functions: [
          make('List', {
            items: [make('FuncCall', compact({ funcname: [string('pg_catalog'), string(name)], args, funcformat: call.funcformat })), {} as Node],
          }),
        ],
        alias: declared ? { aliasname: alias } : { aliasname: alias, colnames: names.map(string) },
        coldeflist: declared?.map((column) => column.node),
      }),
    );
    return {
      node,
      visible: table(
        alias,
        names.map((column) => derived(alias, column, lineage)),
      ),
    };
  }

  /** For what is not named where it stands: a value that a subquery makes of these rows depends on it too. */
  #steer(lineage: Lineage): void {
    this.#steering.push(lineage);
    this.#context.notes.add(lineage);
  }

  /** What PostgreSQL calls the columns of a function when nobody does. */
  #functionColumns(name: string, alias: string, args: number): string[] {
    if (name === 'unnest') return Array.from({ length: args }, () => (args === 1 ? alias : 'unnest'));
    return [name === 'generate_series' ? alias : 'value'];
  }

  /** The names after `AS t(a, b)`, which may name fewer columns than there are. */
  #renamed(names: readonly string[], alias: Alias | undefined): readonly string[] {
    const given = nameParts(alias?.colnames);
    if (given.length > names.length)
      this.#context.source.refuse(`"${alias?.aliasname}" has ${names.length} columns, and ${given.length} names are given for them`);
    return names.map((name, i) => given[i] ?? name);
  }

  #beside(left: Visible, right: Visible): Visible {
    return beside(left, right, (alias) => this.#context.source.refuse(`"${alias}" stands twice in FROM; give one of them another name with AS`));
  }
}

function derived(alias: string, name: string, lineage: Lineage, copies?: readonly ColumnSource[]): ScopeColumn {
  return { name, ref: [alias, name], lineage, ...(copies && { copies }) };
}
