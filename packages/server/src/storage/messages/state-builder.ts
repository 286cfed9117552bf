import type {
  StoreChange,
  StoredDelivery,
  StoredInbound,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredState,
  StoredSubscription,
  StoredWill,
} from '@fleetward/mqtt';
import { readChange } from './change-codec.ts';
import { PackedReader } from './packed-bytes.ts';

/** Gathers the pages of what is stored. */
export class StateBuilder {
  readonly #sessions: StoredSession[] = [];
  readonly #subscriptions: StoredSubscription[] = [];
  readonly #messages: StoredMessage[] = [];
  readonly #deliveries: StoredDelivery[] = [];
  readonly #inbound: StoredInbound[] = [];
  readonly #retained: StoredRetained[] = [];
  readonly #wills: StoredWill[] = [];

  addPage(bytes: Uint8Array): void {
    const reader = new PackedReader(bytes);
    while (!reader.isAtEnd) this.#add(readChange(reader));
  }

  finish(last: { readonly lastSession: number; readonly lastMessage: number }): StoredState {
    return {
      sessions: this.#sessions,
      subscriptions: this.#subscriptions,
      messages: this.#messages,
      deliveries: this.#deliveries,
      inbound: this.#inbound,
      retained: this.#retained,
      wills: this.#wills,
      lastSession: last.lastSession,
      lastMessage: last.lastMessage,
    };
  }

  #add(change: StoreChange): void {
    switch (change.kind) {
      case 'session':
        this.#sessions.push(withoutKind(change));
        return;
      case 'subscription':
        this.#subscriptions.push(withoutKind(change));
        return;
      case 'message':
        this.#messages.push(withOwnPacket(change));
        return;
      case 'delivery':
        this.#deliveries.push(withoutKind(change));
        return;
      case 'inbound':
        this.#inbound.push(withoutKind(change));
        return;
      case 'retained':
        this.#retained.push(withOwnPacket(change));
        return;
      case 'will':
        this.#wills.push(withOwnPacket(change));
        return;
      default:
        throw new TypeError(`\`${change.kind}\` is not a row`);
    }
  }
}

function withoutKind<Change extends StoreChange>({ kind: _, ...row }: Change): Omit<Change, 'kind'> {
  return row;
}

/** A copy of the packet: a view would keep the whole page in memory for as long as one message of it is owed. */
function withOwnPacket<Change extends StoreChange & { readonly packet: Uint8Array }>(
  change: Change,
): Omit<Change, 'kind'> {
  return { ...withoutKind(change), packet: Buffer.from(change.packet) };
}
