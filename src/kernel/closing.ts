import { messageOf } from './errors.js';
import type { Log } from './log.js';

/** What was opened, to be closed in the reverse order; also when opening what comes next fails half-way. */
export class Closing {
  readonly #log: Log;
  readonly #steps: { readonly name: string; readonly close: () => unknown }[] = [];
  #closed: Promise<void> | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** Closes it before all that was added earlier. */
  add(name: string, close: () => unknown): void {
    this.#steps.push({ name, close });
  }

  /** Each step is tried, whatever became of the one before: what stays open keeps the process alive. Twice is once. */
  async close(): Promise<void> {
    this.#closed ??= this.#closeAll();
    await this.#closed;
  }

  async #closeAll(): Promise<void> {
    for (const { name, close } of this.#steps.toReversed()) {
      try {
        await close();
      } catch (error) {
        this.#log.error({ step: name, reason: messageOf(error) }, 'something did not close as it should');
      }
    }
  }
}
