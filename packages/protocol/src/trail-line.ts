import { canonicalJson, InvalidInputError, parseStrictJson } from '@fleetward/core';
import { type TrailLine, trailPayloadBytesMax } from './trail.ts';

/** A line of an export has at most this many bytes: a payload of which every byte is escaped, and the rest. */
export const trailLineBytesMax = 7 * trailPayloadBytesMax;

/** The one text of a line, without its line feed: canonical JSON, so that no byte of an export can change unnoticed. */
export function formatTrailLine(line: TrailLine): string {
  return canonicalJson(line);
}

/** Parses what `formatTrailLine` writes and nothing else; throws `InvalidInputError`. */
export function parseTrailLine(text: string): TrailLine {
  const line = parseStrictJson(text, { bytesMax: trailLineBytesMax, depthMax: 2 });
  assertTrailLine(line);
  if (canonicalJson(line) !== text) throw malformed('it is not canonical JSON');
  return line;
}

/** Checks the shape of a line that came as a value: known members only, each of its type and within its size. */
export function assertTrailLine(line: unknown): asserts line is TrailLine {
  const members = membersOf(line, 'the line');
  if (members.type === 'checkpoint') {
    assertMembers(members, { type: isText, checkpoint: isAny }, 'the line');
    assertTrailCheckpoint(members.checkpoint);
    return;
  }
  if (members.type !== 'entry') throw malformed('`type` is neither `entry` nor `checkpoint`');
  const erased = !('salt' in members) && !('payload' in members);
  const kept = erased ? {} : { salt: isSalt, payload: isPayload };
  assertMembers(members, { type: isText, entry: isAny, ...kept }, 'the line');
  assertMembers(membersOf(members.entry, '`entry`'), entryMembers, '`entry`');
}

/** Checks the shape of a checkpoint; its signature is not verified. */
export function assertTrailCheckpoint(checkpoint: unknown): void {
  assertMembers(membersOf(checkpoint, '`checkpoint`'), checkpointMembers, '`checkpoint`');
}

type Check = (value: unknown) => boolean;
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value);

const isAny: Check = () => true;
const isText: Check = (value) => typeof value === 'string';
const isNode = matching(/^[A-Za-z0-9._-]{1,128}$/);
const isHash = matching(/^[0-9a-f]{64}$/);
const isSalt = matching(/^[0-9a-f]{32}$/);
/** 64 bytes; the last digit before the padding carries two bits, so only four digits are canonical. */
const isSignature = matching(/^[A-Za-z0-9+/]{85}[AQgw]==$/);
const isTime: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 0;
const isSeq: Check = (value) => Number.isSafeInteger(value) && Number(value) >= 1;
const isPayload: Check = (value) =>
  typeof value === 'string' && value.isWellFormed() && Buffer.byteLength(value) <= trailPayloadBytesMax;

const entryMembers = {
  at: isTime,
  kind: matching(/^[a-z][a-z0-9_.]{0,63}$/),
  node: isNode,
  payloadHash: isHash,
  prev: isHash,
  seq: isSeq,
};

const checkpointMembers = { at: isTime, hash: isHash, node: isNode, seq: isSeq, signature: isSignature };

function membersOf(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(`${what} is not an object`);
  return { ...value };
}

function assertMembers(
  members: Readonly<Record<string, unknown>>,
  expected: Readonly<Record<string, Check>>,
  what: string,
): void {
  for (const name of Object.keys(members)) {
    if (!Object.hasOwn(expected, name))
      throw malformed(`${what} has the unknown member \`${name.slice(0, 32)}\``);
  }
  for (const [name, check] of Object.entries(expected)) {
    if (!check(members[name])) throw malformed(`\`${name}\` of ${what} is missing or not what it must be`);
  }
}

function malformed(reason: string): InvalidInputError {
  return new InvalidInputError('core.invalid_json', `not a line of a trail: ${reason}`);
}
