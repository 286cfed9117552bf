import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { equalBytes } from '@fleetward/core';
import { createDurably, createFolderDurably, replaceDurably } from '@fleetward/core/durable-file';
import { type Certificate, encodePem, parseCertificatesPem } from '@fleetward/pki';
import { DeviceError } from '../errors.ts';

/** What a device proves itself with, and whom it believes. All PEM. */
export interface DeviceIdentity {
  /** Leaf first, without the root. */
  readonly chain: string;
  /** PKCS #8. */
  readonly key: string;
  /** The platform's root, or its roots while one follows another. */
  readonly root: string;
  /** The common name of the leaf. */
  readonly name: string;
}

/**
 * A device's identity in a folder of its own: `key.pem` (mode 0600), `root.pem`, `chain.pem`, and `next-key.pem` while it renews.
 * `chain.pem` alone says which pair holds: the key is the one it was issued for, wherever a power cut has left that.
 */
export interface IdentityFolder {
  /** The key, made on first use and durable before it is answered; it stays the same through every retry. */
  openKey(): KeyObject;
  /** The key of the next certificate, in the same way. */
  openNextKey(): KeyObject;
  discardNextKey(): void;
  /** Nothing before the device is enrolled. */
  read(): DeviceIdentity | undefined;
  /** Keeps what an enrolment or a renewal brought; the chain makes the identity whole, and the key moves after it. */
  write(granted: {
    readonly chain: readonly Uint8Array[];
    readonly roots: readonly Uint8Array[];
  }): DeviceIdentity;
  /** Keeps other roots than before, in one step. */
  writeRoots(roots: readonly Uint8Array[]): void;
}

export function openIdentityFolder(path: string): IdentityFolder {
  createFolderDurably(path);
  const paths = {
    key: join(path, 'key.pem'),
    nextKey: join(path, 'next-key.pem'),
    root: join(path, 'root.pem'),
    chain: join(path, 'chain.pem'),
  };

  function read(): DeviceIdentity | undefined {
    const chain = readIfThere(paths.chain);
    if (chain === undefined) return undefined;
    const leaf = parseCertificatesPem(chain)[0]!; // the parser finds one or throws
    const [key, root] = [keyOf(leaf), readIfThere(paths.root)];
    if (key === undefined || root === undefined)
      throw new DeviceError(
        'device.identity_invalid',
        `\`${path}\` holds a chain, but not its key or no root`,
      );
    return { chain, key, root, name: leaf.subject.attributes.commonName?.[0] ?? '' };
  }

  /** Ends a renewal that was cut off between chain and key. */
  function keyOf(leaf: Certificate): string | undefined {
    const key = readIfThere(paths.key);
    if (key !== undefined && isKeyOf(leaf, key)) return key;
    const nextKey = readIfThere(paths.nextKey);
    if (nextKey === undefined || !isKeyOf(leaf, nextKey)) return undefined;
    replaceDurably(paths.key, nextKey);
    rmSync(paths.nextKey);
    return nextKey;
  }

  function openNextKey(): KeyObject {
    const next = readIfThere(paths.nextKey);
    // One that has its place already, and came back with a power cut, is not new.
    if (next !== undefined && next !== readIfThere(paths.key)) return createPrivateKey(next);
    rmSync(paths.nextKey, { force: true });
    return createPrivateKey(makeKey(paths.nextKey));
  }

  const writeRoots = (roots: readonly Uint8Array[]) => replaceDurably(paths.root, pemOf(roots));

  return {
    openKey: () => createPrivateKey(readIfThere(paths.key) ?? makeKey(paths.key)),
    openNextKey,
    discardNextKey: () => rmSync(paths.nextKey, { force: true }),
    read,
    writeRoots,
    write({ chain, roots }) {
      writeRoots(roots);
      replaceDurably(paths.chain, pemOf(chain));
      return read()!; // the chain has just been written
    },
  };
}

function pemOf(certificates: readonly Uint8Array[]): string {
  return certificates.map((der) => encodePem('CERTIFICATE', der)).join('');
}

function isKeyOf({ publicKey }: Certificate, key: string): boolean {
  return equalBytes(publicKeyOf(createPrivateKey(key)), publicKey.spki);
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
