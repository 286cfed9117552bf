import type { ConnectPacket } from '../codec/connect.ts';
import { REASON } from '../reason-codes.ts';
import { grantedExpirySeconds } from '../session/connect-rules.ts';
import type { ServerProtocol } from '../session/server-protocol.ts';
import { type ClientForm, clientForm } from './client-form.ts';
import { connectRequest } from './connect-request.ts';
import type { BrokerConnection } from './connection.ts';
import type { ConnectRequest, ConnectVerdict } from './hooks.ts';
import type { Host } from './host.ts';
import { HOLD, type Intake } from './intake.ts';
import type { Session } from './session.ts';
import type { Route } from './subscriptions.ts';
import { willBytes } from './wills.ts';

/** The connection whose CONNECT is decided. */
export interface Newcomer<Peer> {
  readonly connection: BrokerConnection<Peer>;
  readonly protocol: ServerProtocol<Route<Session<Peer>>>;
  readonly intake: Pick<Intake, 'hold' | 'release'>;
  /** Its stream is over. */
  isGone(): boolean;
  /** CONNACK is said: it has this session from here on. */
  join(session: Session<Peer>, applicant: Pick<Applicant, 'request' | 'form'>): void;
  cut(): void;
}

/** What a CONNECT said that the decision on it needs. */
export interface Applicant {
  readonly request: ConnectRequest;
  readonly form: ClientForm;
  readonly expirySeconds: number;
}

const UNDECIDED: ConnectVerdict = { kind: 'refuse', reasonCode: REASON.unspecifiedError };

/** Asks the owner of the broker, refuses what has no room, and gives the client its session (MQTT-3.1.4-4, MQTT5-3.1.4-5). */
export class Connecting<Peer> {
  readonly #newcomer: Newcomer<Peer>;
  readonly #host: Host<Peer>;

  constructor(newcomer: Newcomer<Peer>, host: Host<Peer>) {
    this.#newcomer = newcomer;
    this.#host = host;
  }

  decide(packet: ConnectPacket): void {
    const { limits, random } = this.#host;
    const request = connectRequest(packet, random);
    if (request === undefined) {
      this.#refuseClientId(packet.clientId);
      return;
    }
    const expirySeconds = grantedExpirySeconds(packet, limits);
    const applicant = { request, expirySeconds, form: clientForm(packet, limits) };
    const verdict = this.#ask(request);
    if (verdict instanceof Promise) this.#wait(applicant, verdict);
    else this.#decided(applicant, verdict);
  }

  #refuseClientId(clientId: string): void {
    const { connection, protocol } = this.#newcomer;
    this.#host.metrics.connectsRefused++;
    this.#host.clientIdRefused(connection, clientId);
    protocol.refuse(REASON.clientIdentifierNotValid, { reason: 'AUTH_ERROR' });
  }

  #ask(request: ConnectRequest): ConnectVerdict | Promise<ConnectVerdict> {
    try {
      return this.#host.hooks.connect(request, this.#newcomer.connection.peer);
    } catch {
      return UNDECIDED;
    }
  }

  /** Nothing more is read meanwhile. */
  #wait(applicant: Applicant, verdict: Promise<ConnectVerdict>): void {
    this.#newcomer.intake.hold(HOLD.deciding);
    verdict.then(
      (decided) => this.#decidedLater(applicant, decided),
      () => this.#decidedLater(applicant, UNDECIDED),
    );
  }

  #decidedLater(applicant: Applicant, verdict: ConnectVerdict): void {
    const { connection, protocol, intake } = this.#newcomer;
    if (protocol.isClosed || this.#newcomer.isGone()) return;
    try {
      this.#decided(applicant, verdict);
    } catch (error) {
      this.#host.failed(connection, error);
      protocol.fail(error);
    }
    try {
      intake.release(HOLD.deciding);
    } catch (error) {
      connection.fault(error);
    }
  }

  #decided(applicant: Applicant, verdict: ConnectVerdict): void {
    const { metrics, sessions } = this.#host;
    const { connection, protocol } = this.#newcomer;
    if (verdict.kind !== 'accept') {
      metrics.connectsRefused++;
      const why = verdict.why === undefined ? {} : { why: verdict.why };
      protocol.refuse(verdict.reasonCode, { reason: 'AUTH_ERROR', ...why });
      return;
    }
    const { request } = applicant;
    const { access, owner = '', principal = '', epoch = 0, isTransient = false } = verdict;
    const expirySeconds = isTransient ? 0 : applicant.expirySeconds;
    const mustForget = sessions.mustForget({ request, owner });
    if (this.#isRefusedByDisk({ expirySeconds, mustForget })) return;
    const claimant = { request, owner, expirySeconds, willBytes: willBytes(request.will) };
    const reached = sessions.limitReached(claimant);
    if (reached !== undefined) {
      metrics.connectsRefused++;
      metrics.sessionsRefused++;
      this.#host.limited(connection, reached);
      protocol.refuse(REASON.quotaExceeded, { reason: 'THROTTLED' });
      return;
    }
    const known = sessions.resumable(claimant);
    // Else a crash would bring back what CONNACK said is over, and the packet identifiers that it holds would swallow new messages.
    if (mustForget) connection.fallSilent();
    if (!this.#accept(request, { known, expirySeconds })) return;
    const fields = { clientId: request.clientId, owner, principal, epoch, expirySeconds, access };
    if (known !== undefined) sessions.resume(known, fields);
    this.#newcomer.join(known ?? sessions.begin(fields), applicant);
    if (mustForget) connection.speakAfter(sessions.ending(request.clientId));
    this.#host.opened(connection);
  }

  /**
   * Each CONNECT of a session that is kept is written: with so much waiting for a full disk there is no room for more. What is to be
   * forgotten cannot be while the disk is full.
   */
  #isRefusedByDisk(asked: { readonly expirySeconds: number; readonly mustForget: boolean }): boolean {
    const { journal, metrics } = this.#host;
    const hasRoom = asked.expirySeconds === 0 || !journal.isFull;
    if (!journal.isStalled || (hasRoom && !asked.mustForget)) return false;
    metrics.connectsRefused++;
    this.#host.refusedByDisk(this.#newcomer.connection);
    this.#newcomer.protocol.refuse(REASON.serverBusy, { reason: 'THROTTLED' });
    return true;
  }

  /** Says CONNACK and ends who had the client id before; false when that left nothing to go on with. */
  #accept(
    request: ConnectRequest,
    { known, expirySeconds }: { readonly known: Session<Peer> | undefined; readonly expirySeconds: number },
  ): boolean {
    const { protocol } = this.#newcomer;
    const assignedClientId = request.isClientIdAssigned ? request.clientId : undefined;
    protocol.accept({ assignedClientId, sessionPresent: known !== undefined, expirySeconds });
    if (protocol.isOpen) this.#host.takeOver(request.clientId);
    if (protocol.isOpen && known?.isEnded !== true) {
      this.#host.metrics.connectsAccepted++;
      return true;
    }
    // It cannot take a CONNACK, or was told of a session that its predecessor's end ended.
    this.#host.metrics.connectsRefused++;
    if (protocol.isOpen) this.#newcomer.cut();
    return false;
  }
}
