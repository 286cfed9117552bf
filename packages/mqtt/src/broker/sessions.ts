import type { Will } from '../codec/connect.ts';
import type { SessionNumber, StoredState } from '../store/message-store.ts';
import type { BrokerConnection } from './connection.ts';
import type { Estate } from './handover.ts';
import type { ConnectRequest, HeldSession } from './hooks.ts';
import type { Journal } from './journal.ts';
import type { OwedHost } from './owed.ts';
import { restoreSessions } from './restore.ts';
import { NEVER_EXPIRES, Session, type SessionFields } from './session.ts';
import type { QueueLimit, ShareLimit } from './shares.ts';
import type { Subscriptions } from './subscriptions.ts';
import type { TimerWheel, WheelEntry } from './timer-wheel.ts';
import { storedWill } from './wills.ts';

/** What a session needs of the broker. */
export interface SessionHost<Peer> extends OwedHost {
  nowMs(): number;
  /** It, or all of its owner, is owed more than the limits allow: it ends. */
  overflowed(session: Session<Peer>, limit: QueueLimit): void;
  /** Its time may have come. */
  due(session: Session<Peer>, nowMs: number): void;
}

/** What the sessions need of the broker. */
export interface SessionsHost<Peer> extends SessionHost<Peer> {
  readonly journal: Journal;
  readonly subscriptions: Subscriptions<Session<Peer>>;
  readonly wheel: TimerWheel<WheelEntry & Alarm>;
  /** Publishes the will of a session whose time has come. */
  willDue(session: Session<Peer>): void;
  /** Gives others what a session that is over did not acknowledge. */
  handOn(estate: Estate): void;
  /** Nothing refers to it any more. */
  forgotten(session: Session<Peer>): void;
}

export interface Alarm {
  due(nowMs: number): void;
}

/** Who asks for a session, and for how long. */
export interface Claimant {
  readonly request: Pick<ConnectRequest, 'clientId' | 'cleanStart'>;
  readonly owner: string;
  readonly expirySeconds: number;
  /** What its will would take in the store. */
  readonly willBytes: number;
}

type RoomLimit = 'sessionsMax' | 'storedBytesMax' | ShareLimit;

/** All sessions by client id, those without a connection included: there is one of each client id (MQTT-3.1.2-4). */
export class Sessions<Peer> {
  readonly #host: SessionsHost<Peer>;
  readonly #byClientId = new Map<string, Session<Peer>>();
  /** The batch that ends the kept session a client id had last, the oldest first, until it is durable. */
  readonly #endings = new Map<string, number>();
  #last: SessionNumber = 0;

  constructor(host: SessionsHost<Peer>) {
    this.#host = host;
  }

  [Symbol.iterator](): IterableIterator<Session<Peer>> {
    return this.#byClientId.values();
  }

  get(clientId: string): Session<Peer> | undefined {
    return this.#byClientId.get(clientId);
  }

  /** The session that such a client goes on with, if there is one (MQTT-3.1.2-4, MQTT5-3.1.2-5). */
  resumable({ request, owner }: Pick<Claimant, 'request' | 'owner'>): Session<Peer> | undefined {
    const session = this.#byClientId.get(request.clientId);
    if (session === undefined || request.cleanStart || session.owner !== owner) return undefined;
    return session.expirySeconds === 0 || isExpired(session, this.#host.nowMs()) ? undefined : session;
  }

  /** Whether a kept session of the client id is on the disk that it does not go on with. */
  mustForget(claimant: Pick<Claimant, 'request' | 'owner'>): boolean {
    const { clientId } = claimant.request;
    if (this.resumable(claimant) !== undefined) return false;
    return (
      this.#byClientId.get(clientId)?.isDurable === true ||
      !this.#host.journal.isDurable(this.ending(clientId))
    );
  }

  /** The batch with which no kept session is left on the disk that its client id had before the one it has now. */
  ending(clientId: string): number {
    return this.#endings.get(clientId) ?? 0;
  }

  /**
   * The limit that leaves no room for what it asks to be kept; the session of the same client id makes room for it. One that is there
   * may be resumed also when all sessions together store too much: else nobody could fetch what is.
   */
  limitReached(claimant: Claimant): RoomLimit | undefined {
    const isResumed = this.resumable(claimant) !== undefined;
    if (claimant.expirySeconds === 0 && !isResumed) return undefined;
    const { shares, metrics, limits } = this.#host;
    const { owner, request, willBytes } = claimant;
    const previous = this.#byClientId.get(request.clientId);
    if (previous?.isDurable !== true && metrics.storedSessions >= limits.sessionsMax) return 'sessionsMax';
    if (!isResumed && willBytes > 0 && metrics.storedBytes + willBytes > limits.storedBytesMax)
      return 'storedBytesMax';
    const share = shares.of(owner);
    const own = previous?.share === share ? previous : undefined;
    const freedBytes = isResumed ? (own?.will?.bytes ?? 0) : (own?.storedBytes ?? 0);
    const reached =
      (own === undefined ? shares.sessionLimit(share) : undefined) ??
      shares.storedLimit(share, { messages: 0, bytes: willBytes - freedBytes });
    shares.settle(share);
    return reached;
  }

  /** A new one in the place of what its client id had before (MQTT5-3.1.2-4). */
  begin(fields: Omit<SessionFields, 'session'>): Session<Peer> {
    const previous = this.#byClientId.get(fields.clientId);
    if (previous !== undefined) this.end(previous);
    const number = fields.expirySeconds > 0 ? ++this.#last : 0;
    const session = new Session({ ...fields, session: number }, this.#host);
    this.#add(session);
    this.#write(session);
    return session;
  }

  /** Its client is back: its will is not sent (MQTT5-3.1.3-9), it does not expire. */
  resume(
    session: Session<Peer>,
    {
      principal,
      epoch,
      expirySeconds,
      access,
    }: Pick<SessionFields, 'principal' | 'epoch' | 'expirySeconds' | 'access'>,
  ): void {
    this.#host.wheel.delete(session);
    session.principal = principal;
    session.epoch = epoch;
    session.expirySeconds = expirySeconds;
    session.access = access;
    session.disconnectedAtMs = undefined;
    this.#write(session);
  }

  /** In the place of the will its client left before (MQTT-3.1.2-8). */
  leaveWill(session: Session<Peer>, connection: BrokerConnection<Peer>, will: Will | undefined): void {
    if (will === undefined) {
      this.#discardWill(session);
      return;
    }
    const stored = session.isDurable ? storedWill(session.number, will) : undefined;
    const bytes = stored?.packet.length ?? 0;
    session.replaceWill({ will, connection, bytes, dueAtMs: undefined });
    if (stored !== undefined) this.#host.journal.write({ kind: 'will', ...stored }, bytes);
  }

  /**
   * It has no connection any more: it ends now, or waits (MQTT5-3.1.2-23). Its will is due when its delay has passed
   * (MQTT5-3.1.2-8), `never`, or `later`, in the next run.
   */
  left(session: Session<Peer>, willIsDue: 'after-delay' | 'never' | 'later'): void {
    if (session.isEnded) return;
    if (willIsDue === 'never' || (willIsDue === 'later' && !session.isDurable)) this.#discardWill(session);
    if (session.expirySeconds === 0) {
      this.end(session);
      return;
    }
    session.disconnectedAtMs = this.#host.nowMs();
    this.#write(session);
    if (willIsDue === 'after-delay') this.#delayWill(session, session.disconnectedAtMs);
    if (!session.isEnded) this.#watch(session);
  }

  /** Forgets it with all it holds. */
  end(session: Session<Peer>): void {
    if (session.isEnded) return;
    this.#host.wheel.delete(session);
    for (const filter of session.filters.keys()) this.#host.subscriptions.delete(filter, session);
    this.#host.metrics.subscriptions = this.#host.subscriptions.size;
    if (this.#byClientId.get(session.clientId) === session) this.#byClientId.delete(session.clientId);
    const estate = session.drop();
    if (session.isDurable) this.#host.metrics.storedSessions--;
    session.share?.sessions.delete(session);
    if (estate.orphans.length === 0) estate.owed.close();
    else this.#writeOver(session);
    if (session.isDurable) this.#noteEnding(session);
    this.#host.forgotten(session);
    // Last: the will may bring messages, and the session gets none of them.
    this.#host.willDue(session); // MQTT5-3.1.3-9: its end comes before the delay has passed
    if (estate.orphans.length > 0) this.#host.handOn(estate);
  }

  /** The look at the clock that the timer wheel calls for. */
  due(session: Session<Peer>, nowMs: number): void {
    if (session.isEnded || session.isConnected) return;
    if (isExpired(session, nowMs)) {
      this.#host.metrics.sessionsExpired++;
      this.end(session);
      return;
    }
    const willAtMs = session.will?.dueAtMs;
    if (willAtMs !== undefined && willAtMs <= nowMs) this.#host.willDue(session);
    if (!session.isEnded) this.#watch(session);
  }

  #noteEnding({ clientId }: Session<Peer>): void {
    const { journal } = this.#host;
    for (const [other, batch] of this.#endings) {
      if (!journal.isDurable(batch)) break;
      this.#endings.delete(other);
    }
    this.#endings.delete(clientId); // so that it goes to the end
    this.#endings.set(clientId, journal.lastBatch);
  }

  #delayWill(session: Session<Peer>, nowMs: number): void {
    if (session.will === undefined) return;
    const delaySeconds = session.will.will.properties.willDelayInterval ?? 0;
    if (delaySeconds === 0) this.#host.willDue(session);
    else session.will.dueAtMs = nowMs + delaySeconds * 1000;
  }

  #discardWill(session: Session<Peer>): void {
    if (session.will === undefined) return;
    session.replaceWill(undefined);
    if (session.isDurable) this.#host.journal.write({ kind: 'will-gone', session: session.number });
  }

  #watch(session: Session<Peer>): void {
    const deadlineMs = Math.min(expiresAtMs(session), session.will?.dueAtMs ?? Number.POSITIVE_INFINITY);
    if (deadlineMs !== Number.POSITIVE_INFINITY) this.#host.wheel.set(session, deadlineMs);
  }

  /** Takes up what the last run left. */
  load(state: StoredState, accessOf: (held: HeldSession) => Session<Peer>['access']): void {
    this.#last = state.lastSession;
    const { sessions, estates } = restoreSessions(state, this.#host);
    for (const session of sessions) {
      session.access = accessOf(session);
      this.#add(session);
      for (const [filter, subscription] of session.filters)
        this.#host.subscriptions.set(filter, subscription);
      this.#watch(session);
    }
    this.#host.metrics.subscriptions = this.#host.subscriptions.size;
    for (const { estate } of estates) this.#host.handOn(estate);
    for (const session of sessions) if (session.expirySeconds === 0) this.end(session); // with its connection, which the crash ended
  }

  #add(session: Session<Peer>): void {
    this.#byClientId.set(session.clientId, session);
    session.share?.sessions.add(session);
    if (session.isDurable) this.#host.metrics.storedSessions++;
  }

  /** It is over but for what others are still to be given: a run that finds it so goes on with that. */
  #writeOver(session: Session<Peer>): void {
    session.expirySeconds = 0;
    session.disconnectedAtMs ??= this.#host.nowMs();
    this.#write(session);
  }

  #write(session: Session<Peer>): void {
    if (session.isDurable) this.#host.journal.write({ kind: 'session', ...session.stored() });
  }
}

type Lifetime = Pick<Session<unknown>, 'expirySeconds' | 'disconnectedAtMs' | 'isConnected'>;

function expiresAtMs({ expirySeconds, disconnectedAtMs }: Lifetime): number {
  if (disconnectedAtMs === undefined || expirySeconds === NEVER_EXPIRES) return Number.POSITIVE_INFINITY;
  return disconnectedAtMs + expirySeconds * 1000;
}

function isExpired(session: Lifetime, nowMs: number): boolean {
  return !session.isConnected && expiresAtMs(session) <= nowMs;
}
