import { InvalidInputError, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import type { RejectedCode, ToldStatus } from './decide.ts';

/** A request cannot be read: why, and its client token where that can be. */
export class Unreadable extends Error {
  readonly code: Extract<RejectedCode, 'InvalidJson' | 'InvalidRequest'>;
  readonly clientToken: string | undefined;

  constructor(message: string, code: Unreadable['code'], clientToken?: string) {
    super(message);
    this.code = code;
    this.clientToken = clientToken;
  }
}

export interface PayloadLimits {
  /** Pairs of `statusDetails`. */
  readonly statusDetailsMax: number;
}

/** What a device may say with any request of jobs; each request looks at what concerns it. */
export interface JobRequest {
  readonly clientToken?: string | undefined;
  readonly status?: ToldStatus | undefined;
  readonly statusDetails?: Readonly<Record<string, string>> | undefined;
  readonly stepTimeoutMinutes?: number | undefined;
  readonly expectedVersion?: number | undefined;
  readonly executionNumber?: number | undefined;
  readonly includeJobExecutionState: boolean;
  readonly includeJobDocument?: boolean | undefined;
}

/** What AWS IoT takes at most in one message. */
export const payloadBytesMax = 131_072;
const stepTimeoutMinutesMax = 10_080;
const toldStatuses: readonly string[] = [
  'IN_PROGRESS',
  'FAILED',
  'SUCCEEDED',
  'REJECTED',
] satisfies ToldStatus[];

/** Reads the payload of a request; one without any is an empty object. Throws `Unreadable`. Members that nobody knows mean nothing. */
export function readJobRequest(payload: Uint8Array, limits: PayloadLimits): JobRequest {
  const members = payload.length === 0 ? {} : membersOf(payload);
  return requestOf(members, limits);
}

/** As `readJobRequest`, from members that were read already. */
function requestOf(members: JsonObject, limits: PayloadLimits): JobRequest {
  const { clientToken } = members;
  const token = typeof clientToken === 'string' ? clientToken : undefined;
  const wrong = (what: string) => new Unreadable(what, 'InvalidRequest', token);
  if (isGiven(clientToken) && token === undefined) throw wrong('clientToken is no text');
  const whole = (name: string, [least, most]: readonly [number, number]) => {
    const value = members[name];
    if (!isGiven(value)) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most)
      return value;
    throw wrong(`${name} is no whole number from ${least} to ${most}`);
  };
  const flag = (name: string) => {
    const value = members[name];
    if (!isGiven(value)) return undefined;
    if (typeof value === 'boolean') return value;
    throw wrong(`${name} is neither true nor false`);
  };
  const stepTimeoutMinutes = whole('stepTimeoutInMinutes', [-1, stepTimeoutMinutesMax]);
  if (stepTimeoutMinutes === 0) throw wrong('stepTimeoutInMinutes is -1, or from 1 on');
  return {
    clientToken: token,
    status: statusOf(members.status, wrong),
    statusDetails: detailsOf(members.statusDetails, { wrong, limits }),
    stepTimeoutMinutes,
    expectedVersion: whole('expectedVersion', [0, Number.MAX_SAFE_INTEGER]),
    executionNumber: whole('executionNumber', [0, Number.MAX_SAFE_INTEGER]),
    includeJobExecutionState: flag('includeJobExecutionState') ?? false,
    includeJobDocument: flag('includeJobDocument'),
  };
}

function membersOf(payload: Uint8Array): JsonObject {
  const value = parse(payload);
  if (isObject(value)) return value;
  throw new Unreadable('the payload is no JSON object', 'InvalidRequest');
}

function parse(payload: Uint8Array): Json {
  try {
    return parseStrictJson(payload, { bytesMax: payloadBytesMax, depthMax: 4, valuesMax: 1_000 });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new Unreadable(`the payload cannot be read as JSON: ${error.message}`, 'InvalidJson');
  }
}

type Wrong = (what: string) => Unreadable;

function statusOf(value: Json | undefined, wrong: Wrong): ToldStatus | undefined {
  if (!isGiven(value)) return undefined;
  if (typeof value === 'string' && toldStatuses.includes(value)) return value as ToldStatus;
  throw wrong(`status is none of ${toldStatuses.join(', ')}`);
}

function detailsOf(
  value: Json | undefined,
  { wrong, limits }: { readonly wrong: Wrong; readonly limits: PayloadLimits },
): Readonly<Record<string, string>> | undefined {
  if (!isGiven(value)) return undefined;
  if (!isObject(value)) throw wrong('statusDetails is no object');
  const entries = Object.entries(value);
  if (entries.length > limits.statusDetailsMax)
    throw wrong(`statusDetails has more than ${limits.statusDetailsMax} pairs`);
  for (const [name, text] of entries) {
    if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(name))
      throw wrong('statusDetails has a name outside [a-zA-Z0-9:_-]{1,128}');
    if (typeof text !== 'string' || !/^\P{C}{1,1024}$/u.test(text))
      throw wrong(`statusDetails.${name} is no text of 1 to 1024 characters without control characters`);
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Clients that leave a member out may send `null`. */
function isGiven(value: Json | undefined): value is Exclude<Json, null> {
  return value !== undefined && value !== null;
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
