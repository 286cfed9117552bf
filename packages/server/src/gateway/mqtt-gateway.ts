import type { Duplex } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import { type CertificateId, type Clock, parseCertificateId, type Random, toHex } from '@fleetward/core';
import {
  type Broker,
  type BrokerHooks,
  type Connection,
  type ConnectRequest,
  type ConnectVerdict,
  createBroker,
  type DisconnectReason,
  type ForwardedMessage,
  type HeldSession,
  type MessageStore,
  REASON,
  type Will,
} from '@fleetward/mqtt';
import type { SeenPeer, Sight } from '../campaigns/index.ts';
import type { Certificates, EventEffect } from '../certificates/index.ts';
import type { Config } from '../config.ts';
import type { DenialReport, Denials } from '../denials/index.ts';
import type { Newcomer, NewcomerVerdict } from '../detections/index.ts';
import type { Presence } from '../presence/index.ts';
import type { PlatformMessage, ReservedTopic } from '../reserved-topic.ts';
import type { VendorCas } from '../vendor-cas/index.ts';
import type { Admission } from './admission.ts';
import type { Authorizer, Principal, PrincipalClaim } from './authorizer.ts';
import { AwaySessions } from './away-sessions.ts';
import { ClusterMessages } from './cluster-messages.ts';
import { ConnectRate } from './connect-rate.ts';
import { LifecycleEvents, type Visit } from './lifecycle-events.ts';
import type { MqttSource } from './mqtt-source.ts';
import { ReservedTopics } from './reserved-topics.ts';
import { type Claim, type ClusterParts, SessionOwnership } from './session-ownership.ts';
import type { Guard } from './tls-listener.ts';

type Admitted = Extract<Admission, { kind: 'admitted' | 'claim' }>;

/** What the broker knows of a peer: its admission, and its rights once CONNECT was accepted. */
export interface DevicePeer {
  readonly admission: Admitted;
  readonly remoteAddress: string;
  readonly tlsVersion: string;
  readonly cipher: string;
  principal?: Principal;
  /** Its hold on the client id, when there are several gateways. */
  claim?: Claim;
  /** What its lifecycle events have in common, while it is connected. */
  visit?: Visit | undefined;
}

export interface MqttGatewayOptions {
  readonly config: Pick<Config, 'mqttLimits' | 'reservedTopics'>;
  readonly guard: Guard;
  readonly authorizer: Authorizer;
  readonly certificates: Pick<Certificates, 'standing' | 'summary' | 'trust'>;
  readonly vendorCas: Pick<VendorCas, 'find'>;
  /** The services of the platform that devices ask by publishing. */
  readonly reservedTopics: readonly ReservedTopic[];
  /** Where sessions outlive the process. */
  readonly store?: MessageStore;
  readonly denials: Denials;
  /** Told of each connection, for which thing it speaks, and how it ended. */
  readonly presence?: Pick<Presence, 'came' | 'speaksFor' | 'ended'>;
  /** Asked once of each CONNECT that would be accepted. */
  readonly newcomer: (newcomer: Newcomer) => NewcomerVerdict;
  /** Told of who comes, goes, and is lost. */
  readonly sees: (peer: SeenPeer, sight: Sight) => void;
  readonly clock: Clock;
  readonly random: Random;
  /** Told of what failed in the platform itself while it served a connection. */
  readonly warn: (message: string, error: unknown) => void;
  /** What several gateways share; without it this one is alone and owns every session. */
  readonly cluster?: ClusterParts;
}

const clientIdRule =
  'a client id has 1 to 128 bytes of UTF-8 without control characters and does not begin with `$`';

const connectsTooFast = 'mqtt: too many CONNECTs a second (setting `tlsLimits.connectsPerSecondMax`)';

const diskFull =
  'mqtt: the disk of `messages.db` is full: make room; until then QoS 1 and 2 messages that have to be kept are refused, what was acknowledged stays';
const diskHasRoom = 'mqtt: the disk of `messages.db` has room again: what waited for it is kept';

/** Ends that a device had not meant, or brought upon itself; the others are its goodbye, or our doing. */
const lost: ReadonlySet<DisconnectReason> = new Set([
  'CONNECTION_LOST',
  'MQTT_KEEP_ALIVE_TIMEOUT',
  // It began anew before its old connection was known to be dead.
  'DUPLICATE_CLIENTID',
  'CLIENT_ERROR',
  'AUTH_ERROR',
  'THROTTLED',
]);

/** 8883, 8443 and the one without TLS: each counts its own connections, and the broker must not be the one that refuses them. */
const listeners = 3;

// Between which other work has its turn.
const connectionsAtOnce = 500;

/** MQTT over mutual TLS: hands admitted sockets to the broker and decides, with the Authorizer, what each may do. */
export class MqttGateway {
  readonly broker: Broker<DevicePeer>;
  readonly #options: MqttGatewayOptions;
  readonly #connections = new Map<CertificateId, Set<Connection<DevicePeer>>>();
  readonly #ownership: SessionOwnership | undefined;
  readonly #clusterMessages: ClusterMessages | undefined;
  readonly #away: AwaySessions;
  readonly #connectRate: ConnectRate;
  readonly #reserved: ReservedTopics;
  readonly #events: LifecycleEvents;
  #sweep: NodeJS.Timeout | undefined;
  #isStopping = false;

  constructor(options: MqttGatewayOptions) {
    this.#options = options;
    const { guard, clock, denials } = options;
    this.#connectRate = new ConnectRate({
      clock,
      perSecondMax: guard.limits.connectsPerSecondMax,
      refused: (certificateId) =>
        denials.record({ cause: 'limit', certificateId, remoteAddress: '', explanation: connectsTooFast }),
    });
    this.#reserved = new ReservedTopics({
      topics: options.reservedTopics,
      denials,
      limits: options.config.reservedTopics,
      publish: (message) => this.publish(message),
      warn: options.warn,
    });
    this.#events = new LifecycleEvents({
      ...options,
      isAwaited: (topic) => this.broker.isAwaited(topic),
      publish: (message) => this.publish(message),
    });
    const node = toHex(options.random.bytes(8));
    this.#ownership = this.#ownSessions(node);
    this.#clusterMessages = this.#exchangeMessages(node);
    this.#away = new AwaySessions({ ...options, sessions: () => this.broker.sessions() });
    this.broker = this.#createBroker();
  }

  /** Takes up the sessions of the last run. */
  async start(): Promise<void> {
    await this.broker.start();
    this.#sweep = setInterval(() => this.#cutExpired(), 1_000);
  }

  /** Says goodbye to every device; the listeners may still be open, and bring nobody any more. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    clearInterval(this.#sweep);
    this.#ownership?.leave();
    this.#clusterMessages?.leave();
    await this.broker.close();
  }

  /** Hands the stream of any listener to the broker. */
  accept(stream: Duplex, { admission, remoteAddress, tlsVersion, cipher }: MqttSource): void {
    if (this.#isStopping || (admission.kind !== 'admitted' && admission.kind !== 'claim'))
      return void stream.destroy();
    this.broker.accept(stream, { admission, remoteAddress, tlsVersion, cipher });
  }

  /** Cuts every connection of the certificate, on every listener, in this tick. Answers how many. */
  cut(certificateId: CertificateId): number {
    this.#disconnect(certificateId);
    return this.#options.guard.live.cut(certificateId);
  }

  /** Cuts every connection of a revoked certificate here, and has the other gateways do so. */
  revoke(certificateId: CertificateId): EventEffect {
    const effect = this.#cutAndFreeze(certificateId);
    this.#ownership?.announceRevoked(certificateId);
    return effect;
  }

  /** As `revoke`, until it is resumed. */
  suspend(certificateId: CertificateId): EventEffect {
    const effect = this.#cutAndFreeze(certificateId);
    this.#ownership?.announceSuspended(certificateId, true);
    return effect;
  }

  /** It speaks for another thing: who is connected begins anew as that, and nothing more is kept for the old one in its name. */
  transfer(certificateId: CertificateId): EventEffect {
    const effect = this.#cutAndFreeze(certificateId);
    if (this.#ownership?.isBarred(certificateId) !== false) return effect;
    // The other gateways: they cut it too, and let it come back.
    this.#ownership.announceSuspended(certificateId, true);
    this.#ownership.announceSuspended(certificateId, false);
    return effect;
  }

  /** Its devices may connect again, and what is sent to them while they are away is kept again. */
  resume(certificateId: CertificateId): void {
    this.#away.thaw(certificateId);
    this.#ownership?.announceSuspended(certificateId, false);
  }

  /** Looks at every connected certificate anew, as after the removal of a CA, and cuts what is not admitted any more. */
  recheck(): EventEffect {
    const { live, admit } = this.#options.guard;
    const condemned = live.certificates().filter((certificate) => admit(certificate).kind === 'refused');
    const sessionsCut = condemned.reduce((sum, { id }) => sum + this.cut(id), 0);
    // Last: who was cut just now is away as well.
    return { sessionsCut, queuesFrozen: this.#away.recheck() };
  }

  /** Says something as the platform, on a topic that no device may publish to. Does not throw: it runs in the tick of a commit. */
  publish({ topic, payload }: PlatformMessage): void {
    try {
      this.broker.publish(topic, payload, { qos: 1 });
    } catch (error) {
      this.#options.warn(`mqtt: nobody was told on \`${topic}\``, error);
    }
  }

  /** Compiles the rights of the certificate's live connections anew; the very next packet is decided by them. */
  refresh(certificateIds: Iterable<CertificateId>): void {
    const ids = new Set(certificateIds);
    this.#away.refresh(ids);
    for (const certificateId of ids) {
      for (const connection of this.#connections.get(certificateId) ?? [])
        this.#refreshConnection(connection);
    }
  }

  /** Has every live connection hand in what it has counted, in portions: there may be very many. */
  async collectActivity(): Promise<void> {
    let seen = 0;
    for (const principal of this.#principals()) {
      principal.drain();
      seen++;
      if (seen % connectionsAtOnce === 0) await setImmediate();
    }
  }

  /** Says of everybody who is connected that they are, in portions. */
  async tellPresent(): Promise<void> {
    let seen = 0;
    for (const connection of this.broker.connections()) {
      this.#sees(connection, 'present');
      seen++;
      if (seen % connectionsAtOnce === 0) await setImmediate();
    }
  }

  /** Of every live connection, and of every session that is kept for a device that is away. */
  *#principals(): Iterable<Principal> {
    for (const { peer } of this.broker.connections()) if (peer.principal !== undefined) yield peer.principal;
    yield* this.#away.principals();
  }

  /** CONNECTs refused since the start as their certificate sent too many. */
  get connectsTooFast(): number {
    return this.#connectRate.refusals;
  }

  /** Requests of devices to the platform that are under way. */
  get requestsUnderWay(): number {
    return this.#reserved.size;
  }

  connections(): Iterable<Connection<DevicePeer>> {
    return this.broker.connections();
  }

  #createBroker(): Broker<DevicePeer> {
    const { config, clock, random, warn, store } = this.#options;
    return createBroker<DevicePeer>({
      limits: { ...config.mqttLimits, connectionsMax: listeners * this.#options.guard.limits.connectionsMax },
      clock,
      random,
      ...(store === undefined ? {} : { store }),
      hooks: {
        ...this.#forwarding(),
        connect: (request, peer) =>
          this.#connectRate.refusalOf(peer.admission.certificateId) ?? this.#decideAndTell(request, peer),
        connected: (connection) => this.#connected(connection),
        disconnected: (connection, reason) => this.#disconnected(connection, reason),
        subscribed: (connection, filter) =>
          this.#events.subscriptionChanged(connection, 'subscribed', filter),
        unsubscribed: (connection, filter) =>
          this.#events.subscriptionChanged(connection, 'unsubscribed', filter),
        reserved: (connection, message) =>
          this.#reserved.take(connection, message) || this.#refuseReserved(connection, message.topic),
        limited: (connection, limit) =>
          this.#record(connection, {
            cause: 'limit',
            explanation: `mqtt: the setting \`mqttLimits.${limit}\` was reached`,
          }),
        clientIdRefused: (connection, clientId) =>
          this.#record(connection, { cause: 'connect_denied', clientId, explanation: clientIdRule }),
        violated: (connection, why) =>
          this.#record(connection, { cause: 'protocol_error', explanation: `mqtt: ${why}` }),
        accessOf: (session) => this.#away.accessOf(session),
        sessionDropped: (session, limit) => this.#recordDropped(session, limit),
        diskFull: (isFull) => warn(isFull ? diskFull : diskHasRoom, undefined),
        refusedByDisk: (connection) => this.#record(connection, { cause: 'limit', explanation: diskFull }),
        storeFailed: (error) => warn('mqtt: what is durable is not known any more', error),
        failed: (connection, error) =>
          warn(`mqtt: serving ${connection === undefined ? 'a session' : nameOf(connection)} failed`, error),
      },
    });
  }

  #record(
    { clientId, peer }: Connection<DevicePeer>,
    report: Pick<DenialReport, 'cause' | 'clientId' | 'explanation'>,
  ): void {
    const { admission, remoteAddress } = peer;
    const { certificateId } = admission;
    const named = clientId === '' ? {} : { clientId };
    this.#options.denials.record({ ...named, certificateId, remoteAddress, ...report });
  }

  #recordDropped({ clientId, principal }: HeldSession, limit: string): void {
    const explanation = `mqtt: the setting \`mqttLimits.${limit}\` was reached: the session ended with all it was owed`;
    const certificateId = parseCertificateId(principal);
    this.#options.denials.record({ cause: 'limit', clientId, certificateId, remoteAddress: '', explanation });
  }

  /** Cuts every connection, and keeps nothing more for its sessions. */
  #cutAndFreeze(certificateId: CertificateId): EventEffect {
    const sessionsCut = this.cut(certificateId);
    return { sessionsCut, queuesFrozen: this.#away.freeze(certificateId) };
  }

  #ownSessions(node: string): SessionOwnership | undefined {
    const { cluster, clock } = this.#options;
    const cut = (certificateId: CertificateId) => void this.#cutAndFreeze(certificateId);
    const resume = (certificateId: CertificateId) => this.#away.thaw(certificateId);
    return cluster && new SessionOwnership({ ...cluster, node, clock, cut, resume });
  }

  #exchangeMessages(node: string): ClusterMessages | undefined {
    const { cluster, clock, config } = this.#options;
    const receive = (message: ForwardedMessage) => this.broker.receive(message);
    return cluster && new ClusterMessages({ ...cluster, node, clock, limits: config.mqttLimits, receive });
  }

  /** No hook at all for a gateway that is alone: nothing is asked for each message. */
  #forwarding(): Pick<BrokerHooks<DevicePeer>, 'published' | 'sharedMembers' | 'orphaned'> {
    const messages = this.#clusterMessages;
    if (messages === undefined) return {};
    return {
      published: (_, message) => messages.announce(message),
      sharedMembers: (subscription, members) => messages.membersChanged(subscription, members),
      orphaned: (message, shareName) => messages.giveAway(message, shareName),
    };
  }

  /** Of those that were not refused for their rate alone, so that a flood of CONNECTs is none of events. */
  #decideAndTell(request: ConnectRequest, peer: DevicePeer): ConnectVerdict | Promise<ConnectVerdict> {
    const tell = (verdict: ConnectVerdict): ConnectVerdict => {
      if (verdict.kind === 'refuse')
        this.#events.connectFailed(request.clientId, peer, failureOf(verdict.reasonCode));
      return verdict;
    };
    const decided = this.#decide(request, peer);
    return decided instanceof Promise ? decided.then(tell) : tell(decided);
  }

  #decide(request: ConnectRequest, peer: DevicePeer): ConnectVerdict | Promise<ConnectVerdict> {
    return this.#ownership === undefined
      ? this.#welcome(this.#connect(request, peer), { request, peer })
      : this.#claimAndConnect(this.#ownership, { request, peer });
  }

  async #claimAndConnect(
    ownership: SessionOwnership,
    { request, peer }: { readonly request: ConnectRequest; readonly peer: DevicePeer },
  ): Promise<ConnectVerdict> {
    const verdict = this.#connect(request, peer);
    if (verdict.kind === 'refuse') return verdict;
    const claimed = await ownership.claim(request.clientId);
    if (claimed.kind === 'lost') return { kind: 'refuse', reasonCode: REASON.serverBusy };
    if (ownership.isBarred(peer.admission.certificateId))
      return { kind: 'refuse', reasonCode: REASON.notAuthorized };
    peer.claim = claimed.claim;
    // Rights and registry may have changed while the claim was on its way.
    return this.#welcome(this.#connect(request, peer), { request, peer });
  }

  /** The last word on who is let in: whether it seems to be another device than the one whose key it holds. */
  #welcome(
    verdict: ConnectVerdict,
    { request, peer }: { readonly request: ConnectRequest; readonly peer: DevicePeer },
  ): ConnectVerdict {
    // A claim is on many devices on purpose.
    if (verdict.kind === 'refuse' || peer.admission.kind === 'claim') return verdict;
    const { admission, remoteAddress } = peer;
    const { certificateId } = admission;
    const { clientId } = request;
    const live = Array.from(this.#connections.get(certificateId) ?? [], (one) => ({
      clientId: one.clientId,
      remoteAddress: one.peer.remoteAddress,
    }));
    const judged = this.#options.newcomer({ certificateId, clientId, remoteAddress, live });
    if (judged.kind === 'pass') return verdict;
    const { explanation } = judged;
    this.#options.denials.record({
      cause: 'clone_suspected',
      certificateId,
      clientId,
      remoteAddress,
      explanation,
    });
    return { kind: 'refuse', reasonCode: REASON.notAuthorized };
  }

  #connect(request: ConnectRequest, peer: DevicePeer): ConnectVerdict {
    // The registry may have changed between the handshake and this packet.
    const standing = this.#options.guard.admit(peer.admission.certificate);
    if (standing.kind !== peer.admission.kind) return { kind: 'refuse', reasonCode: REASON.notAuthorized };
    if (standing.kind === 'claim' && this.#isTaken(request.clientId, peer))
      return { kind: 'refuse', reasonCode: REASON.clientIdentifierNotValid };
    const principal = this.#principal(request, peer);
    if (!principal.mayConnect()) return { kind: 'refuse', reasonCode: REASON.notAuthorized };
    const { will } = request;
    if (will !== undefined && !this.#mayLeave(will, principal))
      return { kind: 'refuse', reasonCode: REASON.notAuthorized };
    peer.principal = principal;
    return {
      kind: 'accept',
      access: principal,
      owner: this.#options.authorizer.ownerOf(principal),
      principal: peer.admission.certificateId,
      epoch: peer.claim?.epoch ?? 0,
      // Very many devices have the same claim, each only for as long as it provisions.
      isTransient: standing.kind === 'claim',
    };
  }

  /** Whether somebody else has the client id: a claim, which many know, must not end the session of a device that is there. */
  #isTaken(clientId: string, { admission: { certificateId }, remoteAddress }: DevicePeer): boolean {
    const holder = this.broker.session(clientId);
    if (holder === undefined || holder.principal === certificateId) return false;
    const explanation =
      'a claim certificate may not take a client id that another certificate has a session under';
    this.#options.denials.record({
      cause: 'connect_denied',
      clientId,
      certificateId,
      remoteAddress,
      explanation,
    });
    return true;
  }

  /** No service could answer a will: one to a reserved topic is refused with its CONNECT. */
  #mayLeave(will: Will, principal: Principal): boolean {
    if (!principal.mayPublish(will.topic, will.retain)) return false;
    if (!will.topic.startsWith('$')) return true;
    this.#recordReserved(principal.claim, will.topic);
    return false;
  }

  #principal(request: ConnectRequest, peer: DevicePeer): Principal {
    return this.#options.authorizer.principal({
      certificateId: peer.admission.certificateId,
      certificate: peer.admission.certificate,
      clientId: request.clientId,
      remoteAddress: peer.remoteAddress,
      connect: { persistent: !request.cleanStart, willTopic: request.will?.topic },
    });
  }

  /** A device must not speak as the platform does on `$aws/…`: what no service answers on is not routed. */
  #refuseReserved(connection: Connection<DevicePeer>, topic: string): boolean {
    const { admission, remoteAddress } = connection.peer;
    const { certificateId } = admission;
    this.#recordReserved({ certificateId, clientId: connection.clientId, remoteAddress }, topic);
    return true;
  }

  #recordReserved(
    by: Pick<PrincipalClaim, 'certificateId' | 'clientId' | 'remoteAddress'>,
    topic: string,
  ): void {
    this.#options.denials.record({
      cause: 'publish_denied',
      certificateId: by.certificateId,
      clientId: by.clientId,
      remoteAddress: by.remoteAddress ?? '',
      action: 'iot:Publish',
      resource: topic,
      explanation: 'the policy allows it, but no service of the platform answers on this reserved topic',
    });
  }

  #refreshConnection(connection: Connection<DevicePeer>): void {
    const { principal } = connection.peer;
    if (principal === undefined) return;
    if (!this.#renewRights(connection, principal.claim))
      connection.disconnect(REASON.notAuthorized, { reason: 'FORBIDDEN_ACCESS', sendWill: true });
  }

  /** False when the device may no longer connect, also because deciding that failed: this runs in the tick of a commit. */
  #renewRights(connection: Connection<DevicePeer>, claim: PrincipalClaim): boolean {
    try {
      const fresh = this.#options.authorizer.principal(claim);
      connection.peer.principal?.drain();
      connection.peer.principal = fresh;
      connection.replaceAccess(fresh);
      this.#options.presence?.speaksFor(connection, fresh.thingName);
      return fresh.mayConnect();
    } catch {
      return false;
    }
  }

  #connected(connection: Connection<DevicePeer>): void {
    const { certificateId } = connection.peer.admission;
    const connections = this.#connections.get(certificateId) ?? new Set();
    this.#connections.set(certificateId, connections.add(connection));
    const { claim, principal } = connection.peer;
    if (claim !== undefined) this.#ownership?.connected(claim, connection);
    this.#sees(connection, 'present');
    const visit = this.#events.connected(connection);
    this.#options.presence?.came(connection, { visit, thingName: principal?.thingName });
  }

  #sees({ peer }: Connection<DevicePeer>, sight: Sight): void {
    const { certificateId } = peer.admission;
    this.#options.sees({ certificateId, thingName: peer.principal?.thingName }, sight);
  }

  #disconnected(connection: Connection<DevicePeer>, reason: DisconnectReason): void {
    if (!this.#isStopping) this.#sees(connection, lost.has(reason) ? 'disconnects' : 'present');
    if (!this.#isStopping) this.#events.disconnected(connection, reason);
    const { certificateId } = connection.peer.admission;
    const { claim, principal } = connection.peer;
    principal?.drain();
    this.#options.presence?.ended(connection, reason);
    if (claim !== undefined) this.#ownership?.release(claim);
    const connections = this.#connections.get(certificateId);
    connections?.delete(connection);
    if (connections?.size === 0) this.#connections.delete(certificateId);
  }

  #cutExpired(): void {
    const { live } = this.#options.guard;
    for (const certificateId of live.expired(this.#options.clock.now())) {
      this.#disconnect(certificateId);
      live.cutExpired(certificateId);
    }
  }

  #disconnect(certificateId: CertificateId): void {
    for (const connection of this.#connections.get(certificateId) ?? [])
      connection.disconnect(REASON.administrativeAction, { reason: 'FORBIDDEN_ACCESS', sendWill: false });
  }
}

function failureOf(reasonCode: number): DisconnectReason {
  if (reasonCode === REASON.serverBusy) return 'SERVER_ERROR';
  return reasonCode === REASON.clientIdentifierNotValid ? 'CLIENT_ERROR' : 'AUTH_ERROR';
}

function nameOf({ peer }: Connection<DevicePeer>): string {
  return `certificate \`${peer.admission.certificateId}\``;
}
