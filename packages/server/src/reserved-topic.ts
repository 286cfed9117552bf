import type { CertificateId } from '@fleetward/core';

/** What a device published to the platform itself; its policy allowed it. */
export interface ReservedRequest {
  readonly topic: string;
  readonly payload: Uint8Array;
  readonly certificateId: CertificateId;
  readonly clientId: string;
  readonly remoteAddress: string;
}

/** What is told on `TOPIC/accepted` or `TOPIC/rejected`. */
export interface ReservedAnswer {
  readonly kind: 'accepted' | 'rejected';
  readonly payload: Uint8Array;
  /** Where it is told instead. */
  readonly topic?: string;
}

/** Why a request was not handed to its service, or did not come back from it. */
export type ReservedFault = 'throttled' | 'failed' | 'too-large';

/**
 * Who is told an answer, if they may receive it. `asker`: the connection that asked, subscribed or not; `subscribed-asker`: only if it
 * is subscribed; `subscribers`: whoever is, as with every other message.
 */
export type AnswersTo = 'asker' | 'subscribed-asker' | 'subscribers';

/** A service of the platform on reserved topics; the gateway routes to it, the domain owns it. */
export interface ReservedTopic {
  /** The domain. What one connection may have under way is bounded for each of them. */
  readonly service: string;
  /** The topics it answers on, as a topic filter. */
  readonly filter: string;
  readonly answersTo: AnswersTo;
  /** A longer one is rejected before anything of it is kept; without it the service itself looks. */
  readonly payloadBytesMax?: number;
  /** Refusals are answers; a throw is a fault of the platform. What is accepted is durable. Undefined: the domain has published its answer. */
  answer(request: ReservedRequest): Promise<ReservedAnswer | readonly ReservedAnswer[] | undefined>;
  rejected(request: ReservedRequest, fault: ReservedFault): ReservedAnswer;
}

/** What the platform says to whoever is subscribed and may receive it, through every gateway: with QoS 1, kept for whom it is kept. */
export interface PlatformMessage {
  readonly topic: string;
  readonly payload: Uint8Array;
}

/** The domain event by which what a domain has to say reaches the gateway. */
export interface PlatformSpoke {
  readonly kind: 'platform-spoke';
  readonly messages: readonly PlatformMessage[];
}
