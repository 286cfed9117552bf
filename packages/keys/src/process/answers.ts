import { isAppError, type JsonObject } from '@fleetward/core';
import { KeysError, type KeysErrorCode, keysErrorCodes } from '../errors.ts';
import type { KeyDescription } from '../key-file.ts';
import type { KeyStore, LoadedKey } from '../key-folder.ts';
import { importSubkey, type Keyring, masterKeyBytes } from '../subkeys.ts';
import { type Fields, fieldsOf, integerField, listField, malformed, textField } from './fields.ts';
import { encodeFrame, type Frame } from './frames.ts';
import { specOf } from './requests.ts';

/** What came back for one request. */
export type Answer =
  | { readonly kind: 'done'; readonly id: number; readonly fields: Fields; readonly body: Uint8Array }
  | { readonly kind: 'failed'; readonly id: number; readonly error: KeysError };

/** The result of a request on its way back: public fields, and bytes such as a signature. */
export interface Result {
  readonly fields?: JsonObject;
  readonly body?: Uint8Array;
}

const messageCharactersMax = 2000;

export function encodeResult(id: number, result: Result): Uint8Array {
  return encodeFrame({ ...result.fields, id, kind: 'done' }, result.body);
}

/** Passes on the code and message of our own errors only: any other may quote what it stumbled over. */
export function encodeFailure(id: number, error: unknown): Uint8Array {
  const known = error instanceof KeysError;
  return encodeFrame({
    id,
    kind: 'failed',
    code: known ? error.code : 'keys.storage',
    message: known ? error.message.slice(0, messageCharactersMax) : 'the signing process failed to do this',
    ...(known && typeof error.details.lint === 'string' ? { lint: error.details.lint.slice(0, 100) } : {}),
  });
}

/** The error of a refused message: it carries the lint's own words, and its code when it has one. */
export function refusal(cause: unknown, key: KeyDescription): KeysError {
  const reason = cause instanceof Error ? cause.message : 'refused';
  return new KeysError('keys.refused', `\`${key.name}\` (${key.purpose}) does not sign this: ${reason}`, {
    cause,
    details: isAppError(cause) ? { lint: cause.code } : {},
  });
}

export function parseAnswer(frame: Frame): Answer {
  const fields = fieldsOf(frame.header);
  const id = integerField(fields, 'id');
  if (fields.kind === 'done') return { kind: 'done', id, fields, body: frame.body };
  if (fields.kind !== 'failed') throw malformed('the `kind` of the answer is unknown');
  const details = typeof fields.lint === 'string' ? { lint: fields.lint } : {};
  return {
    kind: 'failed',
    id,
    error: new KeysError(codeOf(fields), textField(fields, 'message'), { details }),
  };
}

/** The answer to `start`: the records subkeys, each 32 bytes of the body. The body is wiped. */
export function recordsResult(keyring: Keyring): Result {
  const subkeys = [keyring.current, ...keyring.previous];
  return {
    fields: { records: subkeys.map((subkey) => subkey.masterKeyId) },
    body: Buffer.concat(subkeys.map((subkey) => subkey.key.export())),
  };
}

export function recordsOf(fields: Fields, body: Uint8Array): Keyring {
  const [current, ...previous] = listField(fields, 'records').map((id, index) =>
    importSubkey(String(id), body.subarray(index * masterKeyBytes, (index + 1) * masterKeyBytes)),
  );
  if (current === undefined) throw malformed('no records subkey came back');
  return { current, previous };
}

export function descriptionResult({ file, store }: LoadedKey): Result {
  const { name, algorithm, purpose, publicKey } = file;
  return { fields: { name, algorithm, purpose, store }, body: publicKey };
}

export function descriptionOf(
  fields: Fields,
  body: Uint8Array,
): KeyDescription & { readonly store: KeyStore } {
  return { ...specOf(fields), publicKey: body };
}

function codeOf(fields: Fields): KeysErrorCode {
  const code = keysErrorCodes.find((known) => known === fields.code);
  if (code === undefined) throw malformed('the error code is unknown');
  return code;
}
