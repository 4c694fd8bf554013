import type { Field } from '../../catalog/index.js';
import { placeKeys } from '../../kernel/index.js';

/** A map, since fields may have the names of what every object has. */
type Tree = Map<string, Tree>;

/**
 * One query of one root field, under the alias `rows`. All names in it are from a contract that was checked; all values are in the
 * variables.
 */
export class Document {
  readonly #field: string;
  readonly #types: Readonly<Record<string, string>>;
  readonly #variables: Record<string, unknown>;
  readonly #selection: Tree = new Map();

  constructor(field: string, types: Readonly<Record<string, string>> = {}, constants: Readonly<Record<string, unknown>> = {}) {
    this.#field = field;
    this.#types = types;
    this.#variables = structuredClone(constants);
  }

  /** @param place an argument, or a JSON pointer to where in one the value stands */
  set(place: string, value: unknown): void {
    const names = placeKeys(place);
    const last = names.pop() ?? '';
    let at = this.#variables;
    for (const name of names) {
      const inner = Object.hasOwn(at, name) ? at[name] : undefined;
      const next = typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? (inner as Record<string, unknown>) : {};
      at[name] = next;
      at = next;
    }
    at[last] = value;
  }

  /** @param places names of fields or JSON pointers, each inside of the one before */
  select(...places: readonly (string | undefined)[]): void {
    let at = this.#selection;
    for (const name of places.flatMap((place) => (place === undefined ? [] : placeKeys(place)))) {
      const inner = at.get(name) ?? new Map<string, Tree>();
      at.set(name, inner);
      at = inner;
    }
  }

  /** A value of a field as the argument takes it: numbers, where its type is not one of texts. */
  valueOf(place: string, field: Pick<Field, 'type'>, text: string): unknown {
    const type = place.startsWith('/') ? undefined : /\w+/.exec(this.#types[place] ?? '')?.[0];
    const isNumber = type === 'Int' || type === 'Float';
    const isText = type === 'String' || type === 'ID';
    if (field.type === 'boolean' && !isText) return text === 'true';
    const mayBeNumber = field.type === 'integer' || (field.type === 'bigint' && Number.isSafeInteger(Number(text)));
    return isNumber || (mayBeNumber && !isText) ? Number(text) : text;
  }

  listOf(place: string, field: Pick<Field, 'type'>, texts: readonly string[]): readonly unknown[] {
    return texts.map((text) => this.valueOf(place, field, text));
  }

  /** The body of the request. */
  toJson(): string {
    const given = Object.keys(this.#variables).filter((name) => this.#variables[name] !== undefined);
    const declared = given.map((name) => `$${name}: ${this.#types[name] ?? 'String'}`);
    const variables = declared.length > 0 ? `(${declared.join(', ')})` : '';
    const args = given.length > 0 ? `(${given.map((name) => `${name}: $${name}`).join(', ')})` : '';
    return JSON.stringify({ query: `query Headgate${variables} { rows: ${this.#field}${args}${selectionText(this.#selection)} }`, variables: this.#variables });
  }
}

function selectionText(tree: Tree): string {
  return tree.size === 0 ? '' : ` { ${[...tree].map(([name, inner]) => `${name}${selectionText(inner)}`).join(' ')} }`;
}
