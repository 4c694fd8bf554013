import type { FuncCall, Node, SelectStmt } from 'libpg-query';
import { Holes, deparse, fillTemplate, type Template } from './deparse.js';
import type { Sql } from './fragment.js';
import { narrowingOf, type Narrowing } from './narrowing.js';
import { Rewriter, type Surroundings } from './rewriter.js';
import { Source } from './source.js';
import { isTotal } from './total.js';
import { body, nameParts } from './tree.js';

const LONGEST = 10_000;
const LONGEST_CLAIM = 200;

/** What a column and a claim are in the statement that the expression becomes a part of. */
export interface ExpressionHoles {
  readonly column: (name: string) => Sql;
  /** SQL of type text; needed when the expression has claims. */
  readonly claim?: (name: string) => Sql;
}

/** An SQL expression over one row, checked, and ready to be put into statements. */
export interface Expression {
  /** The columns that it names, sorted. */
  readonly columns: readonly string[];
  /** The claims that it reads by `claim('name')`, sorted. */
  readonly claims: readonly string[];
  /** Its value may depend on the moment: it must not be kept. */
  readonly usesTime: boolean;
  /** It raises no error, whatever the columns hold; false where that is not known. */
  readonly isTotal: boolean;
  /** Of a condition: what is known of each row that it is true for. */
  readonly narrowing: Narrowing;
  /** The expression as the deparser writes it, in parentheses, with the holes filled. Never the text as it was typed. */
  toSql(holes: ExpressionHoles): Sql;
}

export interface ExpressionOptions {
  /** Names and PostgreSQL types of the columns that it may name. */
  readonly columns: ReadonlyMap<string, string>;
  /** Whether it may read the principal's token. */
  readonly claims?: boolean;
}

/**
 * Checks an expression that a user wrote: no statement, subquery or aggregate, and only functions, operators, casts and types
 * that read nothing but their arguments. Its type is not checked; PostgreSQL knows it.
 * @throws HeadgateError BAD_USER_INPUT naming what is wrong; details: position (the character, from 1).
 */
export function compileExpression(text: string, { columns, claims = false }: ExpressionOptions): Expression {
  const source: Source = new Source(text, { what: 'expression', prefix: 'SELECT ', longest: LONGEST });
  const holes = new Holes();
  const rewriter = new Rewriter(source, holes);
  const usedColumns = new Set<string>();
  const usedClaims = new Set<string>();

  const around: Surroundings = {
    column(fields, location) {
      const [name, ...rest] = fields;
      if (name === undefined || rest.length > 0) source.refuse(`"${fields.join('.')}" is not allowed: columns are named without a table`, location);
      if (!columns.has(name)) source.refuse(`there is no column "${name}"; these are: ${[...columns.keys()].join(', ') || 'none'}`, location);
      usedColumns.add(name);
      return holes.parameter({ kind: 'column', name });
    },
    columnType: ([name]) => (name === undefined ? undefined : columns.get(name)),
    call(name, call) {
      if (name !== 'claim') return undefined;
      if (!claims) source.refuse("claim('...') is for the row filters of grants; here there is nobody whose claims could be read", call.location);
      const claim = claimName(call);
      if (claim === undefined) source.refuse("claim takes one text that is not empty, as in claim('country')", call.location);
      usedClaims.add(claim);
      return holes.parameter({ kind: 'claim', name: claim });
    },
  };

  const tree = onlyExpression(source);
  const template = deparse(rewriter.expression(tree, around), holes, source);
  return {
    columns: [...usedColumns].toSorted(),
    claims: [...usedClaims].toSorted(),
    usesTime: rewriter.usesTime,
    isTotal: isTotal(tree, (name) => columns.get(name)) && !convertsColumns([...usedColumns].map((name) => columns.get(name))),
    narrowing: narrowingOf(
      tree,
      (name) => columns.get(name),
      (node) => (nameParts(body(node, 'FuncCall')?.funcname).join('.') === 'claim' ? claimName(body(node, 'FuncCall') ?? {}) : undefined),
    ),
    toSql: (fills) => fillExpression(template, fills),
  };
}

/** Side by side, a decimal becomes a float and a date a timestamp, which do not hold all of them. */
function convertsColumns(types: readonly (string | undefined)[]): boolean {
  return (types.includes('numeric') && types.includes('double precision')) || (types.includes('date') && types.includes('timestamptz'));
}

function fillExpression(template: Template, { column, claim }: ExpressionHoles): Sql {
  return fillTemplate(['(', ...template, ')'], (hole) => {
    if (hole.kind === 'column') return column(hole.name);
    if (!claim) throw new TypeError(`The expression reads claim('${hole.name}'), and toSql was given no claims.`);
    return claim(hole.name);
  });
}

/** The one expression of `SELECT <text>`, when that is all there is. */
function onlyExpression(source: Source): Node {
  const select = source.parse();
  const [target, second] = select.targetList ?? [];
  const result = body(target, 'ResTarget');
  if (!result?.val) source.refuse('it is empty');
  if (second) source.refuse('one value is expected, and a comma follows the first', body(second, 'ResTarget')?.location);
  if (result.name !== undefined || result.indirection)
    source.refuse(`nothing may follow the expression; "${result.name}" was read as a name for it`, result.location);
  const rest = Object.keys(select).filter((key) => !(ALONE as ReadonlySet<string>).has(key));
  if (rest.length > 0 || select.op !== 'SETOP_NONE')
    source.refuse('only an expression is allowed, not a query: no DISTINCT, FROM, WHERE, ORDER BY, LIMIT, UNION and the like');
  return result.val;
}

const ALONE: ReadonlySet<keyof SelectStmt> = new Set<keyof SelectStmt>(['targetList', 'limitOption', 'op']);

function claimName(call: FuncCall): string | undefined {
  const [argument, ...rest] = call.args ?? [];
  const extra = call.agg_order ?? call.agg_filter ?? call.over ?? call.agg_star ?? call.agg_distinct ?? call.func_variadic ?? call.agg_within_group;
  const name = body(argument, 'A_Const')?.sval?.sval;
  return extra || rest.length > 0 || !name || name.length > LONGEST_CLAIM || nameParts(call.funcname).length !== 1 ? undefined : name;
}
