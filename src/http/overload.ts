export interface OverloadOptions {
  /** How late timers may be, on average over a while, in milliseconds; 0 for any time. */
  readonly maxLoopDelayMs: number;
  /** Whether more waits for the database than may. */
  readonly isDatabaseBusy: () => boolean;
}

const SAMPLE_MS = 20;
const WINDOW_MS = 250;
/** One long turn of the event loop, such as a large answer, is in one window; load is in all. */
const WINDOWS = 2;

/**
 * Whether this process has more to do than it can, so that who comes now would wait for nothing. It has a timer of its own:
 * Node's histogram of delays forgets, when it is read and reset, the very turn that is longer than a window.
 */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #timer: NodeJS.Timeout;
  #sampledAt = performance.now();
  #windowSince = this.#sampledAt;
  #lateMs = 0;
  #samples = 0;
  #lateWindows = 0;

  constructor(options: OverloadOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#sample(), SAMPLE_MS).unref();
  }

  get isOver(): boolean {
    return this.#lateWindows >= WINDOWS || this.#options.isDatabaseBusy();
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #sample(): void {
    const now = performance.now();
    this.#lateMs += now - this.#sampledAt - SAMPLE_MS;
    this.#samples += 1;
    this.#sampledAt = now;
    if (now - this.#windowSince < WINDOW_MS) return;
    const { maxLoopDelayMs } = this.#options;
    this.#lateWindows = maxLoopDelayMs > 0 && this.#lateMs / this.#samples > maxLoopDelayMs ? this.#lateWindows + 1 : 0;
    this.#lateMs = 0;
    this.#samples = 0;
    this.#windowSince = now;
  }
}
