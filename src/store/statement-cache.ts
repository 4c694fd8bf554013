import pg from 'pg';

/** What node-postgres keeps per connection about the statements that it has prepared. */
interface WithStatements {
  readonly connection: { readonly parsedStatements: Record<string, string> };
}

/**
 * Bounds the prepared statements of one connection: each costs memory of the server's, and nothing there ever ends one
 * while the connection lives.
 */
export class StatementCache {
  readonly #client: pg.PoolClient;
  readonly #bound: number;
  /** In order of last use. */
  readonly #names = new Set<string>();

  constructor(client: pg.PoolClient, bound: number) {
    this.#client = client;
    this.#bound = bound;
  }

  /** Call before the statement is run: makes room for it, if need be. */
  async use(name: string): Promise<void> {
    this.#names.delete(name);
    this.#names.add(name);
    if (this.#names.size <= this.#bound) return;
    const [oldest] = this.#names;
    if (oldest === undefined) return;
    this.#names.delete(oldest);
    const { parsedStatements } = (this.#client as unknown as WithStatements).connection;
    // A statement that failed to parse was never prepared, and there is nothing to give back.
    if (!Object.hasOwn(parsedStatements, oldest)) return;
    await this.#client.query(`DEALLOCATE ${pg.escapeIdentifier(oldest)}`);
    delete parsedStatements[oldest];
  }
}
