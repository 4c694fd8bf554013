import pg from 'pg';
import { prepareValue } from 'pg/lib/utils.js';
import type { StatementCache, StatementUse } from './statement-cache.js';

/** What node-postgres keeps of a connection, and how it writes to it, beyond what its types tell. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  close(message: { type: 'S'; name: string }): void;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[]; binary: boolean }): void;
  execute(message: object): void;
  sync(): void;
}

export interface TextStatement {
  /** Without it nothing is kept of the statement. */
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
  /** All columns are of type text, or bytea that holds UTF-8: they can come as the server keeps them, and need not be written out first. */
  readonly asKept?: boolean;
}

/** With its values as they are sent. */
export interface WrittenStatement extends TextStatement {
  readonly values: readonly (string | Buffer | null)[];
}

/** @throws Error for a value that can't be written as a parameter. */
export function written(statement: TextStatement): WrittenStatement {
  return { ...statement, values: statement.values.map((value) => prepareValue(value)) };
}

type Done<Row> = (error: Error | null, rows: Row[]) => void;

/** A connection in pipeline mode takes queries of node-postgres's own class alone; its types have members where it has methods. */
const Query = pg.Query as unknown as new (text: string) => object;

/**
 * A statement whose columns are all wanted as the text that PostgreSQL sends. So nothing needs to be known of their types:
 * the server is not asked to describe them at each run, and no value is parsed.
 */
export class TextQuery<Row extends unknown[]> extends Query implements pg.Submittable {
  /** node-postgres wraps it. */
  callback: Done<Row>;
  readonly #statement: WrittenStatement;
  readonly #prepared: StatementCache;
  readonly #rows: Row[] = [];
  #wasNew = false;
  #failure: Error | undefined;

  /**
   * @param prepared what the session has prepared
   */
  constructor(statement: WrittenStatement, prepared: StatementCache, done: Done<Row>) {
    // It keeps what is prepared by name itself, without a bound: so it is not told the name.
    super(statement.text);
    this.#statement = statement;
    this.#prepared = prepared;
    this.callback = done;
  }

  submit(connection: unknown): null {
    const wire = connection as Wire;
    const { text, name = '', values, asKept = false } = this.#statement;
    const { isNew, evicted }: StatementUse = name === '' ? { isNew: true } : this.#prepared.use(name);
    this.#wasNew = isNew;
    wire.stream.cork();
    try {
      if (evicted !== undefined) wire.close({ type: 'S', name: evicted });
      // Of one that failed before it may be there or not. To close what is not there is no error.
      if (isNew && name !== '') wire.close({ type: 'S', name });
      if (isNew) wire.parse({ name, text });
      wire.bind({ statement: name, values, binary: asKept });
      wire.execute({});
      wire.sync();
    } finally {
      wire.stream.uncork();
    }
    return null;
  }

  handleRowDescription(): void {
    // Not asked for.
  }

  handleDataRow({ fields }: { readonly fields: Row }): void {
    this.#rows.push(fields);
  }

  handleCommandComplete(): void {
    // The end is when the connection is ready for the next one.
  }

  handleEmptyQuery(): void {
    // No statement is empty.
  }

  handlePortalSuspended(): void {
    // All rows are asked for at once.
  }

  handleReadyForQuery(): void {
    if (!this.#failure) this.callback(null, this.#rows);
  }

  /** The connection is ready for another one, but for one that was cut. */
  handleError(error: Error): void {
    const { name } = this.#statement;
    if (name !== undefined && (this.#wasNew || isNotPrepared(error))) this.#prepared.doubt(name);
    this.#failure = error;
    this.callback(error, []);
  }
}

/** PostgreSQL's code for a name under which the session has nothing prepared: one before it failed to prepare it. */
export function isNotPrepared(error: unknown): boolean {
  return error instanceof pg.DatabaseError && error.code === '26000';
}
