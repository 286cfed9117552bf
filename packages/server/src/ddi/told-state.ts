import type { JsonObject } from '@fleetward/core';
import type { PublishedRelease } from '../releases/index.ts';
import { isObject } from './read-object.ts';

/** What is known of a device that speaks DDI, beside what every device reports. It is kept in the device's report. */
export interface DdiState {
  /** From `configData`; none: it was never sent. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Whether it should send it again, as it may be another version by now. */
  readonly isAskedAgain: boolean;
  /** Whether what is offered waits for the device's confirmation. */
  readonly needsConfirmation: boolean;
  /** The last action that it was given, that it confirmed, that it ended, and that it ended well. */
  readonly givenId?: number;
  readonly confirmedId?: number;
  readonly endedId?: number;
  readonly installedId?: number;
}

export function stateOf(report: JsonObject | undefined): DdiState {
  const told = isObject(report?.ddi) ? report.ddi : {};
  const { attributes } = told;
  return {
    ...(isObject(attributes) ? { attributes: attributes as Readonly<Record<string, string>> } : {}), // as `withState` wrote it
    isAskedAgain: told.isAskedAgain === true,
    needsConfirmation: told.needsConfirmation === true,
    ...numberAt(told, 'givenId'),
    ...numberAt(told, 'confirmedId'),
    ...numberAt(told, 'endedId'),
    ...numberAt(told, 'installedId'),
  };
}

function numberAt<Name extends string>(of: JsonObject, name: Name): Partial<Readonly<Record<Name, number>>> {
  const value = of[name];
  return (typeof value === 'number' ? { [name]: value } : {}) as Partial<Readonly<Record<Name, number>>>;
}

export function withState(report: JsonObject | undefined, state: DdiState): JsonObject {
  return { protocol: 'ddi', ...report, ddi: { ...state } };
}

/** What the platform reads out of attributes: what the device is, and what it runs where that has changed since it last said. */
export function withAttributes(
  report: JsonObject | undefined,
  attributes: Readonly<Record<string, string>>,
): JsonObject {
  const before = stateOf(report).attributes ?? {};
  const { product, hardware, version } = attributes;
  const model = product === undefined || hardware === undefined ? {} : { model: { product, hardware } };
  // A file that nobody renews says the old version for ever: it would be offered the same again and again.
  const isNew = version !== undefined && version !== before.version;
  const state = { ...stateOf(report), attributes, isAskedAgain: false };
  return withState(
    { ...report, ...model, ...(isNew ? { installed: installedBy(attributes, version) } : {}) },
    state,
  );
}

function installedBy(
  { securityVersion = '', sha256 = '' }: Readonly<Record<string, string>>,
  version: string,
): JsonObject {
  return {
    version,
    securityVersion: /^[0-9]{1,9}$/.test(securityVersion) ? Number(securityVersion) : 0,
    ...(/^[0-9a-f]{64}$/.test(sha256) ? { sha256 } : {}),
  };
}

/** A release as what the device runs now. */
export function withInstalled(
  report: JsonObject | undefined,
  { release, sha256 }: Pick<PublishedRelease, 'release' | 'sha256'>,
): JsonObject {
  const { version, securityVersion } = release;
  return { ...report, installed: { version, securityVersion, sha256 } };
}
