import { KeptBytes, type KeptMessage } from '../session/kept-message.ts';
import type { MessageNumber } from '../store/message-store.ts';
import type { Journal } from './journal.ts';
import type { BrokerLimits } from './limits.ts';
import type { BrokerMetrics } from './metrics.ts';

interface StoredMessagesOptions {
  readonly journal: Journal;
  readonly limits: BrokerLimits;
  readonly metrics: BrokerMetrics;
}

/** Messages that sessions which outlive their connections are owed: each is there once, for as long as a delivery refers to it. */
export class StoredMessages {
  readonly bytes = new KeptBytes();
  readonly #journal: Journal;
  readonly #limits: BrokerLimits;
  readonly #metrics: BrokerMetrics;
  #last: MessageNumber = 0;

  constructor({ journal, limits, metrics }: StoredMessagesOptions) {
    this.#journal = journal;
    this.#limits = limits;
    this.#metrics = metrics;
  }

  /** The limit that refuses publishers now, if one does. */
  get fullBy(): 'storedMessagesMax' | 'storedBytesMax' | undefined {
    const { storedMessages, storedBytes } = this.#metrics;
    if (storedMessages >= this.#limits.storedMessagesMax) return 'storedMessagesMax';
    return storedBytes >= this.#limits.storedBytesMax ? 'storedBytesMax' : undefined;
  }

  refer(message: KeptMessage): void {
    this.#metrics.storedMessages++;
    message.references++;
    if (message.references > 1) return;
    message.number = ++this.#last;
    this.#metrics.storedBytes += message.packet.length;
    const { number, packet, expiresAtMs } = message;
    this.#journal.write({ kind: 'message', message: number, packet, expiresAtMs }, packet.length);
  }

  letGo(message: KeptMessage): void {
    this.#metrics.storedMessages--;
    message.references--;
    if (message.references > 0) return;
    this.#metrics.storedBytes -= message.packet.length;
    this.#journal.write({ kind: 'message-gone', message: message.number });
  }

  /** Takes up what the last run left, whose deliveries refer to it again. */
  restore(messages: Iterable<KeptMessage>, last: MessageNumber): void {
    this.#last = last;
    for (const message of messages) {
      this.#metrics.storedMessages += message.references;
      if (message.references > 0) this.#metrics.storedBytes += message.packet.length;
      else this.#journal.write({ kind: 'message-gone', message: message.number });
    }
  }
}
