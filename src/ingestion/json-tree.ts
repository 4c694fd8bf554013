import { pointerKeys } from '../kernel/index.js';
import { elementsOf, membersOf, type JsonMember } from './json-members.js';

/** A JSON text whose parts are had as they are written. What was taken apart once is not taken apart again. */
export class JsonTree {
  readonly #text: string;
  #members: ReadonlyMap<string, JsonTree> | null | undefined;

  constructor(text: string) {
    this.#text = text;
  }

  get text(): string {
    return this.#text;
  }

  /** By their names, or numbers from 0; of a name that is there twice the last. Undefined for a scalar. */
  get members(): ReadonlyMap<string, JsonTree> | undefined {
    if (this.#members === undefined) this.#members = this.#takeApart();
    return this.#members ?? undefined;
  }

  /** @param pointer RFC 6901 */
  at(pointer: string): JsonTree | undefined {
    return pointerKeys(pointer).reduce<JsonTree | undefined>((tree, key) => tree?.members?.get(key), this);
  }

  #takeApart(): ReadonlyMap<string, JsonTree> | null {
    const first = this.#text.trimStart()[0];
    if (first !== '{' && first !== '[') return null;
    const part = ({ from, to }: Pick<JsonMember, 'from' | 'to'>) => new JsonTree(this.#text.slice(from, to));
    if (first === '[') return new Map((elementsOf(this.#text) ?? []).map((element, i) => [String(i), part(element)]));
    return new Map((membersOf(this.#text) ?? []).map((member) => [member.name, part(member)]));
  }
}
