import type { Clock } from '@fleetward/core';
import { type Broker, MqttError, type Properties, type PublishedMessage } from '@fleetward/mqtt';
import type { Config } from '../config.ts';
import type { BusMessage, GatewayBus, PublishedByDevice, Share } from './bus.ts';
import { RecentIds } from './recent-ids.ts';
import { RetainedOrder } from './retained-order.ts';
import { SharedMembersTable } from './shared-members.ts';

interface ClusterMessagesParts {
  readonly bus: GatewayBus;
  /** Names this run of this gateway. */
  readonly node: string;
  readonly clock: Clock;
  readonly limits: Pick<Config['mqttLimits'], 'topicLevelsMax' | 'retainedMessagesMax' | 'retainedBytesMax'>;
  /** Routes a message of another gateway's device; answers with the shared subscriptions nobody here could take it for. */
  readonly receive: Broker<unknown>['receive'];
}

/** Of one gateway run; 1,024 ids are 8 KiB. */
const windowIds = 1_024;
const originsMax = 64;
/** A message that finds no member so often is dropped: they come and go faster than it travels. */
const hopsMax = 4;

/**
 * Messages of devices over the bus (docs/adr/0007): each subscriber gets each once, one member of all gateways gets what is shared,
 * and every gateway ends with the same retained message of a topic.
 */
export class ClusterMessages {
  /** What the bus did to us, and topics whose order was forgotten for others, for whoever watches it. */
  readonly counts = { repeated: 0, late: 0, stale: 0, undeliverable: 0, unserved: 0, forgotten: 0 };
  readonly #parts: ClusterMessagesParts;
  readonly #members: SharedMembersTable;
  readonly #retained: RetainedOrder;
  readonly #recent = new RecentIds({ windowIds, originsMax });
  readonly #unsubscribe: () => void;
  #lastId = 0;
  #lastVersion = 0;
  #lastStampMs = 0;

  constructor(parts: ClusterMessagesParts) {
    this.#parts = parts;
    const { bus, node, limits } = parts;
    this.#members = new SharedMembersTable({ levelsMax: limits.topicLevelsMax });
    // Twice what is retained: topics that were cleared are remembered too.
    this.#retained = new RetainedOrder({
      topicsMax: 2 * limits.retainedMessagesMax,
      bytesMax: 2 * limits.retainedBytesMax,
      counts: this.counts,
    });
    this.#unsubscribe = bus.subscribe((message) => this.#hear(message));
    bus.publish({ kind: 'gateway-joined', node });
  }

  /** Before a message of a device here is routed; answers with the shared subscriptions that another gateway serves. */
  announce(message: PublishedMessage): ReadonlySet<string> | undefined {
    const shares = this.#members.elsewhere(message.topic);
    const sent = this.#send(message, { shares, isForAll: true, hops: 0 });
    if (message.retain) this.#retained.take(message.topic, sent);
    return shares.length === 0 ? undefined : new Set(shares.map(({ subscription }) => subscription));
  }

  /** What a member here did not acknowledge and no other one here can take; true: another gateway's gets it. */
  giveAway(message: PublishedMessage, shareName: string): boolean {
    const share = this.#members.otherNamed(shareName, message.topic);
    if (share === undefined) return false;
    this.#send({ ...message, retain: false }, { shares: [share], isForAll: false, hops: 0 });
    return true;
  }

  membersChanged(subscription: string, members: number): void {
    this.#members.setOwn(subscription, members);
    this.#lastVersion++;
    this.#tellMembers(subscription, members);
  }

  leave(): void {
    this.#unsubscribe();
    this.#parts.bus.publish({ kind: 'gateway-left', node: this.#parts.node });
  }

  #hear(message: BusMessage): void {
    if (!('node' in message) || message.node === this.#parts.node) return;
    switch (message.kind) {
      case 'published':
        this.#hearPublished(message);
        break;
      case 'shared-members':
        this.#orUndeliverable(() => this.#members.hear(message));
        break;
      case 'gateway-joined':
        for (const [subscription, members] of this.#members.own()) this.#tellMembers(subscription, members);
        break;
      case 'gateway-left':
        this.#members.left(message.node);
    }
  }

  #hearPublished(message: PublishedByDevice): void {
    const verdict = this.#recent.see(message.node, message.id);
    if (verdict !== 'new') this.counts[verdict]++;
    if (verdict === 'repeated' || verdict === 'stale') return;
    // What is retained here from now on is later than all that was heard.
    this.#lastStampMs = Math.max(this.#lastStampMs, message.stampMs);
    this.#orUndeliverable(() => this.#receive(message));
  }

  #receive({ node, stampMs, shares, hops, ...message }: PublishedByDevice): void {
    const retain = message.retain && this.#retained.take(message.topic, { stampMs, node });
    const properties = this.#aged(message.properties, stampMs);
    if (properties === undefined) return; // MQTT5-3.3.2-5
    const own = shares.filter((share) => share.node === this.#parts.node);
    const aged = { ...message, retain, properties };
    const unserved = this.#parts.receive({ ...aged, shares: own.map(({ subscription }) => subscription) });
    for (const subscription of unserved) this.#passOn({ ...aged, retain: false }, { subscription, hops });
  }

  /** Members here have gone, or may not have it: it is still owed to one. */
  #passOn(
    message: PublishedMessage,
    { subscription, hops }: { readonly subscription: string; readonly hops: number },
  ): void {
    const share = hops < hopsMax ? this.#members.otherThan({ subscription }) : undefined;
    if (share === undefined) this.counts.unserved++;
    else this.#send(message, { shares: [share], isForAll: false, hops: hops + 1 });
  }

  #send(
    { topic, payload, qos, retain, properties, owner }: PublishedMessage,
    way: { readonly shares: readonly Share[]; readonly isForAll: boolean; readonly hops: number },
  ): PublishedByDevice {
    const { bus, node, clock } = this.#parts;
    this.#lastStampMs = Math.max(clock.now(), this.#lastStampMs + 1);
    const sent: PublishedByDevice = {
      kind: 'published',
      node,
      id: ++this.#lastId,
      stampMs: this.#lastStampMs,
      topic,
      payload: new Uint8Array(payload), // a copy: it is the reader's buffer, which is used again
      qos,
      retain,
      properties: passedOn(properties),
      owner,
      ...way,
    };
    bus.publish(sent);
    return sent;
  }

  /** The expiry interval that is left (MQTT5-3.3.2-6); nothing when none is. */
  #aged(properties: Properties, stampMs: number): Properties | undefined {
    const { messageExpiryInterval: seconds } = properties;
    if (seconds === undefined) return properties;
    const agedSeconds = Math.floor(Math.max(0, this.#parts.clock.now() - stampMs) / 1000);
    return agedSeconds >= seconds
      ? undefined
      : { ...properties, messageExpiryInterval: seconds - agedSeconds };
  }

  #tellMembers(subscription: string, members: number): void {
    const { bus, node } = this.#parts;
    bus.publish({ kind: 'shared-members', node, version: this.#lastVersion, subscription, members });
  }

  /** The other gateway has other limits on topics than this one. */
  #orUndeliverable(action: () => void): void {
    try {
      action();
    } catch (error) {
      if (!(error instanceof MqttError)) throw error;
      this.counts.undeliverable++;
    }
  }
}

/** What a publisher says to subscribers, in bytes of its own. */
function passedOn(properties: Properties): Properties {
  const {
    topicAlias: _alias,
    subscriptionIdentifiers: _own,
    willDelayInterval: _delay,
    ...passed
  } = properties;
  const { correlationData } = passed;
  return correlationData === undefined
    ? passed
    : { ...passed, correlationData: new Uint8Array(correlationData) };
}
