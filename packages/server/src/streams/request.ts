import { InvalidInputError, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { parseCbor } from '@fleetward/protocol';

/** The forms of payloads, by the last level of the topic. */
export type StreamForm = 'json' | 'cbor';

/** AWS IoT's words for what is wrong with a request. */
export type StreamErrorCode =
  | 'InvalidTopic'
  | 'InvalidJson'
  | 'InvalidCbor'
  | 'InvalidRequest'
  | 'BlockSizeOutOfBounds'
  | 'OffsetOutOfBounds'
  | 'BlockCountLimitExceeded'
  | 'BlockBitmapLimitExceeded'
  | 'ResourceNotFound'
  | 'VersionMismatch'
  | 'RequestThrottled'
  | 'InternalError';

/** A device does not get what it asks for; with its client token where that could be read. */
export class StreamRefusal extends Error {
  readonly code: StreamErrorCode;
  readonly clientToken: string | undefined;

  constructor(code: StreamErrorCode, message: string, clientToken?: string) {
    super(message);
    this.code = code;
    this.clientToken = clientToken;
  }
}

/** Which blocks of which file. */
export interface GetRequest {
  readonly clientToken: string | undefined;
  readonly version: number | undefined;
  readonly fileId: number;
  readonly blockBytes: number;
  readonly offset: number;
  readonly count: number | undefined;
  /** Bit `i` stands for block `offset + i`, the least significant of a byte first. */
  readonly bitmap: Uint8Array | undefined;
}

/** A request with a bitmap of all blocks that one may name. */
export const requestBytesMax = 65_536;
const blockBytesMin = 256;
/** Of one block, and of all blocks that one request brings: a device asks again for what is left, as with AWS IoT. */
export const blockBytesMax = 131_072;
const countMax = 98_304;
/** In UTF-8, as with AWS IoT: it is in the answer for each block, so a long one would make thousandfold of what was sent. */
const clientTokenBytesMax = 64;

/** The client token of a request that says nothing else. Throws `StreamRefusal`. */
export function readDescribe(payload: Uint8Array, form: StreamForm): string | undefined {
  return tokenOf(membersOf(payload, form));
}

/** Throws `StreamRefusal`. */
export function readGet(payload: Uint8Array, form: StreamForm): GetRequest {
  const members = membersOf(payload, form);
  const clientToken = tokenOf(members);
  const refuse = (code: StreamErrorCode, message: string) => new StreamRefusal(code, message, clientToken);
  const whole = (name: string, least: number): number | undefined => {
    const value = members[name];
    if (value === undefined) return undefined;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value;
    throw refuse('InvalidRequest', `${name} is no whole number from ${least} on`);
  };
  const fileId = whole('f', 0);
  const blockBytes = whole('l', 0);
  if (fileId === undefined || blockBytes === undefined)
    throw refuse('InvalidRequest', 'f, the file, and l, the size of its blocks, are needed');
  if (blockBytes < blockBytesMin || blockBytes > blockBytesMax)
    throw refuse('BlockSizeOutOfBounds', `l is from ${blockBytesMin} to ${blockBytesMax}`);
  const count = whole('n', 1);
  if (count !== undefined && count > countMax)
    throw refuse('BlockCountLimitExceeded', `n is at most ${countMax}`);
  const bitmap = bitmapOf(members.b, refuse);
  return {
    clientToken,
    version: whole('s', 0),
    fileId,
    blockBytes,
    offset: whole('o', 0) ?? 0,
    count,
    bitmap,
  };
}

function bitmapOf(
  value: Json | undefined,
  refuse: (code: StreamErrorCode, message: string) => StreamRefusal,
): Uint8Array | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || !/^(?:[0-9a-fA-F]{2})+$/.test(value))
    throw refuse('InvalidRequest', 'b is no bitmap: bytes in CBOR, hex digits in JSON');
  if (value.length / 2 > countMax / 8)
    throw refuse('BlockBitmapLimitExceeded', `b has at most ${countMax} bits`);
  return Buffer.from(value, 'hex');
}

/** The blocks that a request names of a file of so many, in their order and as many as one request brings. */
export function blocksOf(
  { offset, count, bitmap, blockBytes }: Omit<GetRequest, 'clientToken' | 'version' | 'fileId'>,
  blocks: number,
): readonly number[] {
  const wanted: number[] = [];
  const most = Math.min(count ?? countMax, Math.floor(blockBytesMax / blockBytes));
  const end = bitmap === undefined ? blocks : Math.min(blocks, offset + 8 * bitmap.length);
  for (let bit = 0; offset + bit < end && wanted.length < most; bit++) {
    const byte = bitmap?.[bit >> 3] ?? 0xff;
    // On to the last bit of a byte that names nothing: most of a long bitmap may be such.
    if (byte === 0) bit |= 7;
    else if ((byte >> (bit & 7)) & 1) wanted.push(offset + bit);
  }
  return wanted;
}

function membersOf(payload: Uint8Array, form: StreamForm): JsonObject {
  const value = payload.length === 0 ? {} : parse(payload, form);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw new StreamRefusal('InvalidRequest', 'the payload is no object');
}

function parse(payload: Uint8Array, form: StreamForm): Json {
  const limits = { bytesMax: requestBytesMax, depthMax: 2, valuesMax: 32 };
  try {
    // A bitmap is the same in both: hex digits.
    return form === 'json'
      ? parseStrictJson(payload, limits)
      : parseCbor(payload, { ...limits, bytesAs: 'hex' });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new StreamRefusal(form === 'json' ? 'InvalidJson' : 'InvalidCbor', error.message);
  }
}

function tokenOf({ c }: JsonObject): string | undefined {
  if (c === undefined) return undefined;
  if (typeof c === 'string' && Buffer.byteLength(c) <= clientTokenBytesMax) return c;
  throw new StreamRefusal(
    'InvalidRequest',
    `c, the client token, is no text of at most ${clientTokenBytesMax} bytes`,
  );
}
