import type { Node } from 'libpg-query';

/** The kinds of nodes of PostgreSQL's parse tree, and what each holds. */
export type Kind = Node extends infer N ? (N extends unknown ? keyof N : never) : never;
export type Body<K extends Kind> = Extract<Node, Record<K, unknown>>[K];

/** Names of ours in a tree (holes, common tables) begin so; no name of a user may. */
export const RESERVED = '_hg_';

/** Where things stand in the text: no part of what a tree means. `funcformat` tells `timezone(a, b)` from `b AT TIME ZONE a`, which are one call. */
const NOT_MEANING = /(^|_)location$|^stmt_len$|_(start|end)$|^funcformat$/;

export function kindOf(node: Node): Kind {
  return Object.keys(node)[0] as Kind;
}

/** The body of a node when it is of that kind. */
export function body<K extends Kind>(node: Node | undefined, kind: K): Body<K> | undefined {
  return node && kind in node ? (node as unknown as Record<K, Body<K>>)[kind] : undefined;
}

export function make<K extends Kind>(kind: K, value: Body<K>): Node {
  return { [kind]: value } as unknown as Node;
}

/** The object without the keys that hold undefined: the parser leaves out what is absent, and so do we. */
export function compact<T extends object>(value: { readonly [K in keyof T]: T[K] | undefined }): T {
  return Object.fromEntries(Object.entries(value).filter(([, v]) => v !== undefined)) as T;
}

export function string(text: string): Node {
  return make('String', { sval: text });
}

/** The parts of a name such as `pg_catalog.lower`; undefined where a part is no name (the star of `t.*`). */
export function nameParts(nodes: readonly Node[] | undefined): readonly (string | undefined)[] {
  return (nodes ?? []).map((node) => body(node, 'String')?.sval);
}

/** Do two trees mean the same? Positions aside, they are equal. */
export function sameTree(a: unknown, b: unknown): boolean {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return a === b;
  if (Array.isArray(a) || Array.isArray(b)) {
    return Array.isArray(a) && Array.isArray(b) && a.length === b.length && a.every((item, i) => sameTree(item, b[i]));
  }
  const [left, right] = [meaningOf(a), meaningOf(b)];
  return left.size === right.size && [...left].every(([key, value]) => right.has(key) && sameTree(value, right.get(key)));
}

function meaningOf(value: object): Map<string, unknown> {
  return new Map(Object.entries(value).filter(([key, v]) => v !== undefined && !NOT_MEANING.test(key)));
}
