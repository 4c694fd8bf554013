import type { PreparedRead } from '../dataplane/prepared-read.js';

/** Reads for events under way at a time, so that a load that concerns many leaves room for queries. */
const AT_ONCE = 4;
/** Of them, those that one principal asked for: who has many slow ones must not hold up the events of others. */
const OF_ONE = 2;

interface Waiting {
  readonly holder: string;
  readonly begin: () => void;
}

/**
 * Reads for events, each once for all who wait for the same: many subscribers ask for the same of one change, under equal
 * decisions and with equal claims. Nothing is kept beyond the read. One whose answer depends on the moment, as by consents, is
 * shared until it begins and by nobody who asks later: what was withdrawn meanwhile would still be in it.
 */
export class SharedReads<Answer> {
  readonly #underWay = new Map<PreparedRead, Map<string, Promise<Answer>>>();
  readonly #waiting: Waiting[] = [];
  /** How many of each principal. */
  readonly #running = new Map<string, number>();

  /**
   * @param values all parameters of the read: with its plan they are all that it depends on
   * @param holder whom the read is counted for; of those who share it, the first
   */
  get(read: PreparedRead, values: readonly unknown[], holder: string, run: () => Promise<Answer>): Promise<Answer> {
    const ofPlan = this.#underWay.get(read) ?? new Map<string, Promise<Answer>>();
    const key = JSON.stringify(values);
    const found = ofPlan.get(key);
    if (found) return found;
    let isShared = true;
    const unshare = (): void => {
      if (!isShared) return;
      isShared = false;
      ofPlan.delete(key);
      if (ofPlan.size === 0 && this.#underWay.get(read) === ofPlan) this.#underWay.delete(read);
    };
    const made = this.#inTurn(holder, () => {
      if (read.usesTime) unshare();
      return run();
    }).finally(unshare);
    if (isShared) {
      ofPlan.set(key, made);
      this.#underWay.set(read, ofPlan);
    }
    return made;
  }

  async #inTurn(holder: string, run: () => Promise<Answer>): Promise<Answer> {
    if (this.#isRoomFor(holder)) this.#count(holder, 1);
    else await new Promise<void>((resolve) => this.#waiting.push({ holder, begin: resolve }));
    try {
      return await run();
    } finally {
      this.#count(holder, -1);
      // The place goes to whoever waits longest and may have it.
      const at = this.#waiting.findIndex((waiting) => this.#isRoomFor(waiting.holder));
      const [next] = at < 0 ? [] : this.#waiting.splice(at, 1);
      if (next) this.#count(next.holder, 1);
      next?.begin();
    }
  }

  #isRoomFor(holder: string): boolean {
    let all = 0;
    for (const count of this.#running.values()) all += count;
    return all < AT_ONCE && (this.#running.get(holder) ?? 0) < OF_ONE;
  }

  #count(holder: string, more: number): void {
    const count = (this.#running.get(holder) ?? 0) + more;
    if (count > 0) this.#running.set(holder, count);
    else this.#running.delete(holder);
  }
}
