import type { TLSSocket } from 'node:tls';
import { toBase64 } from '@fleetward/core';
import type { ChannelBinding } from '../../enrollment/index.ts';

const exporterLabel = 'EXPORTER-Channel-Binding';
const exporterBytes = 32;

/**
 * What only the two ends of this TLS connection know: `tls-exporter` on TLS 1.3 (RFC 9266 §3), `tls-unique` on 1.2 (RFC 5929 §3: the
 * client's Finished of a full handshake). A resumed 1.2 session has none: without the extended master secret, which Node does not
 * tell of, another connection could have the same (RFC 7627 §1).
 */
export function channelBindingOf(socket: TLSSocket): ChannelBinding {
  if (socket.getProtocol() === 'TLSv1.3') {
    const value = socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0));
    return { kind: 'tls-exporter', value: toBase64(value) };
  }
  const finished = socket.isSessionReused() ? undefined : socket.getPeerFinished();
  return finished === undefined
    ? { kind: 'none', why: 'a resumed TLS 1.2 session has no value that is its alone; connect anew' }
    : { kind: 'tls-unique', value: toBase64(finished) };
}
