import type { Socket } from 'node:net';
import type { CertificateId } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';

interface LiveSocket {
  readonly socket: Socket;
  readonly certificate: Certificate;
  /** When it, or what it rests on, is not valid any more. */
  readonly endsAtMs: number;
  /** False for one that was let in after the end, to renew. */
  readonly endsWithCertificate: boolean;
}

/** Every admitted TLS connection by its certificate, over all device listeners, so that revocation reaches each of them. */
export class LiveSockets {
  readonly #byCertificate = new Map<CertificateId, Set<LiveSocket>>();

  /** False when the certificate has `max` connections already; the socket is then not kept. */
  add(certificateId: CertificateId, live: LiveSocket, max: number): boolean {
    const sockets = this.#byCertificate.get(certificateId) ?? new Set();
    if (sockets.size >= max) return false;
    this.#byCertificate.set(certificateId, sockets.add(live));
    live.socket.on('close', () => this.#remove(certificateId, live));
    return true;
  }

  /** Destroys every connection of the certificate, at once: a peer that does not read must not delay it. */
  cut(certificateId: CertificateId): number {
    return destroy([...(this.#byCertificate.get(certificateId) ?? [])]);
  }

  /** Destroys those of the certificate's connections that may not outlive it. */
  cutExpired(certificateId: CertificateId): number {
    return destroy(endingWith(this.#byCertificate.get(certificateId)));
  }

  /** The certificates that ended before `nowMs`, and have connections which may not outlive them. */
  expired(nowMs: number): readonly CertificateId[] {
    const ended: CertificateId[] = [];
    for (const [certificateId, sockets] of this.#byCertificate) {
      const [any] = sockets;
      if (any !== undefined && any.endsAtMs < nowMs && endingWith(sockets).length > 0)
        ended.push(certificateId);
    }
    return ended;
  }

  /** Each certificate that is connected, once. */
  certificates(): readonly Certificate[] {
    return [...this.#byCertificate.values()]
      .flatMap((sockets) => [...sockets].slice(0, 1))
      .map(({ certificate }) => certificate);
  }

  count(): number {
    let count = 0;
    for (const sockets of this.#byCertificate.values()) count += sockets.size;
    return count;
  }

  #remove(certificateId: CertificateId, live: LiveSocket): void {
    const sockets = this.#byCertificate.get(certificateId);
    sockets?.delete(live);
    if (sockets?.size === 0) this.#byCertificate.delete(certificateId);
  }
}

function endingWith(sockets: Iterable<LiveSocket> = []): readonly LiveSocket[] {
  return [...sockets].filter(({ endsWithCertificate }) => endsWithCertificate);
}

function destroy(sockets: readonly LiveSocket[]): number {
  for (const { socket } of sockets) socket.destroy();
  return sockets.length;
}
