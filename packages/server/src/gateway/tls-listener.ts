import type { AddressInfo, Socket } from 'node:net';
import type { TLSSocket, TlsOptions, Server as TlsServer } from 'node:tls';
import type { Config } from '../config.ts';
import type { DenialCause, Denials } from '../denials/index.ts';
import { AddressCount, boundConnectionsPerAddress } from '../http/index.ts';
import { plainAddress } from '../network-of.ts';
import type { NewVendorCertificate } from '../vendor-cas/index.ts';
import type { Admission, Admit } from './admission.ts';
import { endWhenIdle } from './idle-socket.ts';
import type { LiveSockets } from './live-sockets.ts';
import { type Proxies, receiveProxied } from './proxied-connections.ts';
import type { ServerCredentials } from './server-credentials.ts';

export type TlsLimits = Config['tlsLimits'];

/** By ALPN; the second name is what AWS IoT clients send. */
export const mqttProtocols = ['mqtt', 'x-amzn-mqtt-ca'] as const;
export const httpProtocols = ['http/1.1', 'x-amzn-http-ca'] as const;

/** What the device listeners share. */
export interface Guard {
  readonly limits: TlsLimits;
  readonly admit: Admit;
  readonly live: LiveSockets;
  /** Told of each vendor's device that was never here, which is refused. */
  readonly meet: (newcomer: NewVendorCertificate, remoteAddress: string) => void;
  /** Told of each certificate, in DER, that a CA of the platform signed and the registry does not have, which is refused. */
  readonly unregistered: (certificateDer: Uint8Array, remoteAddress: string) => void;
  readonly denials: Denials;
  /** Whose connections begin with a header that names their peer. */
  readonly proxies: Proxies | undefined;
}

interface GuardOptions extends Guard {
  readonly listener: string;
  /** Whether only a certificate that is in force will do (MQTT), or EST is there for others. */
  readonly isForAdmitted: (socket: TLSSocket) => boolean;
}

/** Asks for a certificate and lets the handshake finish: OpenSSL's own refusal could not say why. */
export function deviceTlsOptions(options: {
  readonly guard: Guard;
  readonly credentials: ServerCredentials;
  readonly protocols: readonly string[];
}): TlsOptions {
  return {
    requestCert: true,
    rejectUnauthorized: false,
    ...options.credentials.secureContext(),
    handshakeTimeout: options.guard.limits.handshakeTimeoutMs,
    // A peer that offers only others is refused in the handshake (RFC 7301 §3.2).
    ALPNProtocols: [...options.protocols],
    noDelay: true,
  };
}

export function speaksMqtt({ alpnProtocol }: TLSSocket): boolean {
  return mqttProtocols.some((name) => name === alpnProtocol);
}

/**
 * Puts "Who may speak" in front of a TLS server: counts connections before the handshake, decides on the peer before its
 * first application byte, and records each refusal with its reason. Returns how to look a socket's admission up.
 */
export function guardTlsServer(server: TlsServer, options: GuardOptions): (socket: TLSSocket) => Admission {
  const admissions = new WeakMap<TLSSocket, Admission>();
  server.maxConnections = options.limits.connectionsMax;
  boundConnectionsPerAddress(server, {
    max: options.limits.connectionsPerAddressMax,
    refused: (address) => recordLimit(options, address, 'connectionsPerAddressMax'),
  });
  const strangers = new AddressCount();
  server.prependListener('secureConnection', (socket) => {
    socket.on('error', () => socket.destroy());
    const admission = admitSocket(socket, strangers, options);
    admissions.set(socket, admission);
    if (admission.kind === 'refused') socket.destroy();
  });
  server.on('tlsClientError', (error, socket) => recordHandshakeFailure(error, socket, options));
  server.on('drop', (data) => recordLimit(options, data?.remoteAddress, 'connectionsMax'));
  if (options.proxies !== undefined) {
    receiveProxied(server, {
      proxies: options.proxies,
      headerTimeoutMs: options.limits.handshakeTimeoutMs,
      refused: (why, remoteAddress) =>
        options.denials.record({
          cause: 'protocol_error',
          explanation: `${options.listener}: ${why}`,
          remoteAddress,
        }),
    });
  }
  return (socket) =>
    admissions.get(socket) ?? {
      kind: 'refused',
      cause: 'tls_handshake',
      explanation: 'no finished handshake',
    };
}

function admitSocket(socket: TLSSocket, strangers: AddressCount, options: GuardOptions): Admission {
  const decided = decide(socket, options);
  const admission = decided.kind === 'anonymous' ? boundStranger(socket, strangers, options) : decided;
  if (admission.kind === 'refused') {
    const { cause, explanation, certificateId, newcomer } = admission;
    const remoteAddress = addressOf(socket);
    options.denials.record({
      cause,
      explanation: `${options.listener}: ${explanation}`,
      remoteAddress,
      ...(certificateId === undefined ? {} : { certificateId }),
    });
    if (newcomer !== undefined) options.meet(newcomer, remoteAddress);
    const der = cause === 'certificate_unknown' ? socket.getPeerX509Certificate()?.raw : undefined;
    if (der !== undefined) options.unregistered(der, remoteAddress);
  }
  return admission;
}

/** Whoever needs no certificate must not take the room of those who have one: few, the newest refused, none idle. */
function boundStranger(socket: TLSSocket, strangers: AddressCount, { limits }: GuardOptions): Admission {
  endWhenIdle(socket, limits.anonymousIdleMs);
  const ofAddress = strangers.add(socket);
  const setting =
    strangers.total > limits.anonymousConnectionsMax
      ? 'anonymousConnectionsMax'
      : 'anonymousConnectionsPerAddressMax';
  if (
    setting === 'anonymousConnectionsPerAddressMax' &&
    ofAddress <= limits.anonymousConnectionsPerAddressMax
  )
    return { kind: 'anonymous' };
  const explanation = `too many connections without a certificate (setting \`tlsLimits.${setting}\`)`;
  return { kind: 'refused', cause: 'limit', explanation };
}

function decide(socket: TLSSocket, options: GuardOptions): Admission {
  const admission = options.admit(socket.getPeerX509Certificate()?.raw);
  if (admission.kind === 'refused') return admission;
  if (admission.kind === 'anonymous' || admission.kind === 'renew-only') {
    if (options.isForAdmitted(socket)) return notAdmitted(admission);
    if (admission.kind === 'anonymous') return admission;
  }
  const { certificateId, certificate } = admission;
  // One in its grace came after the end of its certificate: that end does not cut it.
  const endsAtMs = admission.kind === 'admitted' ? admission.endsAtMs : certificate.notAfterMs;
  const live = { socket, certificate, endsAtMs, endsWithCertificate: admission.kind !== 'renew-only' };
  if (options.live.add(certificateId, live, options.limits.connectionsPerCertificateMax)) return admission;
  const explanation = `the certificate has ${options.limits.connectionsPerCertificateMax} connections already (setting \`tlsLimits.connectionsPerCertificateMax\`)`;
  return { kind: 'refused', cause: 'limit', explanation, certificateId };
}

function notAdmitted(admission: Extract<Admission, { kind: 'anonymous' | 'renew-only' }>): Admission {
  if (admission.kind === 'anonymous')
    return { kind: 'refused', cause: 'tls_no_certificate', explanation: 'the peer presented no certificate' };
  const { explanation, certificateId } = admission;
  return { kind: 'refused', cause: 'certificate_expired', explanation, certificateId };
}

function recordHandshakeFailure(
  error: Error & { readonly code?: string; readonly reason?: string },
  socket: TLSSocket,
  options: GuardOptions,
): void {
  const remoteAddress = addressOf(socket);
  socket.destroy();
  const code = error.code ?? '';
  if (code === 'ECONNRESET') return; // a port scan or a peer that went away: nothing was decided
  const { cause, what } = handshakeFailure(code, error.reason ?? code);
  options.denials.record({ cause, explanation: `${options.listener}: ${what}`, remoteAddress });
}

function handshakeFailure(
  code: string,
  reason: string,
): { readonly cause: DenialCause; readonly what: string } {
  // What OpenSSL says of bytes that are no TLS record at all.
  if (/WRONG_VERSION_NUMBER/.test(code)) {
    const what = 'what the peer sent is not TLS; is it a proxy that is not in the setting `proxyAddresses`?';
    return { cause: 'tls_handshake', what };
  }
  if (/UNSUPPORTED_PROTOCOL|VERSION|INAPPROPRIATE_FALLBACK/.test(code))
    return { cause: 'tls_version', what: 'the peer offers no TLS version of 1.2 or above' };
  return { cause: 'tls_handshake', what: `the TLS handshake failed: ${reason}` };
}

function recordLimit(options: GuardOptions, remoteAddress: string | undefined, limit: string): void {
  const explanation = `${options.listener}: too many connections (setting \`tlsLimits.${limit}\`)`;
  options.denials.record({ cause: 'limit', explanation, remoteAddress: plainAddress(remoteAddress) });
}

/** The peer's address; IPv4 without its IPv6 mapping. */
export function addressOf(socket: Socket): string {
  return plainAddress(socket.remoteAddress);
}

/** Listens and tells the port that was taken. */
export async function listen(
  server: {
    listen(port: number, host: string, done: () => void): unknown;
    once(event: 'error', listener: (error: Error) => void): unknown;
    address(): AddressInfo | string | null;
  },
  at: { readonly host: string; readonly port: number },
): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at.port, at.host, resolve);
  });
  return (server.address() as AddressInfo).port;
}
