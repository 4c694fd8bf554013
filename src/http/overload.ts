import { monitorEventLoopDelay } from 'node:perf_hooks';

export interface OverloadOptions {
  /** How late timers may be, on average over a while, in milliseconds; 0 for any time. */
  readonly maxLoopDelayMs: number;
  /** Whether more waits for the database than may. */
  readonly isDatabaseBusy: () => boolean;
}

const RESOLUTION_MS = 20;
const WINDOW_MS = 250;
/** One long turn of the event loop, such as a large answer, is in one window; load is in all. */
const WINDOWS = 2;

/** Whether this process has more to do than it can, so that who comes now would wait for nothing. */
export class Overload {
  readonly #options: OverloadOptions;
  readonly #histogram: ReturnType<typeof monitorEventLoopDelay>;
  readonly #timer: NodeJS.Timeout;
  #lateWindows = 0;

  constructor(options: OverloadOptions) {
    this.#options = options;
    this.#histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    this.#histogram.enable();
    this.#timer = setInterval(() => this.#look(), WINDOW_MS).unref();
  }

  get isOver(): boolean {
    return this.#lateWindows >= WINDOWS || this.#options.isDatabaseBusy();
  }

  close(): void {
    clearInterval(this.#timer);
    this.#histogram.disable();
  }

  #look(): void {
    const { maxLoopDelayMs } = this.#options;
    // Not a number while nothing was measured.
    const delayMs = this.#histogram.mean / 1e6 - RESOLUTION_MS;
    this.#histogram.reset();
    this.#lateWindows = maxLoopDelayMs > 0 && delayMs > maxLoopDelayMs ? this.#lateWindows + 1 : 0;
  }
}
