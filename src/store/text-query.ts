import type pg from 'pg';
import { prepareValue } from 'pg/lib/utils.js';

/** What node-postgres keeps of a connection, and how it writes to it, beyond what its types tell. */
interface Wire {
  readonly stream: { cork(): void; uncork(): void };
  readonly parsedStatements: Readonly<Record<string, string>>;
  parse(message: { name: string; text: string }): void;
  bind(message: { statement: string; values: readonly unknown[]; valueMapper: (value: unknown) => unknown }): void;
  execute(message: object): void;
  sync(): void;
}

/** Without a name nothing is kept of it. */
export interface TextStatement {
  readonly name?: string;
  readonly text: string;
  readonly values: readonly unknown[];
}

type Done<Row> = (error: Error | null, rows: Row[]) => void;

/** Sends what was written to connections in this turn of the event loop, at its end. */
export class Outbox {
  #due: Wire['stream'][] = [];

  /** Each message wakes a backend, which may well take this process's turn on the processor: so all wait for the last. */
  post(stream: Wire['stream']): void {
    if (this.#due.length === 0) setImmediate(() => this.#send());
    this.#due.push(stream);
  }

  #send(): void {
    const due = this.#due;
    this.#due = [];
    for (const stream of due) stream.uncork();
  }
}

/**
 * A statement whose columns are all wanted as the text that PostgreSQL sends. So nothing needs to be known of their types:
 * the server is not asked to describe them at each run, and no value is parsed. node-postgres runs it as one of its own.
 */
export class TextQuery<Row extends unknown[]> implements pg.Submittable {
  /** Read by node-postgres, which keeps what is prepared by name; without a name nothing is kept. */
  readonly name: string;
  readonly text: string;
  /** node-postgres wraps it. */
  callback: Done<Row>;
  readonly #values: readonly unknown[];
  readonly #outbox: Outbox;
  readonly #rows: Row[] = [];
  #failure: Error | undefined;

  constructor({ text, values, name = '' }: TextStatement, outbox: Outbox, done: Done<Row>) {
    this.text = text;
    this.name = name;
    this.#values = values;
    this.#outbox = outbox;
    this.callback = done;
  }

  submit(connection: unknown): Error | null {
    const wire = connection as Wire;
    wire.stream.cork();
    try {
      if (this.name === '' || wire.parsedStatements[this.name] === undefined) wire.parse({ name: this.name, text: this.text });
      wire.bind({ statement: this.name, values: this.#values, valueMapper: prepareValue });
      wire.execute({});
      wire.sync();
      return null;
    } finally {
      this.#outbox.post(wire.stream);
    }
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
    this.#failure = error;
    this.callback(error, []);
  }
}

export async function runTextQuery<Row extends unknown[]>(client: pg.ClientBase, statement: TextStatement, outbox: Outbox): Promise<Row[]> {
  return await new Promise<Row[]>((resolve, reject) => {
    client.query(new TextQuery<Row>(statement, outbox, (error, rows) => (error ? reject(error) : resolve(rows))));
  });
}
