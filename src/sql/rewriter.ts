import type { A_Expr, FuncCall, Node, SelectStmt, TypeName } from 'libpg-query';
import {
  AGGREGATES,
  COLLATIONS,
  FUNCTIONS,
  LARGEST_SIZE,
  OPERATORS,
  SIZED,
  SIZED_TYPES,
  TIME_FUNCTIONS,
  TIME_TYPES,
  TYPES,
  WINDOW_FUNCTIONS,
} from './allowed.js';
import type { Holes } from './deparse.js';
import type { Source } from './source.js';
import { body, compact, kindOf, make, nameParts, string, type Kind } from './tree.js';

/** What an expression stands in: what its names mean there, and what else is allowed. */
export interface Surroundings {
  column(fields: readonly string[], location: number | undefined): Node;
  /** The column's PostgreSQL type where it is known. */
  columnType?(fields: readonly string[]): string | undefined;
  /** A call that is special here (`claim('x')`); undefined when it is not. */
  call?(name: string, call: FuncCall): Node | undefined;
  /** Present where aggregates, window functions and subqueries are allowed. */
  readonly query?: {
    subquery(select: SelectStmt): SelectStmt;
    /** Takes note that the value depends on the windows named in the WINDOW clause. */
    namedWindow(): void;
  };
}

const EXPRESSION_KINDS: ReadonlySet<string> = new Set([
  'AEXPR_OP',
  'AEXPR_OP_ANY',
  'AEXPR_OP_ALL',
  'AEXPR_DISTINCT',
  'AEXPR_NOT_DISTINCT',
  'AEXPR_NULLIF',
  'AEXPR_IN',
  'AEXPR_LIKE',
  'AEXPR_ILIKE',
  'AEXPR_SIMILAR',
  'AEXPR_BETWEEN',
  'AEXPR_NOT_BETWEEN',
  'AEXPR_BETWEEN_SYM',
  'AEXPR_NOT_BETWEEN_SYM',
]);
/** Only of the date and time: the others tell about the session (`current_user`, `current_schema`). */
const TIME_VALUES = /^SVFOP_(CURRENT_DATE|CURRENT_TIME|CURRENT_TIMESTAMP|LOCALTIME|LOCALTIMESTAMP)(_N)?$/;
/** Words of date and time input that mean the moment of reading, also inside of arrays and longer texts. */
const MOMENT_WORDS = /(?<![a-z])(now|today|tomorrow|yesterday)(?![a-z])/i;

/**
 * Makes of an expression's tree one that can be run: each kind of node is handled here or refused, names of functions get
 * their schema, and columns what `Surroundings` makes of them. Operators stay unqualified (`OPERATOR(pg_catalog.+)` has another
 * precedence): every session of ours that runs them has a search_path in which nobody else can create one.
 */
export class Rewriter {
  /** True once something was met whose value may depend on the moment. */
  usesTime = false;
  /** True once there was a window: values of some rows come into others. */
  usesWindows = false;
  readonly #source: Source;
  readonly #holes: Holes;

  constructor(source: Source, holes: Holes) {
    this.#source = source;
    this.#holes = holes;
  }

  expression(node: Node, around: Surroundings): Node {
    const again = (child: Node): Node => this.expression(child, around);
    const kind = kindOf(node);
    const at = locationOf(node);
    const handle = <K extends Kind>(name: K) => body(node, name);

    const constant = handle('A_Const');
    if (constant) {
      if (constant.bsval) this.#source.refuse('bit strings are not allowed', at);
      if (constant.sval && MOMENT_WORDS.test(constant.sval.sval ?? '')) this.usesTime = true;
      return make('A_Const', constant);
    }
    const column = handle('ColumnRef');
    if (column) {
      const fields = nameParts(column.fields);
      const names = fields.filter((field) => field !== undefined);
      if (names.length < fields.length) this.#source.refuse('"*" is not allowed here; name the columns', at);
      return around.column(names, at);
    }
    const operation = handle('A_Expr');
    if (operation) return this.#operation(operation, again);
    const call = handle('FuncCall');
    if (call) return this.#call(call, around);
    const cast = handle('TypeCast');
    if (cast?.arg && cast.typeName) {
      const arg = again(cast.arg);
      this.#noteTimeCast(cast.arg, cast.typeName, around);
      return make('TypeCast', { arg, typeName: this.type(cast.typeName) });
    }
    const logic = handle('BoolExpr');
    if (logic) return make('BoolExpr', compact({ boolop: logic.boolop, args: logic.args?.map(again) }));
    const nullTest = handle('NullTest');
    if (nullTest?.arg) return make('NullTest', compact({ arg: again(nullTest.arg), nulltesttype: nullTest.nulltesttype }));
    const booleanTest = handle('BooleanTest');
    if (booleanTest?.arg) return make('BooleanTest', compact({ arg: again(booleanTest.arg), booltesttype: booleanTest.booltesttype }));
    const choice = handle('CaseExpr');
    if (choice)
      return make(
        'CaseExpr',
        compact({ arg: choice.arg && again(choice.arg), args: choice.args?.map(again), defresult: choice.defresult && again(choice.defresult) }),
      );
    const when = handle('CaseWhen');
    if (when?.expr && when.result) return make('CaseWhen', { expr: again(when.expr), result: again(when.result) });
    const coalesce = handle('CoalesceExpr');
    if (coalesce) return make('CoalesceExpr', compact({ args: coalesce.args?.map(again) }));
    const extreme = handle('MinMaxExpr');
    if (extreme) return make('MinMaxExpr', compact({ op: extreme.op, args: extreme.args?.map(again) }));
    const array = handle('A_ArrayExpr');
    if (array) return make('A_ArrayExpr', compact({ elements: array.elements?.map(again) }));
    const row = handle('RowExpr');
    if (row) return make('RowExpr', compact({ args: row.args?.map(again), row_format: row.row_format }));
    const list = handle('List');
    if (list) return make('List', compact({ items: list.items?.map(again) }));
    const named = handle('NamedArgExpr');
    if (named?.arg) return make('NamedArgExpr', compact({ arg: again(named.arg), name: named.name, argnumber: named.argnumber }));
    const moment = handle('SQLValueFunction');
    if (moment) {
      if (!TIME_VALUES.test(moment.op ?? '')) this.#source.refuse(`${moment.op?.replace('SVFOP_', '').toLowerCase()} is not allowed`, at);
      this.usesTime = true;
      return make('SQLValueFunction', compact({ op: moment.op, typmod: moment.typmod }));
    }
    const collated = handle('CollateClause');
    if (collated?.arg) {
      const name = this.#catalogName(collated.collname, at);
      if (!COLLATIONS.has(name)) this.#source.refuse(`the collation "${name}" is not allowed; these are: ${[...COLLATIONS].join(', ')}`, at);
      return make('CollateClause', { arg: again(collated.arg), collname: [string('pg_catalog'), string(name)] });
    }
    const indirection = handle('A_Indirection');
    if (indirection?.arg) {
      const elements = (indirection.indirection ?? []).map((element) => {
        const indices = body(element, 'A_Indices');
        if (!indices) this.#source.refuse('only elements of arrays can be taken: (a)[1], not (a).b', at);
        return make('A_Indices', compact({ is_slice: indices.is_slice, lidx: indices.lidx && again(indices.lidx), uidx: indices.uidx && again(indices.uidx) }));
      });
      return make('A_Indirection', { arg: again(indirection.arg), indirection: elements });
    }
    const sublink = handle('SubLink');
    if (sublink) {
      const select = body(sublink.subselect, 'SelectStmt');
      if (!around.query || !select) this.#source.refuse('a subquery is not allowed here', at);
      return make(
        'SubLink',
        compact({
          subLinkType: sublink.subLinkType,
          testexpr: sublink.testexpr && again(sublink.testexpr),
          operName: sublink.operName && this.#operator(sublink.operName, at),
          subselect: make('SelectStmt', around.query.subquery(select)),
        }),
      );
    }
    this.#source.refuse(kind === 'ParamRef' ? 'parameters ($1) are not allowed' : `${kind} is not allowed`, at);
  }

  type(type: TypeName): TypeName {
    const name = this.#catalogName(type.names, type.location);
    if (!TYPES.has(name) || type.setof || type.pct_type)
      this.#source.refuse(`the type "${name}" is not allowed; these are: ${[...TYPES].join(', ')}`, type.location);
    const sizes = type.typmods ?? [];
    if (sizes.length > 0 && (!SIZED_TYPES.has(name) || sizes.some((size) => !body(size, 'A_Const')?.ival))) {
      this.#source.refuse(`"${name}" can't have (${sizes.length > 1 ? '..., ...' : '...'}) after it here`, type.location);
    }
    return compact<TypeName>({ names: [string(this.#holes.type(name))], typmods: type.typmods, typemod: type.typemod, arrayBounds: type.arrayBounds });
  }

  #operation(operation: A_Expr, again: (node: Node) => Node): Node {
    const at = operation.location;
    if (!EXPRESSION_KINDS.has(operation.kind ?? '')) this.#source.refuse(`${operation.kind} is not allowed`, at);
    // The "operator" of BETWEEN is the word itself.
    const name = operation.kind?.includes('BETWEEN') ? operation.name : this.#operator(operation.name, at);
    return make(
      'A_Expr',
      compact({ kind: operation.kind, name, lexpr: operation.lexpr && again(operation.lexpr), rexpr: operation.rexpr && again(operation.rexpr) }),
    );
  }

  #operator(names: readonly Node[] | undefined, at: number | undefined): Node[] {
    const name = this.#catalogName(names, at);
    if (!OPERATORS.has(name)) this.#source.refuse(`the operator ${name} is not allowed`, at);
    return [string(name)];
  }

  #call(call: FuncCall, around: Surroundings): Node {
    const at = call.location;
    const plain = call.funcname?.length === 1 ? nameParts(call.funcname)[0] : undefined;
    const special = plain === undefined ? undefined : around.call?.(plain, call);
    if (special) return special;

    const name = this.#catalogName(call.funcname, at);
    const inQuery = around.query && (AGGREGATES.has(name) || WINDOW_FUNCTIONS.has(name));
    if (!inQuery && (AGGREGATES.has(name) || WINDOW_FUNCTIONS.has(name)))
      this.#source.refuse(`"${name}" works over several rows, and can't be used in a condition or value of one row`, at);
    if (!inQuery && !FUNCTIONS.has(name)) this.#source.refuse(`the function "${name}" is not allowed`, at);
    if (call.func_variadic) this.#source.refuse('VARIADIC is not allowed', at);
    const overRows = call.over ?? call.agg_filter ?? call.agg_order;
    if (!inQuery && (overRows || call.agg_star || call.agg_distinct || call.agg_within_group))
      this.#source.refuse(`"${name}" is an ordinary function: *, DISTINCT, ORDER BY, FILTER and OVER are not for it`, at);
    const again = (node: Node): Node => this.expression(node, around);
    const args = call.args?.map(again);
    if (SIZED.has(name)) {
      const size = body(call.args?.[1], 'A_Const')?.ival;
      if (!size || (size.ival ?? 0) > LARGEST_SIZE) this.#source.refuse(`the length in "${name}" must be a number up to ${LARGEST_SIZE}`, at);
    }
    if (TIME_FUNCTIONS.has(name) || (name === 'age' && args?.length === 1)) this.usesTime = true;
    return make(
      'FuncCall',
      compact({
        funcname: [string('pg_catalog'), string(name)],
        args,
        agg_order: call.agg_order?.map((item) => this.sortItem(item, again)),
        agg_filter: call.agg_filter && again(call.agg_filter),
        over: call.over && this.window(call.over, around),
        agg_within_group: call.agg_within_group,
        agg_star: call.agg_star,
        agg_distinct: call.agg_distinct,
        funcformat: call.funcformat,
      }),
    );
  }

  window(window: NonNullable<FuncCall['over']>, around: Surroundings): NonNullable<FuncCall['over']> {
    this.usesWindows = true;
    const again = (node: Node): Node => this.expression(node, around);
    if (window.name !== undefined || window.refname !== undefined) around.query?.namedWindow();
    return compact<NonNullable<FuncCall['over']>>({
      name: window.name,
      refname: window.refname,
      partitionClause: window.partitionClause?.map(again),
      orderClause: window.orderClause?.map((item) => this.sortItem(item, again)),
      frameOptions: window.frameOptions,
      startOffset: window.startOffset && again(window.startOffset),
      endOffset: window.endOffset && again(window.endOffset),
    });
  }

  sortItem(item: Node, change: (node: Node) => Node): Node {
    const sort = body(item, 'SortBy');
    if (!sort?.node || sort.useOp) this.#source.refuse('ORDER BY takes expressions with ASC or DESC', sort?.location);
    return make('SortBy', compact({ node: change(sort.node), sortby_dir: sort.sortby_dir, sortby_nulls: sort.sortby_nulls }));
  }

  /** A name with no schema, or with pg_catalog. */
  #catalogName(names: readonly Node[] | undefined, at: number | undefined): string {
    const parts = nameParts(names);
    const name = parts.at(-1);
    if (name === undefined || parts.length > 2 || (parts.length === 2 && parts[0] !== 'pg_catalog')) {
      this.#source.refuse(`"${parts.join('.')}" is not allowed: only what PostgreSQL itself brings can be used, without a schema`, at);
    }
    return name;
  }

  /** A text that is cast to a time may say "now": we know that it does not of a constant, and of what is a time already. */
  #noteTimeCast(arg: Node, type: TypeName, around: Surroundings): void {
    const name = nameParts(type.names).at(-1);
    if (name === undefined || !TIME_TYPES.has(name) || body(arg, 'A_Const')) return;
    const column = nameParts(body(arg, 'ColumnRef')?.fields).filter((field) => field !== undefined);
    if (TIME_TYPES.has(around.columnType?.(column) ?? '')) return;
    this.usesTime = true;
  }
}

function locationOf(node: Node): number | undefined {
  const [value] = Object.values(node) as { location?: number }[];
  return value?.location;
}
