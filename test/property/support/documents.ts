/** A value in a question: written out, or given as a variable. `type` is what a variable for it is declared as. */
export type InputNode = { readonly type: string; readonly as: 'literal' | 'variable' | 'absent' } & (
  | { readonly kind: 'leaf'; readonly value: unknown }
  | { readonly kind: 'enum'; readonly name: string }
  | { readonly kind: 'object'; readonly entries: readonly (readonly [string, InputNode])[] }
  | { readonly kind: 'list'; readonly items: readonly InputNode[] }
);

export interface Directive {
  readonly name: 'skip' | 'include';
  readonly value: boolean;
  readonly isVariable: boolean;
}

export interface FieldNode {
  readonly kind: 'field';
  readonly name: string;
  readonly alias?: string | undefined;
  readonly args?: readonly (readonly [string, InputNode])[];
  readonly children?: readonly SelectionNode[];
  readonly directive?: Directive | undefined;
  /** Written as two fields under one key, each with a part of the children. */
  readonly isSplit?: boolean;
}

export interface FragmentNode {
  readonly kind: 'fragment';
  readonly on: string;
  readonly how: 'bare' | 'inline' | 'named' | 'twice';
  readonly children: readonly SelectionNode[];
  readonly directive?: Directive | undefined;
}

export type SelectionNode = FieldNode | FragmentNode;

export interface Question {
  readonly query: string;
  readonly variables: Record<string, unknown>;
}

/** Writes a question as a document that is valid: keys of an answer that would clash are renamed. */
export function written(roots: readonly SelectionNode[]): Question {
  const writer = new Writer();
  const selection = writer.selections(roots, new Map());
  const declared = writer.declarations.length > 0 ? `query Asked(${writer.declarations.join(', ')})` : 'query Asked';
  return { query: [`${declared} ${selection}`, ...writer.fragments].join('\n'), variables: writer.variables };
}

/** What stands under a key of an answer, so far. */
interface Standing {
  readonly text: string;
  readonly inner: Standings;
}
type Standings = Map<string, Standing>;

class Writer {
  readonly declarations: string[] = [];
  readonly variables: Record<string, unknown> = {};
  readonly fragments: string[] = [];
  #names = 0;

  selections(nodes: readonly SelectionNode[], standings: Standings): string {
    return `{ ${nodes.map((node) => (node.kind === 'field' ? this.#field(node, standings) : this.#fragment(node, standings))).join(' ')} }`;
  }

  #field(node: FieldNode, standings: Standings): string {
    const args = node.args?.length ? `(${node.args.map(([name, value]) => `${name}: ${this.#input(value)}`).join(', ')})` : '';
    const called = `${node.name}${args}`;
    let key = node.alias ?? node.name;
    const standing = standings.get(key);
    // The same leaf twice is one; anything else gets a key of its own.
    if (standing && (standing.text !== called || node.children)) key = `${node.name}_${++this.#names}`;
    const inner: Standings = new Map();
    standings.set(key, { text: called, inner });
    const head = `${key === node.name ? '' : `${key}: `}${called}${this.#directive(node.directive)}`;
    if (!node.children) return head;
    const half = node.children.length >> 1;
    if (!node.isSplit || half === 0) return `${head} ${this.selections(node.children, inner)}`;
    return `${head} ${this.selections(node.children.slice(0, half), inner)} ${head} ${this.selections(node.children.slice(half), inner)}`;
  }

  #fragment({ on, how, children, directive }: FragmentNode, standings: Standings): string {
    const selection = this.selections(children, standings);
    const given = this.#directive(directive);
    if (how === 'bare' || how === 'inline') return `...${how === 'inline' ? ` on ${on}` : ''}${given} ${selection}`;
    const name = `Part${++this.#names}`;
    this.fragments.push(`fragment ${name} on ${on} ${selection}`);
    return how === 'named' ? `...${name}${given}` : `...${name}${given} ...${name}`;
  }

  #directive(directive: Directive | undefined): string {
    if (!directive) return '';
    const { name, value, isVariable } = directive;
    return ` @${name}(if: ${isVariable ? this.#variable('Boolean!', value) : value})`;
  }

  #input(node: InputNode): string {
    if (node.as === 'absent') return this.#variable(node.type, undefined);
    if (node.as === 'variable') return this.#variable(`${node.type}!`, jsonOf(node));
    switch (node.kind) {
      case 'leaf':
        return literal(node.value) ?? this.#variable(`${node.type}!`, node.value);
      case 'enum':
        return node.name;
      case 'object':
        return `{ ${node.entries.map(([name, value]) => `${name}: ${this.#input(value)}`).join(', ')} }`;
      case 'list':
        return `[${node.items.map((item) => this.#input(item)).join(', ')}]`;
    }
  }

  #variable(type: string, value: unknown): string {
    const name = `v${this.declarations.length}`;
    this.declarations.push(`$${name}: ${type}`);
    if (value !== undefined) this.variables[name] = value;
    return `$${name}`;
  }
}

/** Variables inside of a variable are values like others; one that is absent is left out. */
function jsonOf(node: InputNode): unknown {
  switch (node.kind) {
    case 'leaf':
      return node.value;
    case 'enum':
      return node.name;
    case 'object':
      return Object.fromEntries(node.entries.flatMap(([name, value]) => (value.as === 'absent' ? [] : [[name, jsonOf(value)]])));
    case 'list':
      return node.items.map(jsonOf);
  }
}

/** JSON as GraphQL writes it; undefined when a key is no name. */
function literal(value: unknown): string | undefined {
  if (Array.isArray(value)) {
    const items = value.map(literal);
    return items.includes(undefined) ? undefined : `[${items.join(', ')}]`;
  }
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).map(([key, inner]) => {
    const text = literal(inner);
    return /^[A-Za-z_]\w*$/.test(key) && text !== undefined ? `${key}: ${text}` : undefined;
  });
  return entries.includes(undefined) ? undefined : `{ ${entries.join(', ')} }`;
}
