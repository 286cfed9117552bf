import type { PublishFrame } from '../codec/publish-frame.ts';
import { protocolError } from '../errors.ts';
import { isFailure, REASON, type ReasonCode } from '../reason-codes.ts';
import type { Topic } from '../topics/topic-table.ts';
import type { Answers } from './answers.ts';
import type { BrokerConnection } from './connection.ts';
import { mayPublish } from './guarded-access.ts';
import type { Host } from './host.ts';
import type { Intake } from './intake.ts';
import type { Session } from './session.ts';
import type { Route } from './subscriptions.ts';

interface Publisher<Peer> {
  readonly connection: BrokerConnection<Peer>;
  readonly session: Session<Peer>;
  readonly answers: Answers;
  readonly intake: Intake;
}

/** What one client publishes: decided, given to the platform or routed, and not acknowledged before it is durable. */
export class Publishing<Peer> {
  readonly #publisher: Publisher<Peer>;
  readonly #host: Host<Peer>;

  constructor(publisher: Publisher<Peer>, host: Host<Peer>) {
    this.#publisher = publisher;
    this.#host = host;
  }

  publish(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { metrics, journal } = this.#host;
    metrics.messagesReceived++;
    const { writes } = journal;
    const reasonCode = frame.qos === 0 ? this.#route(frame, topic) : this.#routeOnce(frame, topic);
    if (journal.writes !== writes) this.#heedDisk();
    return reasonCode;
  }

  #routeOnce(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { journal, limits } = this.#host;
    const { connection, session, answers } = this.#publisher;
    answers.unacknowledged++;
    if (answers.unacknowledged > limits.inflightInMax && connection.protocolVersion === 5)
      throw protocolError('more than Receive Maximum messages at once', REASON.receiveMaximumExceeded); // MQTT5-3.3.4-7
    answers.batch = 0; // a refusal promises nothing
    if (session.hasReceived(frame.packetId)) {
      if (frame.qos === 1) return REASON.packetIdentifierInUse;
      // MQTT-4.3.3-2: not routed again, and not acknowledged before what it was the first time is durable.
      answers.batch = journal.lastBatch;
      return REASON.success;
    }
    if (connection.protocolVersion === 5 && answers.isWaiting(frame.packetId))
      return REASON.packetIdentifierInUse; // MQTT5-2.2.1-3
    if (frame.qos === 2 && this.#isRefused()) return REASON.quotaExceeded;
    const { writes } = journal;
    const reasonCode = this.#route(frame, topic);
    if (frame.qos === 2 && !isFailure(reasonCode)) session.received(frame.packetId);
    answers.mustBeDurableSince(writes);
    // Where it was cleared before nothing was written for it now, and that may still be on its way.
    if (frame.retain && !isFailure(reasonCode)) answers.batch = journal.lastBatch;
    return reasonCode;
  }

  /** Whether there is no room to keep the packet identifier; it is told and counted. */
  #isRefused(): boolean {
    const { connection, session } = this.#publisher;
    const isStalled = session.isDurable && this.#host.journal.isStalled;
    const full = session.inboundLimit;
    if (isStalled) this.#host.refusedByDisk(connection);
    else if (full !== undefined) this.#host.limited(connection, full);
    else return false;
    this.#host.metrics.publishesRefused++;
    return true;
  }

  #route(frame: PublishFrame, topic: Topic<Route<Session<Peer>>>): ReasonCode {
    const { metrics, hooks } = this.#host;
    const { connection } = this.#publisher;
    if (!mayPublish(connection.access, topic.text, frame.retain)) {
      metrics.publishesDenied++;
      return REASON.notAuthorized;
    }
    if (topic.isReserved && hooks.reserved !== undefined) {
      const payload = frame.bytes.subarray(frame.payloadStart, frame.end);
      const qos = frame.qos === 0 ? 0 : frame.qos === 1 ? 1 : 2;
      if (hooks.reserved(connection, { topic: topic.text, payload, qos })) return REASON.success;
    }
    return this.#host.routing.route(frame, topic, connection);
  }

  /** What it sends takes longer to be kept than to come: backpressure, never loss. */
  #heedDisk(): void {
    if (this.#host.journal.isFull) this.#publisher.intake.waitForDisk();
  }
}
