import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { AppError, type Clock, type Random, type Signer } from '@fleetward/core';
import { createFolderDurably } from '@fleetward/core/durable-file';
import { createMasterKeyFile, type SigningProcess, startSigningProcess } from '@fleetward/keys';
import { type Certificate, issueCertificate, makeName, parsePublicKey } from '@fleetward/pki';
import type { AuthorityRecord } from './certificates/store.ts';
import type { Config } from './config.ts';
import { createSetupToken } from './operators/index.ts';
import { signingKeys } from './signing-keys.ts';
import { masterKeySource, signingProcessEntry } from './signing-process.ts';
import { openStorage } from './storage/index.ts';
import { storageConfig } from './storage-config.ts';
import { createTrail } from './trail/index.ts';

/** The platform cannot be initialised. */
export class InitError extends AppError<'init.already_initialised'> {}

export interface Initialised {
  readonly folder: string;
  readonly root: Certificate;
  readonly issuing: Certificate;
  /** Shown once, valid for `setupTokenValidityMs`; makes the first operator. */
  readonly setupToken: string;
  /** SPKI DER of the key that signs the trail's checkpoints: keep it elsewhere, it is what the trail is verified by. */
  readonly trailPublicKey: Uint8Array;
}

const dayMs = 86_400_000;
const rootValidityMs = 20 * 365 * dayMs;
const issuingValidityMs = 5 * 365 * dayMs;
const setupTokenValidityMs = dayMs;

/**
 * Makes the master key, the keys, the root and issuing CA and the one-time setup token. Each step is kept as soon as it is
 * durable and found again by the next run, so an interrupted `init` is finished by calling it again; the platform counts as
 * initialised with the one transaction at the end.
 */
export async function initialise(
  config: Config,
  ports: {
    readonly clock: Clock;
    readonly random: Random;
    readonly environment: Record<string, string | undefined>;
  },
): Promise<Initialised> {
  createFolderDurably(config.folder);
  ensureMasterKey(config, ports.random);
  const signing = await startSigningProcess({
    entry: signingProcessEntry,
    keyFolder: join(config.folder, 'keys'),
    masterKey: masterKeySource(config),
    environment: ports.environment,
    random: ports.random,
    log: () => undefined,
  });
  try {
    const keys = await ensureKeys(signing);
    return await record(config, { ...ports, keys });
  } finally {
    await signing.close();
  }
}

type Keys = Readonly<Record<keyof typeof signingKeys, Signer>>;

function ensureMasterKey(config: Config, random: Random): void {
  if (config.masterKey.kind !== 'file') return;
  const path = resolve(config.folder, config.masterKey.path);
  createFolderDurably(dirname(path));
  if (!existsSync(path)) createMasterKeyFile(path, random);
}

async function ensureKeys(signing: SigningProcess): Promise<Keys> {
  const keys: Partial<Record<keyof Keys, Signer>> = {};
  for (const [role, spec] of Object.entries(signingKeys) as [
    keyof Keys,
    (typeof signingKeys)[keyof Keys],
  ][]) {
    keys[role] = (await signing.findSigner(spec.name)) ?? (await signing.generate(spec));
  }
  return keys as Keys;
}

async function record(
  config: Config,
  ports: { readonly clock: Clock; readonly random: Random; readonly keys: Keys },
): Promise<Initialised> {
  const { clock, random, keys } = ports;
  const storage = await openStorage(storageConfig(config));
  try {
    const { stores, transactor } = storage;
    if ((await stores.certificates.authorities()).length > 0) throw alreadyInitialised(config.folder);
    const { root, issuing } = await issueAuthorities(ports);
    const trail = createTrail({
      store: stores.trail(config.node),
      node: config.node,
      signer: keys.trailCheckpoint,
      clock,
      random,
      transactor,
      ...config.trail,
    });
    const { secret, token } = createSetupToken({
      random,
      nowMs: clock.now(),
      validityMs: setupTokenValidityMs,
    });
    const authorities = [authority(root, 'root', clock), authority(issuing, 'issuing', clock)];
    await transactor.transact(async (tx) => {
      for (const record of authorities) await stores.certificates.addAuthority(tx, record);
      await stores.operators.addSetupToken(tx, token);
      await trail.append(tx, {
        kind: 'platform.initialised',
        actor: { kind: 'setup' },
        payload: { authorities: authorities.map(({ certificateId, kind }) => ({ certificateId, kind })) },
      });
    });
    await trail.checkpoint();
    return {
      folder: config.folder,
      root,
      issuing,
      setupToken: secret,
      trailPublicKey: keys.trailCheckpoint.publicKey,
    };
  } finally {
    await storage.close();
  }
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

function alreadyInitialised(folder: string): InitError {
  return new InitError(
    'init.already_initialised',
    `\`${folder}\` is initialised already: start it with \`fleetward serve\`, or choose another folder`,
  );
}
