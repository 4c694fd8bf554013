/** Something that one waits for and others give. One that was given before is not waited for. */
export class Signal {
  #isGiven = false;
  #resolve: (() => void) | undefined;

  give(): void {
    this.#isGiven = true;
    this.#resolve?.();
  }

  /** Resolves when it is given, or after so many milliseconds. */
  async wait(ms: number): Promise<void> {
    if (!this.#isGiven) {
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.#resolve = resolve;
        timer = setTimeout(resolve, ms);
      });
      clearTimeout(timer);
      this.#resolve = undefined;
    }
    this.#isGiven = false;
  }
}
