import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Admission } from './admission.ts';
import { addressOf } from './tls-listener.ts';

/** Where a stream of MQTT comes from, and who its peer is. */
export interface MqttSource {
  readonly admission: Admission;
  readonly remoteAddress: string;
  readonly tlsVersion: string;
  /** OpenSSL's name of it. */
  readonly cipher: string;
}

/** Takes over a stream whose peer will speak MQTT, and on which nothing was read yet. */
export type ServeMqtt = (stream: Duplex, source: MqttSource) => void;

export function sourceOf<Known extends Admission>(
  socket: TLSSocket,
  admission: Known,
): MqttSource & { readonly admission: Known } {
  const tlsVersion = socket.getProtocol() ?? 'unknown';
  // Nothing of a socket that is closed already, whatever its type says.
  const cipher = (socket.getCipher() as { readonly name: string } | undefined)?.name ?? 'unknown';
  return { admission, remoteAddress: addressOf(socket), tlsVersion, cipher };
}
