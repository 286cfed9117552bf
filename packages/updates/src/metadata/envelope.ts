import { fromHex, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { formatLimits } from '../limits.ts';

/** A metadata file taken apart, before the model sees it. */
export interface Envelope {
  readonly signed: JsonObject;
  /** By key id. */
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

/** Strict JSON within bounds, with the members that the model would otherwise fill in by default. */
export function parseEnvelope(bytes: Uint8Array, bytesMax: number): Envelope {
  const json = parseStrictJson(bytes, { bytesMax, depthMax: formatLimits.depthMax });
  if (!isObject(json)) throw invalid('expected an object');
  const { signed, signatures } = json;
  if (!isObject(signed) || !Array.isArray(signatures)) throw invalid('expected `signed` and `signatures`');
  if (signatures.length > formatLimits.signaturesMax) throw tooMany('signatures', formatLimits.signaturesMax);
  assertCounts(signed);
  return { signed, signatures: signaturesOf(signatures) };
}

function assertCounts(signed: JsonObject): void {
  const members = { root: ['keys', 'roles'], timestamp: ['meta'], snapshot: ['meta'], targets: ['targets'] };
  const kind = signed._type;
  if (kind !== 'root' && kind !== 'timestamp' && kind !== 'snapshot' && kind !== 'targets') {
    throw invalid('expected `signed._type` to be root, timestamp, snapshot or targets');
  }
  for (const member of members[kind]) assertCount(signed, member);
  const delegations = signed.delegations;
  if (isObject(delegations)) assertDelegationCounts(delegations);
}

function assertDelegationCounts(delegations: JsonObject): void {
  assertCount(delegations, 'keys');
  const { roles } = delegations;
  if (Array.isArray(roles) && roles.length > formatLimits.rolesMax)
    throw tooMany('roles', formatLimits.rolesMax);
}

function assertCount(container: JsonObject, member: string): void {
  const table = container[member];
  if (!isObject(table)) throw invalid(`expected an object at \`${member}\``);
  const max = maxima[member] ?? 0;
  if (Object.keys(table).length > max) throw tooMany(member, max);
}

const maxima: Readonly<Record<string, number>> = {
  keys: formatLimits.keysMax,
  roles: formatLimits.rolesMax,
  meta: formatLimits.metaFilesMax,
  targets: formatLimits.targetsMax,
};

/** TUF 4.2: one signature a key id; a file with two is refused rather than one of them picked. */
function signaturesOf(signatures: readonly Json[]): ReadonlyMap<string, Uint8Array> {
  const found = new Map<string, Uint8Array>();
  for (const entry of signatures) {
    const keyId = isObject(entry) ? entry.keyid : undefined;
    if (!isObject(entry) || typeof keyId !== 'string') throw invalid('expected a `keyid` in each signature');
    if (found.has(keyId)) throw invalid('multiple signatures of one key id');
    found.set(keyId, hexOrNothing(entry.sig));
  }
  return found;
}

/** A signature that is not hex (another tool's placeholder, say) is one that verifies with no key. */
function hexOrNothing(sig: Json | undefined): Uint8Array {
  const isHex = typeof sig === 'string' && sig.length <= 4096 && /^(?:[0-9a-fA-F]{2})*$/.test(sig);
  return isHex ? fromHex(sig) : new Uint8Array();
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooMany(what: string, max: number): UpdatesError {
  return invalid(`more than ${max} ${what}`);
}

/** The one failure of all metadata parsing. */
export function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.metadata_invalid', `not TUF metadata: ${message}`);
}
