/** Waits that a signal can end early; a call that comes before the wait is not lost. */
export class WakeUp {
  #called = false;
  #resolve: (() => void) | undefined;

  call(): void {
    this.#called = true;
    this.#resolve?.();
  }

  /** Resolves when called, or after `ms`; answers whether it was called, and forgets it. */
  async wait(ms: number): Promise<boolean> {
    if (!this.#called) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const timer = setTimeout(resolve, ms);
      this.#resolve = resolve;
      await promise;
      clearTimeout(timer);
    }
    const wasCalled = this.#called;
    this.#called = false;
    return wasCalled;
  }
}
