import { NO_PROPERTIES } from '../codec/properties.ts';
import { matchesFilter } from '../topics/matches.ts';
import { isSharedFilter } from '../topics/names.ts';
import { mayReceive } from './guarded-access.ts';
import type { ReservedMessage, SendOutcome } from './hooks.ts';
import type { Host } from './host.ts';
import { OutgoingMessage } from './message.ts';
import type { Session } from './session.ts';
import type { Subscription } from './subscriptions.ts';

/**
 * Sends the platform's own message to one client and nobody else, whoever has the same filter; with QoS 0, so that nothing of it is
 * ever kept. A shared subscription does not count: another member of it could have its turn.
 */
export function sendToOne<Peer>(
  session: Session<Peer>,
  {
    topic: text,
    payload,
    unasked,
  }: Pick<ReservedMessage, 'topic' | 'payload'> & { readonly unasked: boolean },
  { protocol, metrics }: Host<Peer>,
): SendOutcome {
  const matches = matchesOf(session, text);
  if (matches.length === 0 && !unasked) return 'unsubscribed';
  if (!mayReceive(session.access, text)) {
    metrics.messagesWithheld++;
    return 'withheld';
  }
  const outgoing = new OutgoingMessage();
  const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
  const topicBytes = protocol.topics.fromText(text).bytes;
  const range = { bytes, payloadStart: 0, payloadEnd: bytes.length };
  outgoing.setSource({ topicBytes, ...range, qos: 0, retain: false, properties: NO_PROPERTIES });
  outgoing.isForOne = true;
  const identifiers = matches.flatMap((match) => match.identifiers); // MQTT5-3.3.4-3
  return session.deliver(outgoing, 0, identifiers) ? 'sent' : 'dropped';
}

function matchesOf<Peer>({ filters }: Session<Peer>, topic: string): readonly Subscription<Session<Peer>>[] {
  return [...filters].flatMap(([filter, subscription]) =>
    !isSharedFilter(filter) && matchesFilter(filter, topic) ? [subscription] : [],
  );
}
