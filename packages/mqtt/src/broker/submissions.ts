import type { PublishedMessage, SubmitOutcome } from './hooks.ts';
import type { Journal, Waiter } from './journal.ts';

interface SubmissionsHost {
  readonly journal: Journal;
  readonly metrics: { messagesReceived: number };
  readonly isOpen: () => boolean;
  readonly route: (message: PublishedMessage) => SubmitOutcome;
}

const unavailable: SubmitOutcome = { kind: 'unavailable' };

/** Messages that clients publish by another protocol: with QoS 1 answered when all that was written for them is durable. */
export class Submissions {
  readonly #host: SubmissionsHost;
  readonly #waiting = new Set<(outcome: SubmitOutcome) => void>();

  constructor(host: SubmissionsHost) {
    this.#host = host;
  }

  async submit(message: PublishedMessage): Promise<SubmitOutcome> {
    const { journal, metrics } = this.#host;
    if (!this.#host.isOpen()) return unavailable;
    metrics.messagesReceived++;
    const { writes } = journal;
    const outcome = this.#host.route(message);
    if (message.qos === 0 || outcome.kind !== 'taken') return outcome;
    // What clears a topic that was cleared before writes nothing, and that may still be on its way.
    const isToBeKept = message.retain || journal.writes !== writes;
    if (!isToBeKept || journal.isDurable(journal.lastBatch)) return outcome;
    return this.#durable(journal.lastBatch, outcome);
  }

  /** What waits will never be known to be durable. */
  fail(): void {
    for (const resolve of this.#waiting) resolve(unavailable);
    this.#waiting.clear();
  }

  #durable(batch: number, outcome: SubmitOutcome): Promise<SubmitOutcome> {
    return new Promise((resolve) => {
      this.#waiting.add(resolve);
      const waiter: Waiter = {
        waitsFor: 0,
        durable: () => {
          this.#waiting.delete(resolve);
          resolve(outcome);
        },
      };
      this.#host.journal.wait(waiter, batch);
    });
  }
}
