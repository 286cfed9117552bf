import type { MessageStore, StoreChange } from '@fleetward/mqtt';

/** Bugs on purpose: what proves durability must find them. */
export const planted = ['early-acknowledgement', 'forgotten-inbound'] as const;
export type Planted = (typeof planted)[number];

const lateMs = 30;

export function withBug(store: MessageStore, bug: Planted): MessageStore {
  return bug === 'early-acknowledgement' ? acknowledgingEarly(store) : forgettingInbound(store);
}

/** Says that a batch is durable before it is written at all. */
function acknowledgingEarly(store: MessageStore): MessageStore {
  let last: Promise<unknown> = Promise.resolve();
  return {
    load: () => store.load(),
    async commit(changes) {
      last = last.then(() => pause(lateMs)).then(() => store.commit(changes));
      return 'durable';
    },
    async close() {
      await last;
      await store.close();
    },
  };
}

/** Does not write which QoS 2 packet identifiers of clients are in use. */
function forgettingInbound(store: MessageStore): MessageStore {
  const isKept = ({ kind }: StoreChange) => kind !== 'inbound';
  return {
    load: () => store.load(),
    commit: (changes) => store.commit(changes.filter(isKept)),
    close: () => store.close(),
  };
}

function pause(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}
