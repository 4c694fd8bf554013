/** A job as it was fetched; `retryCount` fences what is written about it to this very fetch. */
export interface Claim {
  readonly id: string;
  readonly retryCount: number;
}

/**
 * Settles finished jobs in groups: while one statement is on its way, those that finish meanwhile gather for the next.
 * One statement a job would cost a round trip each, which is what makes small jobs slow.
 */
export class CompletionBatch {
  readonly #settle: (claims: Claim[]) => Promise<unknown>;
  #waiting: { claim: Claim; done: () => void; failed: (error: unknown) => void }[] = [];
  #flushing = false;

  constructor(settle: (claims: Claim[]) => Promise<unknown>) {
    this.#settle = settle;
  }

  /** Resolves when the job is settled durably. */
  async add(claim: Claim): Promise<void> {
    const settled = new Promise<void>((done, failed) => this.#waiting.push({ claim, done, failed }));
    if (!this.#flushing) void this.#flush();
    await settled;
  }

  async #flush(): Promise<void> {
    this.#flushing = true;
    while (this.#waiting.length > 0) {
      const group = this.#waiting;
      this.#waiting = [];
      try {
        await this.#settle(group.map(({ claim }) => claim));
        for (const { done } of group) done();
      } catch (error) {
        for (const { failed } of group) failed(error);
      }
    }
    this.#flushing = false;
  }
}
