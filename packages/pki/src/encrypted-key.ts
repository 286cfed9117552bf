import { createCipheriv, createPrivateKey, type KeyObject, scryptSync } from 'node:crypto';
import { concatBytes, type Random } from '@fleetward/core';
import { octetString, oid, sequence, smallInteger } from './der/writer.ts';
import { PkiError } from './errors.ts';
import { limits } from './limits.ts';
import { otherOids } from './oids.ts';
import { encodePem, parsePem } from './pem.ts';

// OWASP's figures for scrypt in 16 MiB, the most that OpenSSL opens with its own defaults.
const scrypt = { N: 16_384, r: 8, p: 5 } as const;
const keyBytes = 32;

/**
 * A private key as an encrypted PKCS #8 file in PEM (RFC 5958, PBES2 with scrypt of RFC 7914 §7 and AES-256-CBC): what `openssl`
 * opens too. For keys kept off line; those of the platform are in its signing process.
 */
export function encryptPrivateKey(
  key: KeyObject,
  { passphrase, random }: { readonly passphrase: string; readonly random: Random },
): string {
  const salt = random.bytes(16);
  const iv = random.bytes(16);
  const derived = scryptSync(passphrase, salt, keyBytes, scrypt);
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const cipher = createCipheriv('aes-256-cbc', derived, iv);
  const encrypted = concatBytes([cipher.update(pkcs8), cipher.final()]);
  derived.fill(0);
  pkcs8.fill(0);
  return encodePem('ENCRYPTED PRIVATE KEY', sequence(pbes2(salt, iv), octetString(encrypted)));
}

/** Opens one. Any PBES2 file that OpenSSL reads will do; one that is not encrypted is refused. Throws `pki.key` or `pki.pem`. */
export function decryptPrivateKey(pem: Uint8Array | string, passphrase: string): KeyObject {
  const [block] = parsePem(pem, {
    labels: ['ENCRYPTED PRIVATE KEY'],
    blocksMax: 1,
    bytesMax: limits.privateKeyPemBytesMax,
  });
  try {
    return createPrivateKey({
      key: Buffer.from(block?.der ?? new Uint8Array(0)),
      format: 'der',
      type: 'pkcs8',
      passphrase,
    });
  } catch {
    // OpenSSL's words could tell of the key; they also name what is wrong by accident only.
    throw new PkiError('pki.key', 'the private key does not open: the passphrase is wrong, or it is damaged');
  }
}

function pbes2(salt: Uint8Array, iv: Uint8Array): Uint8Array {
  const { N, r, p } = scrypt;
  const kdf = sequence(
    oid(otherOids.scrypt),
    sequence(octetString(salt), smallInteger(N), smallInteger(r), smallInteger(p), smallInteger(keyBytes)),
  );
  const cipher = sequence(oid(otherOids.aes256Cbc), octetString(iv));
  return sequence(oid(otherOids.pbes2), sequence(kdf, cipher));
}
