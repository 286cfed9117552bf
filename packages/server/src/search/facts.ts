import type { JsonObject, ThingName } from '@fleetward/core';
import type { PresenceState } from '../presence/index.ts';

/** What the registries know of a thing. */
export interface ThingFacts {
  readonly name: ThingName;
  readonly typeName?: string | undefined;
  readonly attributes: Readonly<Record<string, string>>;
  readonly tags: Readonly<Record<string, string>>;
  readonly state: string;
  readonly createdAtMs: number;
  /** The groups the thing itself is in. */
  readonly groupNames: readonly string[];
  /** The certificate that speaks for it: its newest active one, or else its newest. */
  readonly certificate?: CertificateFacts | undefined;
}

export interface CertificateFacts {
  readonly state: 'PENDING_ACTIVATION' | 'ACTIVE' | 'INACTIVE' | 'REVOKED';
  readonly notAfterMs: number;
  readonly issuedAtMs: number;
}

/** What its device last reported of itself, as far as it can be searched for. */
export interface ReportFacts {
  readonly receivedAtMs: number;
  readonly firmware?: string | undefined;
  readonly product?: string | undefined;
  readonly hardware?: string | undefined;
  readonly agent?: string | undefined;
  readonly update?: string | undefined;
  readonly battery?: number | undefined;
}

/** What has changed of its connections; what is not there is as it was. `atMs`: when it came or went. */
export interface PresenceFacts {
  readonly isConnected: boolean;
  readonly atMs?: number | undefined;
  readonly tlsVersion?: string | undefined;
  readonly cipher?: string | undefined;
  readonly disconnectReason?: string | undefined;
  readonly flappingUntilMs?: number | undefined;
}

export function presenceFacts({
  isConnected,
  atMs,
  visit,
  lastEnd,
  flappingUntilMs,
}: PresenceState): PresenceFacts {
  return {
    isConnected,
    atMs,
    tlsVersion: visit?.tlsVersion,
    cipher: visit?.cipher,
    disconnectReason: lastEnd?.reason,
    flappingUntilMs,
  };
}

/** A report is data of a device: what has not the shape is not there. */
export function reportFacts(report: JsonObject, receivedAtMs: number): ReportFacts {
  const { installed, model, agent, update, batteryPercent } = report;
  return {
    receivedAtMs,
    firmware: textIn(installed, 'version'),
    product: textIn(model, 'product'),
    hardware: textIn(model, 'hardware'),
    agent: textIn(agent, 'version'),
    update: textIn(update, 'outcome'),
    battery: typeof batteryPercent === 'number' ? batteryPercent : undefined,
  };
}

function textIn(value: unknown, name: string): string | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const member = (value as Readonly<Record<string, unknown>>)[name];
  return typeof member === 'string' ? member : undefined;
}

/** The newest of those that are active, or else the newest. */
export function speakingCertificate(certificates: readonly CertificateFacts[]): CertificateFacts | undefined {
  const rank = ({ state }: CertificateFacts) => (state === 'ACTIVE' ? 1 : 0);
  return certificates.toSorted((a, b) => rank(b) - rank(a) || b.issuedAtMs - a.issuedAtMs)[0];
}
