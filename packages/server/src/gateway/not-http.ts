import type { Server } from 'node:https';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import type { Denials } from '../denials/index.ts';
import type { Admission } from './admission.ts';
import { addressOf } from './tls-listener.ts';

/** The first byte of an MQTT CONNECT. */
const mqttConnect = 0x10;

const noAlpn =
  'MQTT without ALPN: this port speaks HTTPS to who names no protocol; have the device offer `mqtt` by ALPN, or connect to the listener `mqtt`';

/** Tells the operator of peers that speak HTTPS' TLS and then something else; the HTTP server answers and ends them. */
export function recordWhatIsNotHttp(
  server: Server,
  options: { readonly denials: Denials; readonly admissionOf: (socket: TLSSocket) => Admission },
): void {
  server.on('clientError', (error: Error & { code?: string; rawPacket?: Uint8Array }, stream: Duplex) => {
    if (error.code?.startsWith('HPE_') !== true) return; // a reset or a timeout
    const socket = stream as TLSSocket; // of an HTTPS server
    const admission = options.admissionOf(socket);
    const isMqtt = error.rawPacket?.[0] === mqttConnect;
    options.denials.record({
      cause: 'protocol_error',
      explanation: `devices: ${isMqtt ? noAlpn : `what came is not HTTP: ${error.message}`}`,
      remoteAddress: addressOf(socket),
      ...('certificateId' in admission ? { certificateId: admission.certificateId } : {}),
    });
  });
}
