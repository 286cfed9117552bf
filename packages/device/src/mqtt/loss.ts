import { REASON, type ReasonCode } from '@fleetward/mqtt/codec';
import { certificateRefusedText } from '@fleetward/protocol';

/** Why there is no connection, or not any more. */
export type Loss =
  /** Nobody answers at this address, or not the platform: DNS, TCP, or a server certificate that does not hold. */
  | { readonly kind: 'unreachable'; readonly cause: Error }
  /** The server's TLS refused this device's certificate, over keys that only it has. */
  | { readonly kind: 'certificate-refused'; readonly alert: string }
  /** It closed between the handshake and its answer to CONNECT. */
  | { readonly kind: 'cut' }
  /** CONNACK with a failure. */
  | { readonly kind: 'refused'; readonly reasonCode: ReasonCode; readonly reasonString?: string }
  /** DISCONNECT of the server. */
  | { readonly kind: 'disconnected'; readonly reasonCode: ReasonCode; readonly reasonString?: string }
  | { readonly kind: 'broken'; readonly cause?: Error }
  /** Nothing was heard within the keep-alive, or no CONNACK in time. */
  | { readonly kind: 'silent' }
  /** It answers, and has not acknowledged a publication in time. */
  | { readonly kind: 'unacknowledged' }
  /** What came is no MQTT. */
  | { readonly kind: 'protocol'; readonly cause: Error };

/** CONNACK: what the same device with the same certificate and client id is answered for ever. */
const finalReasons: ReadonlySet<ReasonCode> = new Set([
  REASON.unsupportedProtocolVersion,
  REASON.clientIdentifierNotValid,
  REASON.banned,
  REASON.badAuthenticationMethod,
]);

/**
 * Whether trying again is of no use. Only what the server itself has said counts: a plain cut may be anybody's on the way, and a policy
 * that does not let the device in (0x87) is changed while it waits.
 */
export function isFinal(loss: Loss): boolean {
  return (
    loss.kind === 'certificate-refused' || (loss.kind === 'refused' && finalReasons.has(loss.reasonCode))
  );
}

export function isTakenOver(loss: Loss): boolean {
  return loss.kind === 'disconnected' && loss.reasonCode === REASON.sessionTakenOver;
}

/** Whether the server was there and did not want this device, now. */
export function isUnwanted(loss: Loss): boolean {
  return loss.kind === 'cut' || loss.kind === 'refused' || loss.kind === 'disconnected';
}

/** For a log: what happened, and where it helps, what to do. */
export function explainLoss(loss: Loss): string {
  switch (loss.kind) {
    case 'unreachable':
      return `the platform is not reached: ${loss.cause.message}`;
    case 'certificate-refused':
      return `the server refuses this device's certificate: ${loss.alert}; renew it or enrol again`;
    case 'cut':
      return `the server closed before it answered: ${certificateRefusedText}`;
    case 'refused':
      return `the server refuses the connection: ${reasonText(loss)}`;
    case 'disconnected':
      return isTakenOver(loss)
        ? `another connection took over the client id: does a second device have this identity? (${reasonText(loss)})`
        : `the server ended the connection: ${reasonText(loss)}`;
    case 'broken':
      return loss.cause === undefined
        ? 'the connection was closed'
        : `the connection broke: ${loss.cause.message}`;
    case 'silent':
      return 'the server does not answer any more';
    case 'unacknowledged':
      return 'the server does not acknowledge what it is sent: it is sent again over a new connection';
    case 'protocol':
      return `what the server sent is not MQTT 5: ${loss.cause.message}`;
  }
}

const reasonNames: ReadonlyMap<number, string> = new Map(
  Object.entries(REASON).map(([name, code]) => [
    code,
    name.replaceAll(/[A-Z]/g, (c) => ` ${c.toLowerCase()}`),
  ]),
);

/** `not authorized (0x87)`, with what the server says besides. */
export function reasonText({
  reasonCode,
  reasonString,
}: {
  readonly reasonCode: ReasonCode;
  readonly reasonString?: string;
}): string {
  const said = reasonString === undefined ? '' : `: ${reasonString.slice(0, 200)}`;
  return `${reasonNames.get(reasonCode) ?? 'unknown'} (0x${reasonCode.toString(16).padStart(2, '0')})${said}`;
}
