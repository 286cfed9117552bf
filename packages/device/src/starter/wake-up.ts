/** Ends waits early, and holds the wish for a restart until it is taken; a call that comes before the wait is not lost. */
export class WakeUp {
  #isCalled = false;
  #isRestartWanted = false;
  #resolve: (() => void) | undefined;

  call(): void {
    this.#isCalled = true;
    this.#resolve?.();
  }

  requestRestart(): void {
    this.#isRestartWanted = true;
    this.call();
  }

  /** Whether a restart was asked for since this was asked last. */
  takeRestart(): boolean {
    const isWanted = this.#isRestartWanted;
    this.#isRestartWanted = false;
    return isWanted;
  }

  /** Resolves when called, or after `ms`. */
  async wait(ms: number): Promise<void> {
    if (!this.#isCalled) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#resolve = resolve;
      await promise;
      clearTimeout(timer);
    }
    this.#isCalled = false;
  }
}
