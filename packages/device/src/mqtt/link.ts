import { type ConnectionOptions, connect as connectTls, type TLSSocket } from 'node:tls';
import {
  type ConnackPacket,
  type ConnectPacket,
  encodePacket,
  isFailure,
  NO_PROPERTIES,
  type Packet,
  PacketReader,
  REASON,
  type ReasonCode,
} from '@fleetward/mqtt/codec';
import type { Loss } from './loss.ts';

export interface LinkOptions {
  readonly tls: ConnectionOptions;
  readonly connect: ConnectPacket;
  /** For TCP, TLS and CONNACK together. */
  readonly connectTimeoutMs: number;
  /** A larger packet ends the connection. */
  readonly packetBytesMax: number;
  /** More is not taken while the server does not read. */
  readonly sendBufferBytesMax: number;
  readonly opened: (connack: ConnackPacket) => void;
  /** Throws what the server may not send. */
  readonly received: (packet: Packet) => void;
  /** After `send` took something no more: it takes again. */
  readonly drained: () => void;
}

/** One connection, from its dial to its end. */
export interface Link {
  /** Why it ended; undefined where this side wanted it. Never rejects. */
  readonly ended: Promise<Loss | undefined>;
  /** False: too much waits to be written already, and this was not. */
  send(bytes: Buffer): boolean;
  /** Settled when the socket is gone, and with it what was to be written. */
  readonly closed: Promise<void>;
  /** Ends it at once, for this reason. */
  giveUp(loss: Loss): void;
  /** DISCONNECT, and the end. */
  end(properties?: { readonly sessionExpiryInterval?: number }): void;
}

/** After DISCONNECT the server closes; this is for one that does not. */
const endTimeoutMs = 2_000;

/** Dials, says CONNECT, and keeps the connection alive until one of the two ends it. */
export function dial(options: LinkOptions): Link {
  const ended = Promise.withResolvers<Loss | undefined>();
  const reader = new PacketReader({ packetBytesMax: options.packetBytesMax, version: 5 });
  const socket = connectTls(options.tls);
  let [isSecure, isOpen, isOver, wasHeard, wasSaid] = [false, false, false, false, false];
  let keepAlive: NodeJS.Timeout | undefined;
  const timeout = setTimeout(() => finish({ kind: 'silent' }), options.connectTimeoutMs);

  function finish(loss: Loss | undefined): void {
    over(loss);
    socket.destroy();
  }

  function over(loss: Loss | undefined): void {
    isOver = true;
    clearTimeout(timeout);
    clearInterval(keepAlive);
    ended.resolve(loss);
  }

  function send(bytes: Buffer): boolean {
    if (socket.writableLength > options.sendBufferBytesMax) return false;
    wasSaid = true;
    socket.write(bytes);
    return true;
  }

  function opened(connack: ConnackPacket): void {
    clearTimeout(timeout);
    isOpen = true;
    const seconds = connack.properties.serverKeepAlive ?? options.connect.keepAliveSeconds;
    // Twice in a keep-alive: what is not answered by the second tick is over before the server's one and a half.
    if (seconds > 0) keepAlive = setInterval(beat, (seconds * 1_000) / 2);
    options.opened(connack);
  }

  let isAsked = false;
  function beat(): void {
    if (isAsked && !wasHeard) {
      finish({ kind: 'silent' });
      return;
    }
    isAsked = !(wasHeard && wasSaid);
    if (isAsked) socket.write(encodePacket({ kind: 'pingreq' }, 5));
    wasHeard = false;
    wasSaid = false;
  }

  function take(packet: Packet): void {
    if (packet.kind === 'disconnect') finish({ kind: 'disconnected', ...reasonOf(packet) });
    else if (isOpen) options.received(packet);
    else if (packet.kind !== 'connack') throw new Error(`a ${packet.kind} packet comes before CONNACK`);
    else if (isFailure(packet.reasonCode)) finish({ kind: 'refused', ...reasonOf(packet) });
    else opened(packet);
  }

  socket.once('secureConnect', () => {
    isSecure = true;
    socket.write(encodePacket(options.connect, 5));
  });
  socket.on('data', (chunk) => {
    if (isOver) return;
    wasHeard = true;
    try {
      for (const packet of reader.read(chunk)) if (!isOver) take(packet);
    } catch (cause) {
      sayFault(socket, cause);
      finish({ kind: 'protocol', cause: cause instanceof Error ? cause : new Error(String(cause)) });
    }
  });
  socket.on('drain', () => {
    if (isOpen && !isOver) options.drained();
  });
  socket.once('error', (cause) => finish(lossOf(cause, { isSecure, isOpen })));
  const closed = Promise.withResolvers<void>();
  socket.once('close', () => {
    closed.resolve();
    finish(isSecure && !isOpen ? { kind: 'cut' } : { kind: 'broken' });
  });

  return {
    ended: ended.promise,
    closed: closed.promise,
    send,
    giveUp: finish,
    end(properties = NO_PROPERTIES) {
      over(undefined);
      if (!isOpen) {
        socket.destroy();
        return;
      }
      socket.end(encodePacket({ kind: 'disconnect', reasonCode: REASON.success, properties }, 5));
      // By the clock: a server that goes on sending does not hold the socket, and with it the process.
      const timer = setTimeout(() => socket.destroy(), endTimeoutMs);
      socket.once('close', () => clearTimeout(timer));
    },
  };
}

function reasonOf({
  reasonCode,
  properties: { reasonString },
}: Extract<Packet, { kind: 'connack' | 'disconnect' }>): {
  readonly reasonCode: ReasonCode;
  readonly reasonString?: string;
} {
  return { reasonCode, ...(reasonString !== undefined && { reasonString }) };
}

/** What this side may tell the server about its fault (MQTT5-4.13.1-1). */
function sayFault(socket: TLSSocket, cause: unknown): void {
  const isKnown = cause instanceof Error && 'reasonCode' in cause && typeof cause.reasonCode === 'number';
  const reasonCode = isKnown ? (cause.reasonCode as ReasonCode) : REASON.protocolError;
  socket.write(encodePacket({ kind: 'disconnect', reasonCode, properties: NO_PROPERTIES }, 5));
}

/** TLS alerts about a certificate, as OpenSSL names them (RFC 8446 §6.2). */
const certificateAlert =
  /ALERT_(BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_(REVOKED|EXPIRED|UNKNOWN|REQUIRED)|UNKNOWN_CA|ACCESS_DENIED)$/;

/**
 * In TLS 1.3 the handshake is over for the client before the server has looked at its certificate, so that the alert comes under keys
 * which only the server has. Before that, as always in TLS 1.2, anybody on the way can write one: it ends this attempt, not the device.
 */
function lossOf(
  cause: NodeJS.ErrnoException,
  { isSecure, isOpen }: { readonly isSecure: boolean; readonly isOpen: boolean },
): Loss {
  const alert = certificateAlert.exec(cause.code ?? '')?.[1];
  if (isSecure && alert !== undefined)
    return { kind: 'certificate-refused', alert: alert.toLowerCase().replaceAll('_', ' ') };
  if (isOpen) return { kind: 'broken', cause };
  return isSecure ? { kind: 'cut' } : { kind: 'unreachable', cause };
}
