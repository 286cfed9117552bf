import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AppError, type Clock, type Random, type Signer, type SignerAlgorithm } from '@fleetward/core';
import { createFolderDurably } from '@fleetward/core/durable-file';
import {
  createMasterKeyFile,
  type KeyStore,
  type SigningProcess,
  startSigningProcess,
} from '@fleetward/keys';
import { type Certificate, issueCertificate, makeName, parsePublicKey } from '@fleetward/pki';
import type { AuthorityRecord } from './certificates/store.ts';
import type { Config } from './config.ts';
import { openTrail } from './open-trail.ts';
import { newSetupToken, renewSetupToken } from './setup-token.ts';
import { signingKeys } from './signing-keys.ts';
import { signingOptions } from './signing-process.ts';
import type { Storage } from './storage/index.ts';
import { onStorageAlone } from './storage-alone.ts';

/** The platform cannot be initialised. */
export class InitError extends AppError<'init.already_initialised' | 'init.experimental' | 'init.no_token'> {}

export interface InitPorts {
  readonly clock: Clock;
  readonly random: Random;
  /** A variable that holds the master key is removed from it. */
  readonly environment: Record<string, string | undefined>;
}

export interface InitOptions {
  /** Only another setup token, for a platform that is there. */
  readonly newSetupToken?: boolean;
  /** What the root and the issuing CA sign with; default ECDSA P-256. */
  readonly caAlgorithm?: SignerAlgorithm;
  /** Where their keys are made; default `file`. */
  readonly caKeyStore?: KeyStore;
}

export interface Initialised {
  readonly folder: string;
  readonly root: Certificate;
  readonly issuing: Certificate;
  /** Shown once, valid for a day; makes an operator. */
  readonly setupToken: string;
  /** SPKI DER of the key that signs the trail's checkpoints: keep it elsewhere, it is what the trail is verified by. */
  readonly trailPublicKey: Uint8Array;
  /** The same of the key that signs the heads of the issuance log. */
  readonly issuanceLogPublicKey: Uint8Array;
}

const dayMs = 86_400_000;
const rootValidityMs = 20 * 365 * dayMs;
const issuingValidityMs = 5 * 365 * dayMs;

/**
 * Makes the master key, the keys, the root and issuing CA and the one-time setup token. Each step is kept as soon as it is
 * durable and found again by the next run, so an interrupted `init` is finished by calling it again; the platform counts as
 * initialised with the one transaction at the end. With `newSetupToken` it makes another setup token for a platform that is
 * initialised: whoever has its folder and master key can always become an operator. Throws `InitError`, `NotInitialisedError`.
 */
export async function initialise(
  config: Config,
  ports: InitPorts,
  options: InitOptions = {},
): Promise<Initialised> {
  assertAllowed(config, options);
  createFolderDurably(config.folder);
  return onStorageAlone(config, async (storage) => {
    if (options.newSetupToken === true) return await renewSetupToken(config, { ...ports, storage });
    // Before any key is made: a platform whose key folder was lost must not silently get other keys.
    const authorities = await storage.stores.certificates.authorities();
    if (authorities.length > 0) throw alreadyInitialised(config);
    ensureMasterKey(config, ports.random);
    const signing = await startSigningProcess({ ...signingOptions(config), ...ports, log: () => undefined });
    try {
      return await record(config, { ...ports, storage, keys: await ensureKeys(signing, options) });
    } finally {
      await signing.close();
    }
  });
}

type Keys = Readonly<Record<keyof typeof signingKeys, Signer>>;

/** Before anything is made. */
function assertAllowed({ experimental, hsm }: Config, { caAlgorithm, caKeyStore }: InitOptions): void {
  if (caKeyStore === 'hsm' && hsm.kind === 'off')
    throw new InitError(
      'init.no_token',
      'the CA keys are to be made in a token, and the setting `hsm` does not say where one is (docs/how-to/keys-in-an-hsm.md); nothing was made',
    );
  if (experimental.mlDsa || caAlgorithm?.startsWith('ml-dsa') !== true) return;
  throw new InitError(
    'init.experimental',
    `CAs that sign with \`${caAlgorithm}\` are experimental: set \`experimental.mlDsa\` for this platform, once your devices know it (docs/how-to/ml-dsa.md)`,
  );
}

function ensureMasterKey(config: Config, random: Random): void {
  if (config.masterKey.kind !== 'file') return;
  const path = resolve(config.folder, config.masterKey.path);
  createFolderDurably(dirname(path));
  if (!existsSync(path)) createMasterKeyFile(path, random);
}

/** A key that an interrupted run made is kept, whatever kind is asked for now. */
async function ensureKeys(signing: SigningProcess, { caAlgorithm, caKeyStore }: InitOptions): Promise<Keys> {
  const ofCas = {
    ...(caAlgorithm === undefined ? {} : { algorithm: caAlgorithm }),
    ...(caKeyStore === undefined ? {} : { store: caKeyStore }),
  };
  const keys: Partial<Record<keyof Keys, Signer>> = {};
  for (const [role, spec] of Object.entries(signingKeys) as [
    keyof Keys,
    (typeof signingKeys)[keyof Keys],
  ][]) {
    keys[role] =
      (await signing.findSigner(spec.name)) ??
      (await signing.generate(isCa(role) ? { ...spec, ...ofCas } : spec));
  }
  return keys as Keys;
}

function isCa(role: keyof Keys): boolean {
  return role === 'rootCa' || role === 'issuingCa';
}

async function record(
  config: Config,
  parts: {
    readonly clock: Clock;
    readonly random: Random;
    readonly storage: Storage;
    readonly keys: Keys;
  },
): Promise<Initialised> {
  const { clock, keys, storage } = parts;
  const { stores, transactor } = storage;
  const { root, issuing } = await issueAuthorities(parts);
  const trail = openTrail(config, { ...parts, signer: keys.trailCheckpoint });
  const { secret, token } = newSetupToken(parts);
  const authorities = [authority(root, 'root', clock), authority(issuing, 'issuing', clock)];
  await transactor.transact(async (tx) => {
    for (const record of authorities) await stores.certificates.addAuthority(tx, record);
    const certificateIds = authorities.map(({ certificateId }) => certificateId);
    await stores.issuanceLog.pend(tx, { certificateIds, sinceMs: clock.now() });
    await stores.operators.addSetupToken(tx, token);
    await trail.append(tx, {
      kind: 'platform.initialised',
      actor: { kind: 'setup' },
      payload: { authorities: authorities.map(({ certificateId, kind }) => ({ certificateId, kind })) },
    });
  });
  await trail.close();
  return {
    folder: config.folder,
    root,
    issuing,
    setupToken: secret,
    trailPublicKey: keys.trailCheckpoint.publicKey,
    issuanceLogPublicKey: keys.issuanceLog.publicKey,
  };
}

async function issueAuthorities(ports: {
  readonly clock: Clock;
  readonly random: Random;
  readonly keys: Keys;
}): Promise<{ readonly root: Certificate; readonly issuing: Certificate }> {
  const { clock, random, keys } = ports;
  const nowMs = clock.now();
  const root = await issueCertificate({
    profile: 'root-ca',
    subject: makeName([['commonName', 'Fleetward Root CA']]),
    publicKey: parsePublicKey(keys.rootCa.publicKey),
    issuer: 'self',
    signer: keys.rootCa,
    random,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + rootValidityMs,
  });
  const issuing = await issueCertificate({
    profile: 'issuing-ca',
    subject: makeName([['commonName', 'Fleetward Issuing CA 1']]),
    publicKey: parsePublicKey(keys.issuingCa.publicKey),
    issuer: root,
    signer: keys.rootCa,
    random,
    notBeforeMs: nowMs,
    notAfterMs: nowMs + issuingValidityMs,
  });
  return { root, issuing };
}

function authority(certificate: Certificate, kind: AuthorityRecord['kind'], clock: Clock): AuthorityRecord {
  const keyName = kind === 'root' ? signingKeys.rootCa.name : signingKeys.issuingCa.name;
  return {
    certificateId: certificate.id,
    kind,
    der: certificate.der,
    keyName,
    state: 'active',
    createdAtMs: clock.now(),
  };
}

function alreadyInitialised({ folder, storage }: Config): InitError {
  const isElsewhere = storage.kind === 'postgres' && !existsSync(join(folder, 'keys'));
  const message = isElsewhere
    ? `the database at \`storage.url\` belongs to a platform already, and \`${folder}\` is not its folder: it holds none of its keys. Give that platform's folder with \`--folder\`, or restore it from its backup; for a new platform, let \`storage.url\` name a database of its own`
    : `\`${folder}\` is initialised already: start it with \`fleetward serve\`; if its setup token was lost or no operator can get in any more, make a new one with \`fleetward init --new-setup-token\``;
  return new InitError('init.already_initialised', message);
}
