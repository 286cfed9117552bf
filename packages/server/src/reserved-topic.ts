import type { CertificateId } from '@fleetward/core';

/** What a device published to the platform itself; its policy allowed it. */
export interface ReservedRequest {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly certificateId: CertificateId;
  readonly clientId: string;
  readonly remoteAddress: string;
}

/** What the asker, and nobody else, is told on `TOPIC/accepted` or `TOPIC/rejected`. */
export interface ReservedAnswer {
  readonly kind: 'accepted' | 'rejected';
  readonly payload: Uint8Array;
}

/** Why a request was not handed to its service, or did not come back from it. */
export type ReservedFault = 'throttled' | 'failed';

/** A service of the platform on reserved topics; the gateway routes to it, the domain owns it. */
export interface ReservedTopic {
  /** The topics it answers on, as a topic filter. */
  readonly filter: string;
  /** Refusals are answers; a throw is a fault of the platform. What is accepted is durable. */
  answer(request: ReservedRequest): Promise<ReservedAnswer>;
  rejected(request: ReservedRequest, fault: ReservedFault): ReservedAnswer;
}
