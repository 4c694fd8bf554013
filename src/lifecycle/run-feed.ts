import type { Notifications } from '../store/index.js';

/** The channel of the triggers on headgate.run and headgate.run_step. */
const RUN_CHANNEL = 'headgate_run';

/** Between two words about one run at least so long passes: a few a second. */
const PACE_MS = 300;

export interface RunFeedOptions {
  readonly notifications: Notifications;
  /** How often listeners look in case a notification was lost, in milliseconds. */
  readonly pollMs?: number;
}

/** Tells that runs changed, in whichever process: their states, steps and heartbeats. What there is to see the listener reads. */
export class RunFeed {
  readonly #listeners = new Set<(id: string | undefined) => void>();
  /** Runs that were told of a moment ago, and whether they changed since. */
  readonly #told = new Map<string, { isDue: boolean; readonly timer: NodeJS.Timeout }>();
  #head = 0;
  #timer: NodeJS.Timeout | undefined;
  #stopListening: (() => void) | undefined;

  static async start(options: RunFeedOptions): Promise<RunFeed> {
    const feed = new RunFeed();
    const look = () => feed.#tell(undefined);
    feed.#stopListening = await options.notifications.listen(RUN_CHANNEL, (id) => feed.#note(id), look);
    feed.#timer = setInterval(look, options.pollMs ?? 5_000).unref();
    return feed;
  }

  /** Grows with each word of it. */
  get head(): number {
    return this.#head;
  }

  /** `listener` is called with the id of a run that changed, or without one when any may have. Returns the function that ends it. */
  subscribe(listener: (id: string | undefined) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#stopListening?.();
    this.#listeners.clear();
    for (const { timer } of this.#told.values()) clearTimeout(timer);
    this.#told.clear();
  }

  #note(id: string): void {
    if (this.#listeners.size === 0) return;
    const told = this.#told.get(id);
    if (told) told.isDue = true;
    else this.#pace(id);
  }

  /** The first word at once, and what comes close behind it as one. */
  #pace(id: string): void {
    this.#tell(id);
    const timer = setTimeout(() => {
      const isDue = this.#told.get(id)?.isDue;
      this.#told.delete(id);
      if (isDue) this.#pace(id);
    }, PACE_MS).unref();
    this.#told.set(id, { isDue: false, timer });
  }

  #tell(id: string | undefined): void {
    this.#head += 1;
    for (const listener of this.#listeners) listener(id);
  }
}
