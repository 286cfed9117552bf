import { InvalidInputError, type JsonObject, parseStrictJson } from '@fleetward/core';
import { UpdatesError } from '../errors.ts';
import { isObject } from '../metadata/envelope.ts';

/** Bytes of an SBOM or an attestation at most. */
export const documentBytesMax = 16 * 1024 * 1024;
const depthMax = 64;
const valuesMax = 2_000_000;

/** A document's JSON object within bounds; throws `updates.record_invalid`. */
export function parseDocument(bytes: Uint8Array, what: string): JsonObject {
  try {
    const json = parseStrictJson(bytes, { bytesMax: documentBytesMax, depthMax, valuesMax });
    if (isObject(json)) return json;
  } catch (cause) {
    if (!(cause instanceof InvalidInputError)) throw cause;
    throw new UpdatesError('updates.record_invalid', `not ${what}: ${cause.message}`, { cause });
  }
  throw notOne(what, 'expected an object');
}

export function notOne(what: string, why: string): UpdatesError {
  return new UpdatesError('updates.record_invalid', `not ${what}: ${why}`);
}
