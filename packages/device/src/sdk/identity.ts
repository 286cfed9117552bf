import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createDurably, createFolderDurably, replaceDurably } from '@fleetward/core/durable-file';
import { encodePem, parseCertificatesPem } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';

/** What a device proves itself with, and whom it believes. All PEM. */
export interface DeviceIdentity {
  /** Leaf first, without the root. */
  readonly chain: string;
  /** PKCS #8. */
  readonly key: string;
  /** The platform's root. */
  readonly root: string;
  /** The common name of the leaf. */
  readonly name: string;
}

/** A device's identity in a folder of its own: `key.pem` (mode 0600), `root.pem`, `chain.pem`. */
export interface IdentityFolder {
  /** The key, made on first use and durable before it is answered; it stays the same through every retry. */
  openKey(): KeyObject;
  /** Nothing before the device is enrolled. */
  read(): DeviceIdentity | undefined;
  /** Keeps what an enrolment brought; the chain is written last, and makes the identity whole. */
  write(granted: { readonly chain: readonly Uint8Array[]; readonly root: Uint8Array }): DeviceIdentity;
}

export function openIdentityFolder(path: string): IdentityFolder {
  createFolderDurably(path);
  const paths = { key: join(path, 'key.pem'), root: join(path, 'root.pem'), chain: join(path, 'chain.pem') };

  function read(): DeviceIdentity | undefined {
    const chain = readIfThere(paths.chain);
    if (chain === undefined) return undefined;
    const [key, root] = [readIfThere(paths.key), readIfThere(paths.root)];
    if (key === undefined || root === undefined)
      throw new DeviceError('device.identity_invalid', `\`${path}\` holds a chain, but no key or no root`);
    const [leaf] = parseCertificatesPem(chain);
    return { chain, key, root, name: leaf?.subject.attributes.commonName?.[0] ?? '' };
  }

  return {
    openKey: () => createPrivateKey(readIfThere(paths.key) ?? makeKey(paths.key)),
    read,
    write({ chain, root }) {
      replaceDurably(paths.root, encodePem('CERTIFICATE', root));
      replaceDurably(paths.chain, chain.map((der) => encodePem('CERTIFICATE', der)).join(''));
      return read()!; // the chain has just been written
    },
  };
}

/** DER of the public half. */
export function publicKeyOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

function makeKey(path: string): string {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  createDurably(path, pem);
  return pem;
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}
