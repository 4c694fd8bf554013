import type pg from 'pg';

/** How node-postgres writes to a connection, beyond what its types tell. */
interface Wire {
  parse(message: { text: string }): void;
  bind(message: { portal: string }): void;
  execute(message: { portal: string }): void;
  sync(): void;
}

const NAME = 'headgate';

/**
 * One statement without parameters, parsed and bound, which runs when `executing` is submitted. It lives as long as the
 * transaction.
 */
export class Portal implements pg.Submittable {
  readonly isBound: Promise<void>;
  readonly #text: string;
  readonly #resolve: () => void;
  readonly #reject: (error: unknown) => void;

  constructor(text: string) {
    this.#text = text;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.isBound = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  submit(connection: unknown): void {
    const wire = connection as Wire;
    wire.parse({ text: this.#text });
    wire.bind({ portal: NAME });
    wire.sync();
  }

  handleError(error: Error): void {
    this.#reject(error);
  }

  handleReadyForQuery(): void {
    this.#resolve();
  }

  /** The connection, for who sends a text as a query: instead the portal runs. */
  executing(connection: pg.Connection): pg.Connection {
    const wire = connection as unknown as Wire;
    const query = (): void => {
      wire.execute({ portal: NAME });
      wire.sync();
    };
    return Object.create(connection, { query: { value: query } }) as pg.Connection;
  }
}
