import { createPublicKey, hash, type KeyObject } from 'node:crypto';
import { type MlDsaAlgorithm, toBase64 } from '@fleetward/core';
import type { DerReader } from './der/reader.ts';
import { openDer } from './der/reader.ts';
import { tags } from './der/tags.ts';
import { readBitStringOctets, readNull, readOid, readUnsigned } from './der/values.ts';
import { PkiError } from './errors.ts';
import { limits } from './limits.ts';
import { algorithmOids } from './oids.ts';

interface KeyBytes {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Uint8Array;
  /** Content of the subjectPublicKey bit string: what key identifiers are hashed from. */
  readonly bits: Uint8Array;
}

/** A public key as a certificate or CSR carries it (RFC 5280 §4.1.2.7, RFC 3279, RFC 5480, RFC 8410, RFC 9881). */
export type PublicKey =
  | (KeyBytes & {
      readonly kind: 'rsa';
      readonly sizeBits: number;
      readonly modulus: Uint8Array;
      readonly exponent: Uint8Array;
    })
  | (KeyBytes & { readonly kind: 'ec'; readonly curve: 'P-256' | 'P-384'; readonly sizeBits: 256 | 384 })
  | (KeyBytes & { readonly kind: 'ed25519'; readonly sizeBits: 256 })
  | (KeyBytes & {
      readonly kind: 'ml-dsa';
      readonly parameterSet: MlDsaAlgorithm;
      /** Of the encoded key, which says little of its strength. */
      readonly sizeBits: number;
    })
  | (KeyBytes & { readonly kind: 'unsupported'; readonly oid: string; readonly reason: string });

/** Parses one DER-encoded SubjectPublicKeyInfo; a kind of key we do not take comes back as `unsupported`. */
export function parsePublicKey(spki: Uint8Array): PublicKey {
  const reader = openDer(spki, limits.certificateBytesMax);
  const key = readPublicKey(reader);
  reader.end('the public key');
  return key;
}

export function readPublicKey(reader: DerReader): PublicKey {
  const spki = reader.peek('the public key');
  const sequence = reader.enter(tags.sequence, 'the public key');
  const algorithm = sequence.enter(tags.sequence, "the public key's algorithm");
  const oid = readOid(algorithm, "the public key's algorithm");
  const bits = readBitStringOctets(sequence, "the public key's bits");
  sequence.end('the public key');
  return byAlgorithm({ oid, algorithm, bytes: { spki, bits } });
}

interface RawKey {
  readonly oid: string;
  /** Stands at the algorithm's parameters. */
  readonly algorithm: DerReader;
  readonly bytes: KeyBytes;
}

function byAlgorithm(raw: RawKey): PublicKey {
  switch (raw.oid) {
    case algorithmOids.rsaEncryption:
      return rsaKey(raw);
    case algorithmOids.ecPublicKey:
      return ecKey(raw);
    case algorithmOids.ed25519:
      raw.algorithm.end("the public key's algorithm");
      return { ...raw.bytes, kind: 'ed25519', sizeBits: 256 };
    case algorithmOids.mlDsa44:
      return mlDsaKey(raw, 'ml-dsa-44');
    case algorithmOids.mlDsa65:
      return mlDsaKey(raw, 'ml-dsa-65');
    case algorithmOids.mlDsa87:
      return mlDsaKey(raw, 'ml-dsa-87');
    default:
      if (!raw.algorithm.done) raw.algorithm.any("the public key's parameters");
      return unsupported(raw, `public keys of algorithm \`${raw.oid}\` are not accepted`);
  }
}

// RFC 9881 §4: the parameters are absent.
function mlDsaKey({ algorithm, bytes }: RawKey, parameterSet: MlDsaAlgorithm): PublicKey {
  algorithm.end("the public key's algorithm");
  return { ...bytes, kind: 'ml-dsa', parameterSet, sizeBits: bytes.bits.length * 8 };
}

function rsaKey({ algorithm, bytes }: RawKey): PublicKey {
  readNull(algorithm, "the RSA key's parameters");
  algorithm.end("the RSA key's algorithm");
  const reader = openDer(bytes.bits, limits.certificateBytesMax);
  const sequence = reader.enter(tags.sequence, 'the RSA key');
  const modulus = readUnsigned(sequence, "the RSA key's modulus");
  const exponent = readUnsigned(sequence, "the RSA key's exponent");
  sequence.end('the RSA key');
  reader.end('the RSA key');
  return { ...bytes, kind: 'rsa', sizeBits: bitLength(modulus), modulus, exponent };
}

export function bitLength(magnitude: Uint8Array): number {
  return magnitude.length * 8 - (Math.clz32(magnitude[0] ?? 0) - 24);
}

function ecKey(raw: RawKey): PublicKey {
  const { algorithm, bytes } = raw;
  if (algorithm.peekTag() !== tags.oid) {
    algorithm.any("the EC key's parameters");
    return unsupported(raw, 'an EC key must name its curve (RFC 5480 section 2.1.1)');
  }
  const curve = readOid(algorithm, "the EC key's curve");
  algorithm.end("the EC key's algorithm");
  if (curve === algorithmOids.curveP256) return { ...bytes, kind: 'ec', curve: 'P-256', sizeBits: 256 };
  if (curve === algorithmOids.curveP384) return { ...bytes, kind: 'ec', curve: 'P-384', sizeBits: 384 };
  return unsupported(raw, `the curve \`${curve}\` is not accepted; use P-256 or P-384`);
}

function unsupported({ oid, bytes }: RawKey, reason: string): PublicKey {
  return { ...bytes, kind: 'unsupported', oid, reason };
}

// A KeyObject costs more than the rest of a certificate; an issuer's is made once.
const keyObjects = new WeakMap<PublicKey, KeyObject>();

/** The key for node:crypto, made once for each `PublicKey`. Throws `pki.key` when it is not a point of its curve. */
export function keyObjectOf(key: PublicKey): KeyObject {
  const known = keyObjects.get(key);
  if (known !== undefined) return known;
  const made = makeKeyObject(key);
  keyObjects.set(key, made);
  return made;
}

/** As `keyObjectOf`, but nothing is kept: whoever only asks whether a key is one may never verify with it. */
export function assertLoadable(key: PublicKey): void {
  if (!keyObjects.has(key)) makeKeyObject(key);
}

function makeKeyObject(key: PublicKey): KeyObject {
  if (key.kind === 'unsupported') throw new PkiError('pki.key', key.reason);
  try {
    // As text: Node 24 takes more than twice as long over DER, which it takes in an options object only.
    return createPublicKey(`-----BEGIN PUBLIC KEY-----\n${toBase64(key.spki)}\n-----END PUBLIC KEY-----\n`);
  } catch (cause) {
    const orUnknown = key.kind === 'ml-dsa' ? ', or this Node.js does not know ML-DSA' : '';
    throw new PkiError('pki.key', `the public key is not valid for its algorithm${orUnknown}`, { cause });
  }
}

/** Subject key identifier: the first 20 octets of SHA-256 over the key bits (RFC 7093 §2, method 1). */
export function keyIdentifier(key: PublicKey): Uint8Array {
  return new Uint8Array(hash('sha256', key.bits, 'buffer').subarray(0, 20));
}
