import {
  fromHex,
  InvalidInputError,
  type Json,
  type JsonObject,
  parseStrictJson,
  utf8,
} from '@fleetward/core';
import { canonicalize } from '@tufjs/canonical-json';
import {
  Metadata,
  MetadataKind,
  type Root,
  type Snapshot,
  type Targets,
  type Timestamp,
} from '@tufjs/models';
import { UpdatesError } from '../errors.ts';
import { formatLimits } from '../limits.ts';
import { assertRoot, assertSnapshot, assertTargets, assertTimestamp } from './shape.ts';

/** One metadata file as received: the model of its signed part, and the exact bytes its signatures are over. */
export interface SignedFile<Signed> {
  readonly bytes: Uint8Array;
  readonly signed: Signed;
  readonly canonical: Uint8Array;
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

type ModelJson = Parameters<typeof Metadata.fromJSON>[1];

/** Parses a root file (TUF 4.3): bounds and strict JSON first, then the model, then our own rules. Signatures are not checked. */
export function parseRoot(bytes: Uint8Array, bytesMax: number): SignedFile<Root> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Root, json);
    assertRoot(signed);
    return signed;
  });
}

/** Parses a timestamp file (TUF 4.6), as `parseRoot` does. */
export function parseTimestamp(bytes: Uint8Array, bytesMax: number): SignedFile<Timestamp> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Timestamp, json);
    assertTimestamp(signed);
    return signed;
  });
}

/** Parses a snapshot file (TUF 4.4), as `parseRoot` does. */
export function parseSnapshot(bytes: Uint8Array, bytesMax: number): SignedFile<Snapshot> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Snapshot, json);
    assertSnapshot(signed);
    return signed;
  });
}

/** Parses a targets file (TUF 4.5), top-level or delegated, as `parseRoot` does. */
export function parseTargets(bytes: Uint8Array, bytesMax: number): SignedFile<Targets> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Targets, json);
    assertTargets(signed);
    return signed;
  });
}

function parse<Signed>(
  bytes: Uint8Array,
  bytesMax: number,
  build: (json: ModelJson) => Signed,
): SignedFile<Signed> {
  try {
    const file = parseEnvelope(bytes, bytesMax);
    assertCounts(file.signed);
    return {
      bytes,
      // The model takes a mutable JSON type and does not change its input.
      signed: build(file.json as ModelJson),
      canonical: canonicalBytes(file.signed),
      signatures: signaturesOf(file.signatures),
    };
  } catch (cause) {
    if (cause instanceof UpdatesError) throw cause;
    // The model and the canonicaliser throw plain errors about their input, of several classes.
    const why = cause instanceof Error ? cause.message : 'unknown';
    throw new UpdatesError('updates.metadata_invalid', `not TUF metadata: ${why}`, {
      cause,
      ...(cause instanceof InvalidInputError ? { details: cause.details } : {}),
    });
  }
}

interface Envelope {
  readonly json: JsonObject;
  readonly signed: JsonObject;
  readonly signatures: readonly Json[];
}

function parseEnvelope(bytes: Uint8Array, bytesMax: number): Envelope {
  const json = parseStrictJson(bytes, { bytesMax, depthMax: formatLimits.depthMax });
  if (!isObject(json)) throw invalid('expected an object');
  const { signed, signatures } = json;
  if (!isObject(signed) || !Array.isArray(signatures)) throw invalid('expected `signed` and `signatures`');
  if (signatures.length > formatLimits.signaturesMax) throw tooMany('signatures', formatLimits.signaturesMax);
  return { json, signed, signatures };
}

/** What must be present or bounded before the model, which has defaults for what is absent, builds anything. */
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

function canonicalBytes(signed: JsonObject): Uint8Array {
  const text = canonicalize(signed);
  // Lone surrogates all encode to U+FFFD, so two different documents would have one signature.
  if (!text.isWellFormed()) throw invalid('the text is not well-formed Unicode');
  return utf8(text);
}

function signaturesOf(signatures: readonly Json[]): ReadonlyMap<string, Uint8Array> {
  return new Map(signatures.filter(isObject).map((entry) => [String(entry.keyid), hexOrNothing(entry.sig)]));
}

/** A signature that is not hex (another tool's placeholder, say) is one that verifies with no key. */
function hexOrNothing(sig: Json | undefined): Uint8Array {
  const isHex = typeof sig === 'string' && sig.length <= 4096 && /^(?:[0-9a-fA-F]{2})*$/.test(sig);
  return isHex ? fromHex(sig) : new Uint8Array();
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooMany(what: string, max: number): UpdatesError {
  return invalid(`more than ${max} ${what}`);
}

function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.metadata_invalid', `not TUF metadata: ${message}`);
}
