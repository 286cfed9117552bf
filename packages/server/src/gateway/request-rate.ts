import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '@fleetward/core';
import type { Denials } from '../denials/index.ts';
import { TokenBuckets } from '../token-buckets.ts';
import type { Admission } from './admission.ts';
import { addressOf } from './tls-listener.ts';

/**
 * Bounds the requests of one certificate over all its connections, or of one connection without a certificate. Returns the
 * seconds until the next may come, 0 when this one may; what is refused is recorded once a second.
 */
export function createRequestRate(options: {
  readonly clock: Clock;
  readonly perSecondMax: number;
  readonly denials: Denials;
  readonly admissionOf: (socket: TLSSocket) => Admission;
}): (socket: Socket) => number {
  const { clock, perSecondMax, denials, admissionOf } = options;
  const ofCertificates = new TokenBuckets({ clock, perSecondMax });
  const ofStrangers = new TokenBuckets({ clock, perSecondMax });
  return (socket) => {
    const admission = admissionOf(socket as TLSSocket);
    const remoteAddress = addressOf(socket);
    const certificate = 'certificate' in admission ? { certificateId: admission.certificateId } : {};
    const outcome =
      'certificate' in admission
        ? ofCertificates.take(admission.certificateId)
        : ofStrangers.take(`${remoteAddress} ${socket.remotePort}`);
    if (outcome.kind === 'taken') return 0;
    if (outcome.isFirst) {
      denials.record({
        cause: 'limit',
        explanation: 'devices: too many requests (setting `httpLimits.deviceRequestsPerSecondMax`)',
        remoteAddress,
        ...certificate,
      });
    }
    return outcome.retryAfterSeconds;
  };
}
