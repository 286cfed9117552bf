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
  MetaFile,
  type Root,
  type Snapshot,
  TargetFile,
  type Targets,
  type Timestamp,
  ValueError,
} from '@tufjs/models';
import { UpdatesError } from '../errors.ts';
import { formatLimits } from '../limits.ts';
import { assertRoot, assertSnapshot, assertTargets, assertTimestamp } from './shape.ts';

/** One metadata file as received: the model of its signed part, and the exact bytes its signatures are over. */
export interface SignedFile<Signed> {
  readonly bytes: Uint8Array;
  readonly signed: Signed;
  /** The signed part as it was read, with every member the model does not know. */
  readonly json: JsonObject;
  readonly canonical: Uint8Array;
  readonly signatures: ReadonlyMap<string, Uint8Array>;
}

type ModelJson = Parameters<typeof Metadata.fromJSON>[1];

/** Parses a root file (TUF 4.3): bounds and strict JSON first, then the model, then our own rules. Signatures are not checked. */
export function parseRoot(bytes: Uint8Array, bytesMax: number): SignedFile<Root> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Root, modelJson(json));
    assertRoot(signed);
    return signed;
  });
}

/** Parses a timestamp file (TUF 4.6), as `parseRoot` does. */
export function parseTimestamp(bytes: Uint8Array, bytesMax: number): SignedFile<Timestamp> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Timestamp, modelJson(json));
    assertTimestamp(signed);
    return signed;
  });
}

/** Parses a snapshot file (TUF 4.4), as `parseRoot` does. */
export function parseSnapshot(bytes: Uint8Array, bytesMax: number): SignedFile<Snapshot> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Snapshot, modelJson({ ...json, meta: {} }));
    for (const [name, file] of entriesOf(json.meta)) signed.meta[name] = MetaFile.fromJSON(file);
    assertSnapshot(signed);
    return signed;
  });
}

/** Parses a targets file (TUF 4.5), top-level or delegated, as `parseRoot` does. */
export function parseTargets(bytes: Uint8Array, bytesMax: number): SignedFile<Targets> {
  return parse(bytes, bytesMax, (json) => {
    const { signed } = Metadata.fromJSON(MetadataKind.Targets, modelJson({ ...json, targets: {} }));
    for (const [path, file] of entriesOf(json.targets)) signed.addTarget(TargetFile.fromJSON(path, file));
    assertTargets(signed);
    return signed;
  });
}

/** The model copies a table for each entry it adds; tables that can be long are filled here instead. */
function entriesOf(table: Json | undefined): readonly (readonly [string, ModelJson])[] {
  if (!isObject(table)) return [];
  return Object.entries(table).map(([name, entry]) => {
    if (!isObject(entry)) throw invalid(`expected an object at \`${name}\``);
    return [name, asModelJson(entry)];
  });
}

/** Signatures are counted from the file itself; the model only sees what they sign. */
function modelJson(signed: JsonObject): ModelJson {
  return { signed: asModelJson(signed), signatures: [] };
}

/** The model's type is mutable; it does not change its input. */
function asModelJson(json: JsonObject): ModelJson {
  return json as ModelJson;
}

function parse<Signed>(
  bytes: Uint8Array,
  bytesMax: number,
  build: (json: JsonObject) => Signed,
): SignedFile<Signed> {
  try {
    const file = parseEnvelope(bytes, bytesMax);
    assertCounts(file.signed);
    return {
      bytes,
      signed: build(file.signed),
      json: file.signed,
      canonical: canonicalBytes(file.signed),
      signatures: signaturesOf(file.signatures),
    };
  } catch (cause) {
    throw refusalOf(cause);
  }
}

/** The model and the canonicaliser speak in these two classes about their input; anything else is our own mistake. */
function refusalOf(cause: unknown): unknown {
  const isAboutInput =
    cause instanceof InvalidInputError || cause instanceof ValueError || cause instanceof TypeError;
  if (!isAboutInput) return cause;
  const details = cause instanceof InvalidInputError ? { details: cause.details } : {};
  return new UpdatesError('updates.metadata_invalid', `not TUF metadata: ${cause.message}`, {
    cause,
    ...details,
  });
}

interface Envelope {
  readonly signed: JsonObject;
  readonly signatures: readonly Json[];
}

function parseEnvelope(bytes: Uint8Array, bytesMax: number): Envelope {
  const json = parseStrictJson(bytes, { bytesMax, depthMax: formatLimits.depthMax });
  if (!isObject(json)) throw invalid('expected an object');
  const { signed, signatures } = json;
  if (!isObject(signed) || !Array.isArray(signatures)) throw invalid('expected `signed` and `signatures`');
  if (signatures.length > formatLimits.signaturesMax) throw tooMany('signatures', formatLimits.signaturesMax);
  return { signed, signatures };
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

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function tooMany(what: string, max: number): UpdatesError {
  return invalid(`more than ${max} ${what}`);
}

function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.metadata_invalid', `not TUF metadata: ${message}`);
}
