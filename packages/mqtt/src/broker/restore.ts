import { KeptMessage } from '../session/kept-message.ts';
import type { MessageNumber, StoredSession, StoredState } from '../store/message-store.ts';
import { ENQUEUE_ONLY } from './guarded-access.ts';
import { Session } from './session.ts';
import type { SessionsHost } from './sessions.ts';
import { restoreWill } from './wills.ts';

interface Restored<Peer> {
  readonly sessions: readonly Session<Peer>[];
  /** Over, but for what others are still to be given. */
  readonly estates: readonly Session<Peer>[];
}

/** Makes of what the last run left the sessions as they were; those it did not see end have been away since now. */
export function restoreSessions<Peer>(state: StoredState, host: SessionsHost<Peer>): Restored<Peer> {
  const sessions = new Map<number, Session<Peer>>();
  const estates = new Map<number, Session<Peer>>();
  for (const stored of state.sessions)
    (isOver(stored) ? estates : sessions).set(stored.session, restoreSession(stored, host));
  for (const stored of state.subscriptions) {
    const session = sessions.get(stored.session);
    const { qos, noLocal, retainAsPublished, identifier } = stored;
    const identifiers = identifier === 0 ? [] : [identifier];
    const subscription = { qos, noLocal, retainAsPublished, identifiers };
    if (session !== undefined) session.setFilter(stored.filter, { subscriber: session, ...subscription });
  }
  restoreDeliveries(state, new Map([...sessions, ...estates]), host);
  for (const { session, packetId } of state.inbound) sessions.get(session)?.restoreInbound(packetId);
  for (const stored of state.wills) {
    const session = sessions.get(stored.session);
    if (session !== undefined) session.replaceWill(restoreWill(stored, host.nowMs()));
  }
  return { sessions: [...sessions.values()], estates: [...estates.values()] };
}

/** One that ends with its connection had one when the last run ended, unless it was over by then. */
function isOver({ expirySeconds, disconnectedAtMs }: StoredSession): boolean {
  return expirySeconds === 0 && disconnectedAtMs !== undefined;
}

function restoreSession<Peer>(
  stored: StoredState['sessions'][number],
  host: SessionsHost<Peer>,
): Session<Peer> {
  const session = new Session<Peer>({ ...stored, access: ENQUEUE_ONLY }, host);
  session.disconnectedAtMs = stored.disconnectedAtMs ?? host.nowMs();
  return session;
}

function restoreDeliveries<Peer>(
  state: StoredState,
  sessions: ReadonlyMap<number, Session<Peer>>,
  host: SessionsHost<Peer>,
): void {
  const messages = new Map<MessageNumber, KeptMessage>();
  for (const { message, packet, expiresAtMs } of state.messages) {
    const kept = new KeptMessage(
      Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength),
      expiresAtMs,
    );
    kept.number = message;
    messages.set(message, kept);
  }
  for (const stored of state.deliveries) {
    const session = sessions.get(stored.session);
    const message = messages.get(stored.message);
    if (session === undefined || message === undefined) continue;
    // Sending writes nothing: the last run may have sent as many as a window holds, and more whose acknowledgements were not durable yet.
    session.owed.restore(stored, message, session.owed.queue.size < host.limits.inflightOutMax);
  }
  host.messages.restore(messages.values(), state.lastMessage);
}
