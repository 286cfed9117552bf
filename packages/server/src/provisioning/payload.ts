import { InvalidInputError, type Json, type JsonObject, parseStrictJson, utf8 } from '@fleetward/core';
import { encodeCbor, parseCbor } from '@fleetward/protocol';
import { isObject } from './template/shapes.ts';

/** The forms of payloads, by the last level of the topic. */
export type PayloadForm = 'json' | 'cbor';

/** A request cannot be read; the message says why. */
export class Unreadable extends Error {}

const bytesMax = 65_536;
const depthMax = 4;
const parametersMax = 64;
const parameterLengthMax = 2_048;

export function encodePayload(value: JsonObject, form: PayloadForm): Uint8Array {
  return form === 'json' ? utf8(JSON.stringify(value)) : encodeCbor(value);
}

/** The CSR of a request for a certificate, PEM. Throws `Unreadable`. */
export function readCsrRequest(payload: Uint8Array, form: PayloadForm): string {
  const { certificateSigningRequest } = membersOf(payload, form);
  return textOf(certificateSigningRequest, 'certificateSigningRequest');
}

/** Throws `Unreadable`. */
export function readProvisionRequest(
  payload: Uint8Array,
  form: PayloadForm,
): { readonly ownershipToken: string; readonly parameters: ReadonlyMap<string, string> } {
  const { certificateOwnershipToken, parameters = {} } = membersOf(payload, form);
  return {
    ownershipToken: textOf(certificateOwnershipToken, 'certificateOwnershipToken'),
    parameters: parametersOf(parameters),
  };
}

/** A device that asks for a key says nothing, or an empty object. Throws `Unreadable`. */
export function readEmptyRequest(payload: Uint8Array, form: PayloadForm): void {
  if (payload.length > 0) membersOf(payload, form);
}

/** Members that nobody knows mean nothing: the SDKs of AWS send some, such as the template's name. */
function membersOf(payload: Uint8Array, form: PayloadForm): JsonObject {
  const value = parse(payload, form);
  if (!isObject(value)) throw new Unreadable('the payload is no object');
  return value;
}

function parse(payload: Uint8Array, form: PayloadForm): Json {
  const limits = { bytesMax, depthMax, valuesMax: 1_000 };
  try {
    return form === 'json' ? parseStrictJson(payload, limits) : parseCbor(payload, limits);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    throw new Unreadable(`the payload cannot be read as ${form}: ${error.message}`);
  }
}

function textOf(value: Json | undefined, name: string): string {
  if (typeof value !== 'string') throw new Unreadable(`\`${name}\` is no text`);
  return value;
}

/** Names that begin with `AWS::` are the platform's to give. */
function parametersOf(value: Json): ReadonlyMap<string, string> {
  if (!isObject(value)) throw new Unreadable('`parameters` is no object');
  const entries = Object.entries(value);
  if (entries.length > parametersMax) throw new Unreadable(`more than ${parametersMax} parameters`);
  const parameters = new Map<string, string>();
  for (const [name, text] of entries) {
    const shown = name.slice(0, 64);
    if (!/^[a-zA-Z0-9:_.-]{1,128}$/.test(name) || name.startsWith('AWS::'))
      throw new Unreadable(`\`${shown}\` is no name of a parameter that a device may give`);
    if (typeof text !== 'string' || text.length > parameterLengthMax || /\p{Cc}|\p{Cs}/u.test(text))
      throw new Unreadable(
        `parameter \`${shown}\` is no text of at most ${parameterLengthMax} characters without control characters`,
      );
    parameters.set(name, text);
  }
  return parameters;
}
