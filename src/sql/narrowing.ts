import type { A_Const, Node } from 'libpg-query';
import { body, nameParts } from './tree.js';

/** What is compared with a column: a text in its type, or a claim. */
export type NarrowingValue = { readonly text: string } | { readonly claim: string };

/** The column has one of the values, or is beyond the one. */
export interface ColumnTest {
  readonly column: string;
  readonly operator: 'in' | 'gt' | 'gte' | 'lt' | 'lte';
  readonly values: readonly NarrowingValue[];
}

/** What each row meets for which an expression is true. */
export interface Narrowing {
  /** All hold. */
  readonly tests: readonly ColumnTest[];
  /** Nothing else is asked: where they hold, the expression is true. */
  readonly isWhole: boolean;
}

export const NOTHING_KNOWN: Narrowing = { tests: [], isWhole: false };

const COMPARISONS: Readonly<Record<string, Exclude<ColumnTest['operator'], 'in'>>> = { '<': 'lt', '<=': 'lte', '>': 'gt', '>=': 'gte' };
const REVERSED = { lt: 'gt', lte: 'gte', gt: 'lt', gte: 'lte' } as const;

/** How constants of a type look of which it is known what PostgreSQL makes of them. */
const CONSTANTS: Readonly<Record<string, RegExp>> = {
  integer: /^-?\d{1,10}$/,
  bigint: /^-?\d{1,19}$/,
  numeric: /^-?\d{1,100}(\.\d{1,100})?$/,
  date: /^\d{4}-\d\d-\d\d$/,
  boolean: /^(true|false)$/,
  uuid: /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
};
/** The names of the parser, and those of people. */
const WHOLE_NUMBERS: ReadonlySet<string> = new Set(['int2', 'int4', 'int8', 'smallint', 'integer', 'bigint']);
/** Those whose order is the same wherever they are compared. */
const ORDERED = new Set(['integer', 'bigint', 'numeric', 'date']);

/**
 * Conditions that are necessary for an expression to be true, as far as they are comparisons of a column with constants and claims. What is not
 * known here to be one is left out, so that the tests hold for more rows and never for fewer.
 * @param typeOf PostgreSQL's type of a column
 * @param claimOf the name of the claim, for a node that reads one
 */
export function narrowingOf(node: Node, typeOf: (column: string) => string | undefined, claimOf: (node: Node) => string | undefined): Narrowing {
  const again = (child: Node): Narrowing => narrowingOf(child, typeOf, claimOf);
  const logic = body(node, 'BoolExpr');
  if (logic?.boolop === 'AND_EXPR') return allOf((logic.args ?? []).map(again));
  if (logic?.boolop === 'OR_EXPR') return anyOf((logic.args ?? []).map(again));
  const constant = body(node, 'A_Const');
  if (constant?.boolval?.boolval === true) return { tests: [], isWhole: true };
  const test = comparison(node, typeOf, claimOf);
  return test ? { tests: [test], isWhole: true } : NOTHING_KNOWN;
}

/** Of several that all hold: whatever each asks. */
function allOf(all: readonly Narrowing[]): Narrowing {
  return { tests: all.flatMap(({ tests }) => tests), isWhole: all.every(({ isWhole }) => isWhole) };
}

/** Of several one of which holds: what each of them says of a column, its values together. */
function anyOf(all: readonly Narrowing[]): Narrowing {
  const [first, ...rest] = all;
  if (!first) return NOTHING_KNOWN;
  const tests = first.tests.flatMap(({ column, operator, values }): ColumnTest[] => {
    const others = rest.map((other) => other.tests.find((test) => test.column === column && test.operator === 'in'));
    if (operator !== 'in' || others.includes(undefined)) return [];
    return [{ column, operator, values: [...values, ...others.flatMap((other) => other?.values ?? [])] }];
  });
  return { tests, isWhole: tests.length === 1 && all.every(({ isWhole, tests: each }) => isWhole && each.length === 1) };
}

function comparison(node: Node, typeOf: (column: string) => string | undefined, claimOf: (node: Node) => string | undefined): ColumnTest | undefined {
  const operation = body(node, 'A_Expr');
  const [operator = '', ...qualified] = nameParts(operation?.name);
  if (!operation?.lexpr || !operation.rexpr || qualified.length > 0) return undefined;
  const left = columnOf(operation.lexpr);
  if (operation.kind === 'AEXPR_IN') {
    const members = body(operation.rexpr, 'List')?.items ?? [];
    return operator === '=' && left !== undefined ? test(left, 'in', members, typeOf, claimOf) : undefined;
  }
  if (operation.kind !== 'AEXPR_OP') return undefined;
  const right = left === undefined ? columnOf(operation.rexpr) : undefined;
  const column = left ?? right;
  const operand = left === undefined ? operation.lexpr : operation.rexpr;
  if (column === undefined) return undefined;
  if (operator === '=') return test(column, 'in', [operand], typeOf, claimOf);
  const ordered = COMPARISONS[operator];
  if (ordered === undefined || !ORDERED.has(typeOf(column) ?? '')) return undefined;
  return test(column, left === undefined ? REVERSED[ordered] : ordered, [operand], typeOf, () => undefined);
}

function test(
  column: string,
  operator: ColumnTest['operator'],
  operands: readonly Node[],
  typeOf: (column: string) => string | undefined,
  claimOf: (node: Node) => string | undefined,
): ColumnTest | undefined {
  const type = typeOf(column);
  const values = operands.map((operand) => {
    const claim = claimIn(operand, type, claimOf);
    if (claim !== undefined) return { claim };
    const text = constantOf(body(operand, 'A_Const'), type);
    return text === undefined ? undefined : { text };
  });
  const known = values.filter((value) => value !== undefined);
  return known.length === values.length && known.length > 0 ? { column, operator, values: known } : undefined;
}

/** A claim is a text; of a whole number it is one that was cast. */
function claimIn(operand: Node, type: string | undefined, claimOf: (node: Node) => string | undefined): string | undefined {
  if (type === 'text') return claimOf(operand);
  const cast = body(operand, 'TypeCast');
  const to = nameParts(cast?.typeName?.names).at(-1) ?? '';
  const isWhole = (type === 'integer' || type === 'bigint') && WHOLE_NUMBERS.has(to) && !cast?.typeName?.arrayBounds;
  return isWhole && cast?.arg ? claimOf(cast.arg) : undefined;
}

/** As the column's type writes it; undefined where that is not known. */
function constantOf(constant: A_Const | undefined, type: string | undefined): string | undefined {
  if (!constant || constant.isnull) return undefined;
  if (type === 'text') return constant.sval && (constant.sval.sval ?? '');
  // The parser leaves out zeros, false and empty texts.
  const text = constant.ival
    ? String(constant.ival.ival ?? 0)
    : constant.boolval
      ? String(constant.boolval.boolval ?? false)
      : (constant.fval?.fval ?? constant.sval?.sval);
  return text !== undefined && CONSTANTS[type ?? '']?.test(text) ? text : undefined;
}

function columnOf(node: Node): string | undefined {
  const [name, ...rest] = nameParts(body(node, 'ColumnRef')?.fields);
  return rest.length === 0 ? name : undefined;
}
