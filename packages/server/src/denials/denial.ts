import type { CertificateId, ThingName } from '@fleetward/core';
import type { StatementRef } from '@fleetward/policy';
import type { DenialCause } from '@fleetward/protocol';

/** One refusal, as the place that refused tells it. */
export interface DenialReport {
  readonly cause: DenialCause;
  readonly certificateId?: CertificateId;
  readonly thingName?: ThingName;
  readonly clientId?: string;
  readonly remoteAddress: string;
  /** `iot:Publish`, … */
  readonly action?: string;
  /** Topic, filter, client id or path. */
  readonly resource?: string;
  readonly explanation: string;
  /** The statement that decided, or came nearest. */
  readonly statement?: StatementRef;
  /** What the policies said: a statement denies it, or none allows it. */
  readonly decision?: 'explicitDeny' | 'implicitDeny';
}

export interface Denial extends DenialReport {
  /** 1, 2, 3, … since the process started. */
  readonly seq: number;
  readonly atMs: number;
}

export interface DenialFilter {
  readonly thingName?: ThingName;
  /** What is known of a peer before it is a thing: refusals of these, where no thing is named, count as the thing's. */
  readonly thingCertificateIds?: readonly CertificateId[];
  readonly certificateId?: CertificateId;
  readonly cause?: DenialCause;
  readonly sinceMs?: number;
  /** Only denials after this one. */
  readonly afterSeq?: number;
  readonly limit: number;
}
