import type {
  MessageNumber,
  MessageStore,
  SessionNumber,
  StoreChange,
  StoredDelivery,
  StoredMessage,
  StoredRetained,
  StoredSession,
  StoredState,
  StoredSubscription,
  StoredWill,
} from './message-store.ts';

interface SessionContents {
  stored: StoredSession | undefined;
  will: StoredWill | undefined;
  readonly subscriptions: Map<string, StoredSubscription>;
  readonly deliveries: Map<number, StoredDelivery>;
  readonly inbound: Set<number>;
}

/** What a store in memory holds. It outlives the store, as a file does: open another store on it to start again. */
export class MemoryContents {
  readonly sessions = new Map<SessionNumber, SessionContents>();
  readonly messages = new Map<MessageNumber, StoredMessage>();
  readonly retained = new Map<string, StoredRetained>();
  lastSession: SessionNumber = 0;
  lastMessage: MessageNumber = 0;
}

/** A store that lasts as long as its contents, for tests and for brokers whose sessions need not survive the process. */
export function createMemoryStore(contents = new MemoryContents()): MessageStore {
  let isClosed = false;
  return {
    async load() {
      removeOrphans(contents);
      return stateOf(contents);
    },
    async commit(changes) {
      if (isClosed) throw new TypeError('the store is closed');
      for (const change of changes) assertNumberIsNew(contents, change);
      for (const change of changes) apply(contents, change);
      return 'durable';
    },
    async close() {
      isClosed = true;
    },
  };
}

/** Refuses the whole batch before anything of it is done. */
function assertNumberIsNew({ messages, sessions }: MemoryContents, change: StoreChange): void {
  const isTaken =
    (change.kind === 'message' && messages.has(change.message)) ||
    (change.kind === 'delivery' && sessions.get(change.session)?.deliveries.has(change.seq) === true);
  if (isTaken) throw new RangeError(`the number of a ${change.kind} is given once`);
}

function apply(contents: MemoryContents, change: StoreChange): void {
  switch (change.kind) {
    case 'session':
      contents.lastSession = Math.max(contents.lastSession, change.session);
      sessionOf(contents, change).stored = withoutKind(change);
      return;
    case 'session-gone':
      contents.sessions.delete(change.session);
      return;
    case 'subscription':
      sessionOf(contents, change).subscriptions.set(change.filter, withoutKind(change));
      return;
    case 'subscription-gone':
      sessionOf(contents, change).subscriptions.delete(change.filter);
      return;
    case 'message':
      contents.lastMessage = Math.max(contents.lastMessage, change.message);
      contents.messages.set(change.message, withoutKind(change));
      return;
    case 'message-gone':
      contents.messages.delete(change.message);
      return;
    case 'delivery':
      sessionOf(contents, change).deliveries.set(change.seq, withoutKind(change));
      return;
    case 'delivery-released':
      release(sessionOf(contents, change).deliveries, change.seq);
      return;
    case 'delivery-gone':
      sessionOf(contents, change).deliveries.delete(change.seq);
      return;
    case 'inbound':
      sessionOf(contents, change).inbound.add(change.packetId);
      return;
    case 'inbound-gone':
      sessionOf(contents, change).inbound.delete(change.packetId);
      return;
    case 'retained':
      contents.retained.set(change.topic, withoutKind(change));
      return;
    case 'retained-gone':
      contents.retained.delete(change.topic);
      return;
    case 'will':
      sessionOf(contents, change).will = withoutKind(change);
      return;
    case 'will-gone':
      sessionOf(contents, change).will = undefined;
      return;
  }
}

function sessionOf(
  contents: MemoryContents,
  { session }: { readonly session: SessionNumber },
): SessionContents {
  const known = contents.sessions.get(session);
  if (known !== undefined) return known;
  const added: SessionContents = {
    stored: undefined,
    will: undefined,
    subscriptions: new Map(),
    deliveries: new Map(),
    inbound: new Set(),
  };
  contents.sessions.set(session, added);
  return added;
}

function release(deliveries: Map<number, StoredDelivery>, seq: number): void {
  const delivery = deliveries.get(seq);
  if (delivery !== undefined) deliveries.set(seq, { ...delivery, isReleased: true });
}

function withoutKind<Change extends StoreChange>({ kind: _, ...rest }: Change): Omit<Change, 'kind'> {
  return rest;
}

/** What belongs to no session, and messages no session is owed. */
function removeOrphans({ sessions, messages }: MemoryContents): void {
  const owed = new Set<MessageNumber>();
  for (const [number, { stored, deliveries }] of sessions) {
    if (stored === undefined) sessions.delete(number);
    else
      for (const { seq, message } of deliveries.values()) {
        if (messages.has(message)) owed.add(message);
        else deliveries.delete(seq);
      }
  }
  for (const message of messages.keys()) if (!owed.has(message)) messages.delete(message);
}

function stateOf(contents: MemoryContents): StoredState {
  const sessions = [...contents.sessions.entries()].sort(([a], [b]) => a - b);
  return {
    sessions: sessions.flatMap(([, { stored }]) => (stored === undefined ? [] : [stored])),
    subscriptions: sessions.flatMap(([, { subscriptions }]) => [...subscriptions.values()]),
    messages: [...contents.messages.values()].sort((a, b) => a.message - b.message),
    deliveries: sessions.flatMap(([, { deliveries }]) =>
      [...deliveries.values()].sort((a, b) => a.seq - b.seq),
    ),
    inbound: sessions.flatMap(([session, { inbound }]) =>
      [...inbound].map((packetId) => ({ session, packetId })),
    ),
    retained: [...contents.retained.values()],
    wills: sessions.flatMap(([, { will }]) => (will === undefined ? [] : [will])),
    lastSession: contents.lastSession,
    lastMessage: contents.lastMessage,
  };
}
