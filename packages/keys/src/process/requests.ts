import type { JsonObject } from '@fleetward/core';
import { isSignerAlgorithm } from '../algorithms.ts';
import type { HsmSettings } from '../hsm/token.ts';
import type { KeySpec, KeyStore } from '../key-folder.ts';
import type { MasterKeySource } from '../master-key.ts';
import { type KeyName, parseKeyName, parseSigningPurpose, type SigningPurpose } from '../names.ts';
import type { SecretSource } from '../secret-source.ts';
import { type Fields, fieldsOf, integerField, listField, malformed, textField } from './fields.ts';
import type { Frame } from './frames.ts';
import { packPieces, unpackPieces } from './packed.ts';

/** What the server may ask. `start` comes first and once. */
export type Request =
  | {
      readonly kind: 'start';
      readonly keyFolder: string;
      readonly masterKeys: readonly MasterKeySource[];
      /** Sign for these purposes and change nothing; everything is allowed when absent. */
      readonly signOnly?: readonly SigningPurpose[];
      /** With `signOnly`: the purposes for which new keys may be made all the same. */
      readonly mayGenerate?: readonly SigningPurpose[];
      /** Where keys may be besides the key folder. */
      readonly hsm?: HsmSettings;
    }
  | { readonly kind: 'generate'; readonly spec: KeySpec }
  | { readonly kind: 'describe'; readonly name: KeyName }
  | { readonly kind: 'sign'; readonly name: KeyName; readonly message: Uint8Array }
  | { readonly kind: 'sign-all'; readonly name: KeyName; readonly messages: readonly Uint8Array[] }
  | { readonly kind: 'rewrap' };

export interface NumberedRequest {
  readonly id: number;
  readonly request: Request;
}

/** The message to sign travels as the body, and so do several. */
export function requestBody(request: Request): Uint8Array | undefined {
  if (request.kind === 'sign') return request.message;
  return request.kind === 'sign-all' ? packPieces(request.messages) : undefined;
}

/** The header of a request. */
export function requestHeader({ id, request }: NumberedRequest): JsonObject {
  switch (request.kind) {
    case 'start':
      return {
        id,
        kind: 'start',
        keyFolder: request.keyFolder,
        masterKeys: request.masterKeys.map((source) => ({ ...source })),
        ...(request.signOnly === undefined ? {} : { signOnly: [...request.signOnly] }),
        ...(request.hsm === undefined ? {} : { hsm: hsmJson(request.hsm) }),
        ...(request.mayGenerate === undefined ? {} : { mayGenerate: [...request.mayGenerate] }),
      };
    case 'generate':
      return { id, kind: 'generate', ...request.spec };
    case 'describe':
    case 'sign':
    case 'sign-all':
      return { id, kind: request.kind, name: request.name };
    case 'rewrap':
      return { id, kind: 'rewrap' };
  }
}

/** Parses what came over the channel; throws `keys.protocol` or `keys.name`. */
export function parseRequest(frame: Frame): NumberedRequest {
  const fields = fieldsOf(frame.header);
  return { id: integerField(fields, 'id'), request: requestOf(fields, frame.body) };
}

function requestOf(fields: Fields, body: Uint8Array): Request {
  const kind = textField(fields, 'kind');
  switch (kind) {
    case 'start':
      return {
        kind,
        keyFolder: textField(fields, 'keyFolder'),
        masterKeys: listField(fields, 'masterKeys').map(sourceOf),
        ...(fields.signOnly === undefined
          ? {}
          : { signOnly: listField(fields, 'signOnly').map(parseSigningPurpose) }),
        ...(fields.hsm === undefined ? {} : { hsm: hsmOf(fields.hsm) }),
        ...(fields.mayGenerate === undefined
          ? {}
          : { mayGenerate: listField(fields, 'mayGenerate').map(parseSigningPurpose) }),
      };
    case 'generate':
      return { kind, spec: specOf(fields) };
    case 'describe':
      return { kind, name: parseKeyName(fields.name) };
    case 'sign':
      return { kind, name: parseKeyName(fields.name), message: body };
    case 'sign-all':
      return { kind, name: parseKeyName(fields.name), messages: unpackPieces(body) };
    case 'rewrap':
      return { kind };
    default:
      throw malformed('the `kind` of the request is unknown');
  }
}

function storeOf(store: unknown): KeyStore {
  if (store === undefined || store === 'file') return 'file';
  if (store === 'hsm') return 'hsm';
  throw malformed('`store` is not known');
}

function hsmJson({ packagePath, modulePath, tokenLabel, pin, environment }: HsmSettings): JsonObject {
  const apart = packagePath === undefined ? {} : { packagePath };
  return { ...apart, modulePath, tokenLabel, pin: { ...pin }, environment: [...environment] };
}

function hsmOf(json: unknown): HsmSettings {
  const fields = fieldsOf(json);
  return {
    ...(fields.packagePath === undefined ? {} : { packagePath: textField(fields, 'packagePath') }),
    modulePath: textField(fields, 'modulePath'),
    tokenLabel: textField(fields, 'tokenLabel'),
    pin: sourceOf(fields.pin),
    environment: listField(fields, 'environment').map(String),
  };
}

/** The public fields of a key, in a request to make one as in the answer that describes one. */
export function specOf(fields: Fields): KeySpec & { readonly store: KeyStore } {
  const algorithm = fields.algorithm;
  if (!isSignerAlgorithm(algorithm)) throw malformed('`algorithm` is not known');
  const [name, purpose] = [parseKeyName(fields.name), parseSigningPurpose(fields.purpose)];
  return { name, algorithm, purpose, store: storeOf(fields.store) };
}

function sourceOf(json: unknown): SecretSource {
  const fields = fieldsOf(json);
  const kind = textField(fields, 'kind');
  switch (kind) {
    case 'file':
      return { kind, path: textField(fields, 'path') };
    case 'environment':
      return { kind, variable: textField(fields, 'variable') };
    case 'systemd-credential':
      return { kind, name: textField(fields, 'name') };
    default:
      throw malformed('the `kind` of the source of a secret is unknown');
  }
}
