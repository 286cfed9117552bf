import { hash } from 'node:crypto';
import { concatBytes } from '@fleetward/core';
import { bitString, nullValue, oid, sequence, unsigned } from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { algorithmOids } from '../oids.ts';
import { type PublicKey, parsePublicKey } from '../public-key.ts';
import { tpmAlgorithms, tpmHash } from './algorithms.ts';
import { TpmReader } from './reader.ts';

/** What a TPM says an object may do (TPMA_OBJECT, TPM 2.0 Part 2 §8.3). */
export interface TpmAttributes {
  readonly fixedTpm: boolean;
  readonly fixedParent: boolean;
  readonly sensitiveDataOrigin: boolean;
  readonly restricted: boolean;
  readonly decrypt: boolean;
  readonly sign: boolean;
}

/** The public area of an asymmetric key in a TPM. Nothing in it is proved by itself. */
export interface TpmPublic {
  /** The algorithm and the hash of the public area by it (TPM 2.0 Part 1 §16): what names the key to a TPM. */
  readonly name: Uint8Array;
  readonly attributes: TpmAttributes;
  readonly publicKey: PublicKey;
}

const what = 'the public area';

/** Parses one TPM2B_PUBLIC of an RSA or ECC key (TPM 2.0 Part 2 §12.2.5). Throws `pki.tpm` or `pki.too_large`. */
export function parseTpmPublic(bytes: Uint8Array): TpmPublic {
  const outer = new TpmReader(bytes, { what, bytesMax: limits.tpmStructureBytesMax });
  const area = outer.sized();
  outer.end();
  const reader = new TpmReader(area, { what, bytesMax: limits.tpmStructureBytesMax });
  const type = reader.uint16();
  const nameAlgorithm = reader.uint16();
  const attributes = attributesOf(reader.uint32());
  reader.sized(); // authPolicy
  const publicKey = keyOfType(type, reader);
  reader.end();
  return { name: nameOf(area, nameAlgorithm), attributes, publicKey };
}

function nameOf(area: Uint8Array, algorithm: number): Uint8Array {
  const digest = hash(tpmHash(algorithm, 'the name algorithm'), area, 'buffer');
  return concatBytes([Uint8Array.of(algorithm >> 8, algorithm & 0xff), digest]);
}

function attributesOf(bits: number): TpmAttributes {
  const has = (bit: number): boolean => (bits & (1 << bit)) !== 0;
  return {
    fixedTpm: has(1),
    fixedParent: has(4),
    sensitiveDataOrigin: has(5),
    restricted: has(16),
    decrypt: has(17),
    sign: has(18),
  };
}

function keyOfType(type: number, reader: TpmReader): PublicKey {
  if (type === tpmAlgorithms.rsa) return rsaKey(reader);
  if (type === tpmAlgorithms.ecc) return eccKey(reader);
  throw new PkiError('pki.tpm', `${what} is of no RSA or ECC key`);
}

/** TPMS_RSA_PARMS and TPM2B_PUBLIC_KEY_RSA (TPM 2.0 Part 2 §12.2.3.5, §11.2.4.5). */
function rsaKey(reader: TpmReader): PublicKey {
  skipSymmetric(reader);
  skipScheme(reader);
  reader.uint16(); // keyBits: the modulus says it
  const exponent = reader.uint32();
  const modulus = reader.sized();
  if (modulus.length === 0) throw new PkiError('pki.tpm', `${what} has no modulus`);
  const key = sequence(unsigned(modulus), unsigned(exponentBytes(exponent)));
  return parsePublicKey(sequence(sequence(oid(algorithmOids.rsaEncryption), nullValue()), bitString(key)));
}

/** Zero stands for 65537. */
function exponentBytes(exponent: number): Uint8Array {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(exponent === 0 ? 65_537 : exponent);
  return bytes;
}

const curves: ReadonlyMap<number, { readonly oid: string; readonly octets: number }> = new Map([
  [0x0003, { oid: algorithmOids.curveP256, octets: 32 }],
  [0x0004, { oid: algorithmOids.curveP384, octets: 48 }],
]);

/** TPMS_ECC_PARMS and TPMS_ECC_POINT (TPM 2.0 Part 2 §12.2.3.6, §11.2.5.2). */
function eccKey(reader: TpmReader): PublicKey {
  skipSymmetric(reader);
  skipScheme(reader);
  const curve = curves.get(reader.uint16());
  if (curve === undefined)
    throw new PkiError('pki.tpm', `${what} is on no curve that is accepted: P-256, P-384`);
  if (reader.uint16() !== tpmAlgorithms.null) reader.uint16(); // kdf
  const [x, y] = [reader.sized(), reader.sized()].map((part) => padded(part, curve.octets)) as [
    Buffer,
    Buffer,
  ];
  const point = concatBytes([Uint8Array.of(4), x, y]);
  return parsePublicKey(sequence(sequence(oid(algorithmOids.ecPublicKey), oid(curve.oid)), bitString(point)));
}

/** There are TPMs that leave leading zeros out. */
export function padded(magnitude: Uint8Array, octets: number): Uint8Array {
  if (magnitude.length > octets)
    throw new PkiError('pki.tpm', `a number of ${magnitude.length} bytes where ${octets} are`);
  return concatBytes([new Uint8Array(octets - magnitude.length), magnitude]);
}

/** TPMT_SYM_DEF_OBJECT: with key size and mode but for none. */
function skipSymmetric(reader: TpmReader): void {
  if (reader.uint16() !== tpmAlgorithms.null) reader.uint32();
}

/** TPMT_RSA_SCHEME or TPMT_ECC_SCHEME: with a hash but for none and RSAES, with a count too for ECDAA. */
function skipScheme(reader: TpmReader): void {
  const scheme = reader.uint16();
  if (scheme === tpmAlgorithms.null || scheme === tpmAlgorithms.rsaes) return;
  reader.uint16();
  if (scheme === tpmAlgorithms.ecdaa) reader.uint16();
}
