import type { JsonTree } from './json-tree.js';

/** Where the fields of a row come from, and whether the other members come as well. */
export interface RowSources {
  /** By field a JSON pointer, or a fact of the delivery as `$name`. */
  readonly fields: Readonly<Record<string, string>>;
  readonly rest?: true | undefined;
}

/** What was delivered. */
interface Delivered<Value> {
  readonly members: Iterable<readonly [name: string, value: Value]>;
  /** @param pointer a JSON pointer */
  at(pointer: string): Value | undefined;
  /** @param name with its `$` */
  fact(name: string): Value | undefined;
}

/** The members of a row. What is not there is left out: the contract says what is required. */
export function rowMembers<Value>({ fields, rest }: RowSources, delivered: Delivered<Value>): Map<string, Value> {
  const members = new Map<string, Value>(rest ? delivered.members : []);
  for (const [name, from] of Object.entries(fields)) {
    const value = from.startsWith('$') ? delivered.fact(from) : delivered.at(from);
    if (value === undefined) members.delete(name);
    else members.set(name, value);
  }
  return members;
}

/**
 * A row as the text of a JSON object, its values as they were written.
 * @param tree undefined where nothing was delivered but facts
 * @param fact as JSON
 */
export function rowText(sources: RowSources, tree: JsonTree | undefined, fact: (name: string) => string | undefined): string {
  const all = [...((sources.rest && tree?.members) ?? [])].map(([name, { text }]) => [name, text] as const);
  const members = rowMembers(sources, { members: all, at: (pointer) => tree?.at(pointer)?.text, fact });
  return `{${[...members].map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(',')}}`;
}
