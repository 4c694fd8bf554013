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

type Done<Row> = (error: Error | null, rows: Row[]) => void;

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
  readonly #rows: Row[] = [];
  #failure: Error | undefined;

  constructor(text: string, values: readonly unknown[], name: string, done: Done<Row>) {
    this.text = text;
    this.name = name;
    this.#values = values;
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
      wire.stream.uncork();
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

export async function runTextQuery<Row extends unknown[]>(client: pg.ClientBase, text: string, values: readonly unknown[], name = ''): Promise<Row[]> {
  return await new Promise<Row[]>((resolve, reject) => {
    client.query(new TextQuery<Row>(text, values, name, (error, rows) => (error ? reject(error) : resolve(rows))));
  });
}
