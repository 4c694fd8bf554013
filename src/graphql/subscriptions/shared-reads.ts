import type { PreparedRead } from '../dataplane/prepared-read.js';

/** Reads for events under way at a time, so that a load that concerns many leaves room for queries. */
const AT_ONCE = 4;

/**
 * Reads for events, each once for all who wait for the same: many subscribers ask for the same of one change, under equal
 * decisions and with equal claims. Nothing is kept beyond the read.
 */
export class SharedReads<Answer> {
  readonly #underWay = new Map<PreparedRead, Map<string, Promise<Answer>>>();
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** @param values all parameters of the read: with its plan they are all that it depends on */
  get(read: PreparedRead, values: readonly unknown[], run: () => Promise<Answer>): Promise<Answer> {
    const ofPlan = this.#underWay.get(read) ?? new Map<string, Promise<Answer>>();
    this.#underWay.set(read, ofPlan);
    const key = JSON.stringify(values);
    const found = ofPlan.get(key);
    if (found) return found;
    const made = this.#inTurn(run).finally(() => {
      ofPlan.delete(key);
      if (ofPlan.size === 0) this.#underWay.delete(read);
    });
    ofPlan.set(key, made);
    return made;
  }

  async #inTurn(run: () => Promise<Answer>): Promise<Answer> {
    if (this.#running >= AT_ONCE) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#running += 1;
    try {
      return await run();
    } finally {
      // The place goes to the next one, or is free.
      const next = this.#waiting.shift();
      if (next) next();
      else this.#running -= 1;
    }
  }
}
