import { isAppError, type Random, type Signer } from '@fleetward/core';
import { createEnvelope, type Envelope } from '../envelope.ts';
import type { HsmSettings } from '../hsm/token.ts';
import type { KeyDescription } from '../key-file.ts';
import type { KeySpec, KeyStore } from '../key-folder.ts';
import type { MasterKeySource } from '../master-key.ts';
import type { KeyName, SigningPurpose } from '../names.ts';
import type { Environment } from '../secret-source.ts';
import type { Keyring } from '../subkeys.ts';
import { descriptionOf, recordsOf } from './answers.ts';
import { spawnSigningChild } from './child.ts';
import { integerField } from './fields.ts';
import { connect, type Link, type SigningProcessExit } from './link.ts';
import { piecesMax, unpackPieces } from './packed.ts';
import type { PendingLimits } from './pending-requests.ts';
import type { Request } from './requests.ts';

/** A signer whose private key lives in the signing process. */
export interface KeySigner extends Signer {
  readonly name: KeyName;
  readonly purpose: SigningPurpose;
  readonly store: KeyStore;
}

export interface SigningProcess {
  readonly pid: number;
  /** Seals secrets of records in this process; the keys in the key folder cannot be opened with it. */
  readonly records: Envelope;
  /** Makes a key that is durable before this resolves; `keys.key_exists` when the name is taken. */
  generate(spec: KeySpec): Promise<KeySigner>;
  /** Throws `keys.key_missing` when there is no such key. */
  signer(name: KeyName): Promise<KeySigner>;
  findSigner(name: KeyName): Promise<KeySigner | undefined>;
  /** Seals every key file under the current master key; resolves to how many were under a previous one. */
  rewrapKeys(): Promise<number>;
  /** Ends the process and resolves when it is gone. */
  close(): Promise<void>;
}

export interface SigningProcessOptions {
  /** A `.ts` or `.js` file that calls `runSigningProcess`. */
  readonly entry: string;
  readonly keyFolder: string;
  readonly masterKey: MasterKeySource;
  /** Still able to open what an earlier master key sealed; at most 8. */
  readonly previousMasterKeys?: readonly MasterKeySource[];
  /** Only keys of these purposes exist for it, and none is made or sealed anew: what a long-running server should ask for. */
  readonly signOnly?: readonly SigningPurpose[];
  /** With `signOnly`: purposes for which it may make new keys all the same, as an issuing CA's rotation needs. */
  readonly mayGenerate?: readonly SigningPurpose[];
  /** A token that may hold keys, by PKCS #11. */
  readonly hsm?: HsmSettings;
  /** Normally `process.env`. A variable that holds a master key is removed from it. */
  readonly environment: Environment;
  readonly random: Random;
  /** A line the signing process wrote to its standard error; never key material. */
  readonly log: (line: string) => void;
  /** Called once, when the process has ended after a successful start. */
  readonly onExit?: (exit: SigningProcessExit) => void;
  readonly limits?: Partial<PendingLimits>;
}

const defaultLimits: PendingLimits = {
  requestTimeoutMs: 30_000,
  inFlightMax: 1024,
  inFlightBytesMax: 64 * 1024 * 1024,
};

/**
 * Starts the child that holds the private keys. The master key is read there and nowhere else; this process gets the
 * `records` subkeys. A request that is not answered in time costs the child its life, as everything behind it waits too.
 */
export async function startSigningProcess(options: SigningProcessOptions): Promise<SigningProcess> {
  const masterKeys = [options.masterKey, ...(options.previousMasterKeys ?? [])];
  const link = connect(spawnSigningChild({ ...options, masterKeys }), {
    ...defaultLimits,
    ...options.limits,
  });
  const { keyFolder, signOnly, mayGenerate, hsm } = options;
  const keyring = await startOrEnd(link, {
    keyFolder,
    masterKeys,
    ...(signOnly && { signOnly }),
    ...(mayGenerate && { mayGenerate }),
    ...(hsm && { hsm }),
  });
  void link.exited.then((exit) => options.onExit?.(exit));
  return clientOf(link, createEnvelope(keyring, options.random));
}

async function startOrEnd(
  link: Link,
  options: Omit<Extract<Request, { readonly kind: 'start' }>, 'kind'>,
): Promise<Keyring> {
  try {
    const { fields, body } = await link.requests.ask({ kind: 'start', ...options });
    return recordsOf(fields, body);
  } catch (error) {
    await link.end();
    throw error;
  }
}

function clientOf(link: Link, records: Envelope): SigningProcess {
  const { requests, child } = link;
  const describe = async (name: KeyName): Promise<KeySigner> => {
    const { fields, body } = await requests.ask({ kind: 'describe', name });
    return signerOf(descriptionOf(fields, body), requests);
  };
  return {
    pid: child.process.pid ?? 0,
    records,
    generate: async (spec) => {
      const { fields, body } = await requests.ask({ kind: 'generate', spec });
      return signerOf(descriptionOf(fields, body), requests);
    },
    signer: describe,
    findSigner: async (name) => {
      try {
        return await describe(name);
      } catch (error) {
        if (isAppError(error) && error.code === 'keys.key_missing') return undefined;
        throw error;
      }
    },
    rewrapKeys: async () => integerField((await requests.ask({ kind: 'rewrap' })).fields, 'rewrapped'),
    close: () => link.end(),
  };
}

function signerOf(key: KeyDescription & { readonly store: KeyStore }, requests: Link['requests']): KeySigner {
  return {
    ...key,
    lints: true,
    ...(key.store === 'file' ? { inSoftware: true } : {}),
    sign: async (message) => (await requests.ask({ kind: 'sign', name: key.name, message })).body,
    signAll: async (messages) => {
      const signatures: Uint8Array[] = [];
      for (let at = 0; at < messages.length; at += piecesMax) {
        const piece = messages.slice(at, at + piecesMax);
        const { body } = await requests.ask({ kind: 'sign-all', name: key.name, messages: piece });
        signatures.push(...unpackPieces(body));
      }
      return signatures;
    },
  };
}
