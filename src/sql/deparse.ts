import { parseSync, scanSync, type Node } from 'libpg-query';
import { deparseSync } from 'pgsql-deparser';
import { type Sql, join, raw } from './fragment.js';
import type { Source } from './source.js';
import { RESERVED, body, kindOf, make, sameTree, type Kind } from './tree.js';

/** A place in the deparsed text that the caller fills: a column, a claim, or a relation. */
export interface Hole {
  readonly kind: 'column' | 'claim' | 'relation';
  readonly name: string;
}

/** Deparsed SQL, cut at its holes. */
export type Template = readonly (string | Hole)[];

/** The nodes that stand for holes, and what each token in the deparsed text stands for. */
export class Holes {
  readonly #tokens = new Map<string, string | Hole>();
  readonly #known = new Map<string, number>();
  #parameters = 0;

  /** A parameter's node: no user can write one, since `$1` is refused. */
  parameter(hole: Hole): Node {
    const key = `${hole.kind} ${hole.name}`;
    const number = this.#known.get(key) ?? this.nextParameter();
    this.#known.set(key, number);
    this.#tokens.set(`$${number}`, hole);
    return make('ParamRef', { number });
  }

  nextParameter(): number {
    return ++this.#parameters;
  }

  relation(name: string): string {
    const token = `${RESERVED}relation_${this.#tokens.size}`;
    this.#tokens.set(token, { kind: 'relation', name });
    return token;
  }

  /** The deparser drops `pg_catalog` before types, so a type is a hole too and gets its schema back at the end. */
  type(name: string): string {
    const token = `${RESERVED}type_${name}`;
    this.#tokens.set(token, `pg_catalog.${name}`);
    return token;
  }

  /** Cuts by the scanner's tokens, never by a search in the text: a string that looks like a hole is none. */
  cut(text: string): Template {
    return replaceTokens(text, this.#tokens);
  }
}

/** Nodes with operands that are not fenced by commas, keywords or parentheses of their own. */
const OPERATORS: ReadonlySet<Kind> = new Set<Kind>(['A_Expr', 'BoolExpr', 'NullTest', 'BooleanTest', 'CollateClause', 'TypeCast', 'A_Indirection', 'SubLink']);

/**
 * The text of a tree, cut at its holes. The deparser is not trusted: it loses parentheses in places
 * (`a BETWEEN (b AND c) AND d`) and some clauses altogether. So operands are deparsed apart and put in parentheses, and
 * the text is used only if the real parser reads the same tree from it.
 * @throws HeadgateError BAD_USER_INPUT when it reads another one.
 */
export function deparse(node: Node, holes: Holes, source: Source): Template {
  const text = faithful(node, holes);
  if (text === undefined) source.refuse('a part of it can not be written back faithfully; write it in a simpler way');
  return holes.cut(text);
}

/** The text, or undefined when the deparser fails or the parser reads something else from what it wrote. */
function faithful(node: Node, holes: Holes): string | undefined {
  const isSelect = body(node, 'SelectStmt') !== undefined;
  const expected = isSelect
    ? node
    : make('SelectStmt', { targetList: [make('ResTarget', { val: node })], limitOption: 'LIMIT_OPTION_DEFAULT', op: 'SETOP_NONE' });
  const operands = new Map<string, string>();
  try {
    const text = fill(deparseSync(hoist(node, false, operands, holes) as Node, { pretty: false }), operands);
    const [statement, ...others] = parseSync(isSelect ? text : `SELECT ${text}`).stmts ?? [];
    return others.length === 0 && sameTree(statement?.stmt, expected) ? text : undefined;
  } catch {
    return undefined;
  }
}

/** The template with SQL in its holes, each expression in parentheses of its own. */
export function fillTemplate(template: Template, fillHole: (hole: Hole) => Sql): Sql {
  return join(
    template.map((part) => {
      if (typeof part === 'string') return raw(part);
      const filled = fillHole(part);
      return part.kind === 'relation' ? filled : join([raw('('), filled, raw(')')], '');
    }),
    '',
  );
}

/** The tree in which each operand that is itself an operation is a parameter; `operands` gets its text. */
function hoist(value: unknown, isOperand: boolean, operands: Map<string, string>, holes: Holes): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => hoist(item, isOperand, operands, holes));
  const kind = kindOf(value as Node);
  if (!/^[A-Z]/.test(kind)) return mapValues(value, (child) => hoist(child, isOperand, operands, holes));
  const operation = isOperation(value as Node);
  const node = mapValues(value, (child) => hoist(child, operation || (isOperand && kind === 'List'), operands, holes));
  if (!isOperand || !operation) return node;
  const number = holes.nextParameter();
  operands.set(`$${number}`, `(${fill(deparseSync(node as Node, { pretty: false }), operands)})`);
  return make('ParamRef', { number });
}

function isOperation(node: Node): boolean {
  const constant = body(node, 'A_Const');
  if (constant) return (constant.ival?.ival ?? 0) < 0 || (constant.fval?.fval?.startsWith('-') ?? false);
  return OPERATORS.has(kindOf(node)) || body(node, 'FuncCall')?.funcformat === 'COERCE_SQL_SYNTAX';
}

function mapValues(value: object, change: (child: unknown) => unknown): object {
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, change(child)]));
}

function fill(text: string, operands: ReadonlyMap<string, string>): string {
  return operands.size === 0 ? text : replaceTokens(text, operands).join('');
}

function replaceTokens<T>(text: string, replacements: ReadonlyMap<string, T>): (string | T)[] {
  const bytes = Buffer.from(text);
  const parts: (string | T)[] = [];
  let done = 0;
  // The scanner's answer is not valid JSON when the text has control characters. They can only be in quotes, and a space is as long.
  for (const token of scanSync(text.replace(/\p{Cc}/gu, (c) => ' '.repeat(Buffer.byteLength(c)))).tokens) {
    if (token.tokenName !== 'PARAM' && token.tokenName !== 'IDENT') continue;
    const replacement = replacements.get(token.text);
    if (replacement === undefined) continue;
    if (token.start > done) parts.push(bytes.subarray(done, token.start).toString());
    parts.push(replacement);
    done = token.end;
  }
  if (done < bytes.length) parts.push(bytes.subarray(done).toString());
  return parts;
}
