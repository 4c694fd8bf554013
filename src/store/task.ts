import { written, type TextStatement, type WrittenStatement } from './text-query.js';

/** How long a statement takes, in milliseconds, as far as is known. */
export interface Pace {
  expectedMs: number | undefined;
}

/** One statement that somebody waits for. */
export class Task {
  readonly statement: WrittenStatement;
  /** Absent where the statement has no name to know it by. */
  readonly pace: Pace | undefined;
  /** Since when it waits, on the clock of `performance`. */
  readonly since = performance.now();
  readonly answer: Promise<unknown[][]>;
  /** It was sent a second time, since the first one is held up. */
  isRescued = false;
  #isSettled = false;
  readonly #resolve: (rows: unknown[][]) => void;
  readonly #reject: (error: unknown) => void;

  /** @throws Error for a value that can't be written as a parameter. */
  constructor(statement: TextStatement, pace: Pace | undefined) {
    this.statement = written(statement);
    this.pace = pace;
    const { promise, resolve, reject } = Promise.withResolvers<unknown[][]>();
    this.answer = promise;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  get isSettled(): boolean {
    return this.#isSettled;
  }

  /** The first answer counts. */
  resolve(rows: unknown[][]): void {
    this.#isSettled = true;
    this.#resolve(rows);
  }

  reject(error: unknown): void {
    this.#isSettled = true;
    this.#reject(error);
  }
}
