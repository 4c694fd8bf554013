import type { Node, TypeName } from 'libpg-query';
import { body, kindOf, nameParts } from './tree.js';

/*
 * Which expressions can't raise an error, whatever the columns hold. PostgreSQL may run conditions in any order, so one
 * that raises on a row tells of that row although it is hidden. What is not known here to be total counts as not total.
 */

const words = (text: string): ReadonlySet<string> => new Set(text.trim().split(/\s+/));

/** Kinds that are total if their parts are. */
const COMPOSED = words(`
  BoolExpr NullTest BooleanTest CaseExpr CaseWhen CoalesceExpr MinMaxExpr List RowExpr A_ArrayExpr CollateClause NamedArgExpr
  A_Indirection A_Indices`);

/** Comparisons, looking into JSON and lists, joining texts. Not arithmetic: it overflows, and divides by zero. */
const OPERATORS = words('= <> < > <= >= || @> <@ ? ?| ?& && ^@ -> ->> #> #>> @? @@');
/** Total if the pattern, on the right, is the same for all rows. */
const PATTERN_OPERATORS = words('~ ~* !~ !~* ~~ ~~* !~~ !~~*');

/** Functions that are total in their first argument, if the others are the same for all rows. */
const FUNCTIONS = words(`
  lower upper initcap length char_length character_length octet_length bit_length btrim ltrim rtrim left right starts_with strpos position
  substring substr replace translate reverse split_part concat concat_ws md5 isfinite ceil ceiling floor round trunc sign
  jsonb_typeof jsonb_extract_path jsonb_extract_path_text to_jsonb array_length cardinality array_position num_nulls num_nonnulls`);

/** Casts that hold every value: from a column of a known type. To text there is one from everything. */
const CASTS: Readonly<Record<string, ReadonlySet<string>>> = {
  integer: words('int8 numeric float8'),
  bigint: words('numeric float8'),
  date: words('date'),
  timestamptz: words('date timestamptz'),
};
const TEXTS = words('text varchar bpchar');

/** @param columnType PostgreSQL's type of a column */
export function isTotal(node: Node, columnType: (name: string) => string | undefined): boolean {
  if (!readsColumns(node)) return true;
  const again = (child: Node): boolean => isTotal(child, columnType);
  if (kindOf(node) === 'ColumnRef') return true;
  if (COMPOSED.has(kindOf(node))) return childrenOf(node).every(again);
  const operation = body(node, 'A_Expr');
  if (operation) {
    const operands = [operation.lexpr, operation.rexpr].filter((operand) => operand !== undefined);
    if (!operands.every(again)) return false;
    // The "operator" of BETWEEN is the word itself, and it compares.
    if (operation.kind?.includes('BETWEEN')) return true;
    const name = nameParts(operation.name).at(-1) ?? '';
    if (PATTERN_OPERATORS.has(name)) return operation.rexpr !== undefined && !readsColumns(operation.rexpr);
    return operation.kind !== 'AEXPR_SIMILAR' && OPERATORS.has(name);
  }
  const call = body(node, 'FuncCall');
  if (call) {
    const [first, ...others] = call.args ?? [];
    return FUNCTIONS.has(nameParts(call.funcname).at(-1) ?? '') && (first === undefined || again(first)) && !others.some(readsColumns);
  }
  const cast = body(node, 'TypeCast');
  return cast?.arg !== undefined && cast.typeName !== undefined && again(cast.arg) && isTotalCast(cast.arg, cast.typeName, columnType);
}

function isTotalCast(arg: Node, type: TypeName, columnType: (name: string) => string | undefined): boolean {
  if (type.arrayBounds || type.typmods) return false;
  const to = nameParts(type.names).at(-1) ?? '';
  if (TEXTS.has(to)) return true;
  const [column, ...rest] = nameParts(body(arg, 'ColumnRef')?.fields);
  return column !== undefined && rest.length === 0 && (CASTS[columnType(column) ?? '']?.has(to) ?? false);
}

/** Claims count as the same for all rows: who asks knows theirs, and they are not of the data. */
function readsColumns(node: Node): boolean {
  return kindOf(node) === 'ColumnRef' || childrenOf(node).some(readsColumns);
}

/** The nodes that are direct parts of this one. */
function childrenOf(node: Node): readonly Node[] {
  const [value] = Object.values(node) as object[];
  return Object.values(value ?? {})
    .flatMap((part: unknown) => (Array.isArray(part) ? part : [part]))
    .filter(isNode);
}

/** `{ Kind: { ... } }`, with a capital: other objects in a tree (a cast's type) are parts of their node. */
function isNode(part: unknown): part is Node {
  if (typeof part !== 'object' || part === null) return false;
  const keys = Object.keys(part);
  return keys.length === 1 && /^[A-Z]/.test(keys[0] ?? '');
}
