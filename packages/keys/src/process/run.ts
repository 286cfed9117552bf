import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import type { Random } from '@fleetward/core';
import { createEnvelope, type Envelope } from '../envelope.ts';
import { KeysError } from '../errors.ts';
import { RefusedPin } from '../hsm/refused-pin.ts';
import { Token } from '../hsm/token.ts';
import { servicePin } from '../hsm/token-pin.ts';
import { type KeyFolder, type LoadedKey, openKeyFolder } from '../key-folder.ts';
import { readMasterKeys } from '../master-key.ts';
import type { KeyName, SigningPurpose } from '../names.ts';
import { deriveKeyring } from '../subkeys.ts';
import {
  descriptionResult,
  encodeFailure,
  encodeResult,
  type Result,
  recordsResult,
  refusal,
} from './answers.ts';
import { malformed } from './fields.ts';
import { FrameReader } from './frames.ts';
import { packPieces } from './packed.ts';
import { type NumberedRequest, parseRequest, type Request } from './requests.ts';

/**
 * Looks at what a key is about to sign; a throw refuses it, and the throw's message is what the server gets to see.
 * Synchronous: one that returns a promise refuses everything, as its answer would come after the signature.
 */
export type MessageLint = (message: Uint8Array) => void;

/** One lint for each purpose (a purpose without one signs nothing). */
export type MessageLints = Readonly<Record<string, MessageLint>>;

/** The socket to the server, inherited from it. */
export const channelDescriptor = 3;

const systemRandom: Random = { bytes: (length) => new Uint8Array(randomBytes(length)) };

/**
 * The whole life of the signing process; its entry file calls this and nothing else. Requests are served one at a time, so
 * that what is in memory is bounded; when the channel ends, for whatever reason, the process does too.
 */
export async function runSigningProcess(options: { readonly lints: MessageLints }): Promise<void> {
  outliveSignals();
  process.on('uncaughtException', stop);
  const channel = new Socket({ fd: channelDescriptor, readable: true, writable: true });
  try {
    await serve(channel, options.lints);
    process.exit(0);
  } catch (error) {
    stop(error);
  }
}

/** Says the name only: the message of a foreign error could quote what it stumbled over. */
function stop(error: unknown): never {
  const reason = error instanceof KeysError ? error.message : nameOf(error);
  process.stderr.write(`the signing process stops: ${reason}\n`);
  process.exit(70);
}

/** Ctrl-C and a service stop reach the whole process group; the server still needs signatures while it shuts down. */
function outliveSignals(): void {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);
}

async function serve(channel: Socket, lints: MessageLints): Promise<void> {
  const frames = new FrameReader();
  let answer: (request: Request) => Result = (request) => {
    if (request.kind !== 'start') throw malformed('the first request must be `start`');
    const { keys, result } = start(request);
    const isSignOnly = request.signOnly !== undefined;
    const mayGenerate = request.mayGenerate ?? [];
    answer = (next) => perform(next, { keys, lints, isSignOnly, mayGenerate });
    return result;
  };
  for await (const chunk of channel) {
    for (const frame of frames.push(chunk as Uint8Array)) {
      await send(
        channel,
        respond(parseRequest(frame), (request) => answer(request)),
      );
    }
  }
}

function respond({ id, request }: NumberedRequest, answer: (request: Request) => Result): Uint8Array {
  try {
    return encodeResult(id, answer(request));
  } catch (error) {
    return encodeFailure(id, error);
  }
}

function start(request: Request & { readonly kind: 'start' }): {
  readonly keys: KeyFolder;
  readonly result: Result;
} {
  const masterKeys = readMasterKeys(request.masterKeys, process.env);
  const envelope = createEnvelope(deriveKeyring(masterKeys, 'signing'), systemRandom);
  return {
    keys: openKeyFolder(request.keyFolder, {
      envelope,
      token: tokenOf(request, envelope),
      ...(request.signOnly === undefined ? {} : { purposes: request.signOnly }),
    }),
    result: recordsResult(deriveKeyring(masterKeys, 'records')),
  };
}

/** Made once, and loaded when the first key needs it. */
function tokenOf(
  { hsm: settings, keyFolder }: Request & { readonly kind: 'start' },
  envelope: Envelope,
): () => Token {
  let token: Token | undefined;
  return () => {
    if (settings === undefined)
      throw new KeysError(
        'keys.hsm',
        'keys in a token need the setting `hsm`, which says where it is (docs/how-to/keys-in-an-hsm.md)',
      );
    const refusedPin = new RefusedPin(keyFolder, envelope);
    token ??= new Token(settings, servicePin(settings.pin, { environment: process.env, refusedPin }));
    return token;
  };
}

interface Held {
  readonly keys: KeyFolder;
  readonly lints: MessageLints;
  readonly isSignOnly: boolean;
  readonly mayGenerate: readonly SigningPurpose[];
}

function perform(request: Request, held: Held): Result {
  if (held.isSignOnly && isChange(request, held))
    throw new KeysError('keys.refused', 'this signing process was started to sign only');
  switch (request.kind) {
    case 'start':
      throw malformed('`start` comes once');
    case 'generate':
      lintOf(request.spec.purpose, held.lints);
      return descriptionResult(held.keys.generate(request.spec));
    case 'describe':
      return descriptionResult(find(held.keys, request.name));
    case 'sign':
      return {
        body: lintThenSign(find(held.keys, request.name), { message: request.message, lints: held.lints }),
      };
    case 'sign-all': {
      const key = find(held.keys, request.name);
      const sign = (message: Uint8Array) => lintThenSign(key, { message, lints: held.lints });
      return { body: packPieces(request.messages.map(sign)) };
    }
    case 'rewrap':
      return { fields: { rewrapped: held.keys.rewrap() } };
  }
}

function isChange(request: Request, { mayGenerate }: Held): boolean {
  if (request.kind === 'generate') return !mayGenerate.includes(request.spec.purpose);
  return request.kind === 'rewrap';
}

function lintThenSign(
  key: LoadedKey,
  options: { readonly message: Uint8Array; readonly lints: MessageLints },
): Uint8Array {
  const lint = lintOf(key.file.purpose, options.lints);
  // The lint sees a copy: what it accepted is what gets signed, whatever it does to its argument.
  const message = new Uint8Array(options.message);
  try {
    assertNoAnswer(lint(options.message));
  } catch (cause) {
    throw refusal(cause, key.file);
  }
  return key.sign(message);
}

function assertNoAnswer(outcome: unknown): void {
  if (outcome === undefined) return;
  // The refusal stands whatever it settles to; left alone, a rejection would end the process.
  if (outcome instanceof Promise) outcome.catch(() => undefined);
  throw new TypeError('its lint returned a value, and a lint only throws');
}

function lintOf(purpose: string, lints: MessageLints): MessageLint {
  const lint = Object.hasOwn(lints, purpose) ? lints[purpose] : undefined;
  if (lint !== undefined) return lint;
  throw new KeysError(
    'keys.refused',
    `no lint is known for the purpose \`${purpose}\`, so nothing is signed for it`,
  );
}

function find(keys: KeyFolder, name: KeyName): LoadedKey {
  const key = keys.find(name);
  if (key === undefined) throw new KeysError('keys.key_missing', `there is no key named \`${name}\``);
  return key;
}

function send(channel: Socket, frame: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    channel.write(frame, (error) => (error ? reject(error) : resolve()));
  });
}

function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : 'unknown error';
}
