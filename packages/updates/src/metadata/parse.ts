import { InvalidInputError, type Json, type JsonObject, utf8 } from '@fleetward/core';
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
import { invalid, isObject, parseEnvelope } from './envelope.ts';
import { furtherRolesOf } from './further-roles.ts';
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
    furtherRolesOf(json);
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
    return {
      bytes,
      signed: build(file.signed),
      json: file.signed,
      canonical: canonicalBytes(file.signed),
      signatures: file.signatures,
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

function canonicalBytes(signed: JsonObject): Uint8Array {
  const text = canonicalize(signed);
  // Lone surrogates all encode to U+FFFD, so two different documents would have one signature.
  if (!text.isWellFormed()) throw invalid('the text is not well-formed Unicode');
  return utf8(text);
}
