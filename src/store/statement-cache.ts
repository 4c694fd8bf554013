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
  /** In order of last use. */
  readonly #names = new Set<string>();

  constructor(bound: number) {
    this.#bound = bound;
  }

  /** Call when the statement is sent. */
  use(name: string): StatementUse {
    const isNew = !this.#names.delete(name);
    this.#names.add(name);
    if (this.#names.size <= this.#bound) return { isNew };
    const [evicted = name] = this.#names;
    this.#names.delete(evicted);
    return { isNew, evicted };
  }

  /** The session does not have it, or may not. */
  forget(name: string): void {
    this.#names.delete(name);
  }
}
