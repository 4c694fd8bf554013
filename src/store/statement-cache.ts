/** What is to be done when a statement is sent. */
export interface StatementUse {
  /** It must be prepared first. */
  readonly isNew: boolean;
  /** The name of the one that goes for it. */
  readonly evicted?: string;
}

/**
 * Which statements a session has prepared, with a bound: each costs memory of the server's, and nothing there ever ends
 * one while the session lives.
 */
export class StatementCache {
  readonly #bound: number;
  /** In order of last use, and whether the session surely has it. */
  readonly #names = new Map<string, boolean>();

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Call when the statement is sent. */
  use(name: string): StatementUse {
    const isNew = this.#names.get(name) !== true;
    this.#names.delete(name);
    this.#names.set(name, true);
    if (this.#names.size <= this.#bound) return { isNew };
    const [evicted = name] = this.#names.keys();
    this.#names.delete(evicted);
    return { isNew, evicted };
  }

  /** The session may have it or not: it is prepared anew when it comes again, and has its place until then. */
  doubt(name: string): void {
    if (this.#names.has(name)) this.#names.set(name, false);
  }
}
