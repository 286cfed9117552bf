import { verify } from 'node:crypto';
import type { MlDsaAlgorithm, SignerAlgorithm } from '@fleetward/core';
import { ReadBefore } from './der/read-before.ts';
import type { DerReader } from './der/reader.ts';
import { tags } from './der/tags.ts';
import { readNull, readOid } from './der/values.ts';
import { nullValue, oid, sequence } from './der/writer.ts';
import { PkiError } from './errors.ts';
import { algorithmOids } from './oids.ts';
import { keyObjectOf, type PublicKey } from './public-key.ts';

/** How something was signed; every algorithm outside our list is `unsupported` and refused where it matters. */
export type SignatureAlgorithm =
  | { readonly kind: 'ecdsa' | 'rsa-pkcs1'; readonly hash: 'sha256' | 'sha384' | 'sha512' }
  | { readonly kind: 'ed25519' }
  | { readonly kind: 'ml-dsa'; readonly parameterSet: MlDsaAlgorithm }
  | { readonly kind: 'unsupported'; readonly oid: string; readonly reason: string };

const byOid = new Map<string, SignatureAlgorithm>([
  [algorithmOids.ecdsaWithSha256, { kind: 'ecdsa', hash: 'sha256' }],
  [algorithmOids.ecdsaWithSha384, { kind: 'ecdsa', hash: 'sha384' }],
  [algorithmOids.ecdsaWithSha512, { kind: 'ecdsa', hash: 'sha512' }],
  [algorithmOids.sha256WithRsa, { kind: 'rsa-pkcs1', hash: 'sha256' }],
  [algorithmOids.sha384WithRsa, { kind: 'rsa-pkcs1', hash: 'sha384' }],
  [algorithmOids.sha512WithRsa, { kind: 'rsa-pkcs1', hash: 'sha512' }],
  [algorithmOids.ed25519, { kind: 'ed25519' }],
  [algorithmOids.mlDsa44, { kind: 'ml-dsa', parameterSet: 'ml-dsa-44' }],
  [algorithmOids.mlDsa65, { kind: 'ml-dsa', parameterSet: 'ml-dsa-65' }],
  [algorithmOids.mlDsa87, { kind: 'ml-dsa', parameterSet: 'ml-dsa-87' }],
]);

const what = 'the signature algorithm';
const readBefore = new ReadBefore<SignatureAlgorithm>(64);

/** Reads an AlgorithmIdentifier of a signature (RFC 5280 §4.1.1.2, RFC 4055, RFC 5758, RFC 8410, RFC 9881). */
export function readSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  return reader.known(readBefore, what, (own) => readWhole(own));
}

/**
 * The same of a CSR, where there may be NULL for ECDSA too: RFC 5758 §3.2 wants it left out, and `tpm2-openssl` before 1.2 writes it. A
 * CSR is looked at once and kept nowhere, so that it does no harm to have two forms.
 */
export function readCsrSignatureAlgorithm(reader: DerReader): SignatureAlgorithm {
  return readWhole(reader, ['rsa-pkcs1', 'ecdsa']);
}

function readWhole(
  reader: DerReader,
  mayHaveNull: readonly SignatureAlgorithm['kind'][] = ['rsa-pkcs1'],
): SignatureAlgorithm {
  const sequence = reader.enter(tags.sequence, what);
  const algorithmOid = readOid(sequence, what);
  const known = byOid.get(algorithmOid);
  if (known === undefined) {
    if (!sequence.done) sequence.any(what);
    sequence.end(what);
    return { kind: 'unsupported', oid: algorithmOid, reason: whyUnsupported(algorithmOid) };
  }
  // RFC 4055 §5: NULL for RSA, though its absence must be accepted; the others have no parameters.
  if (mayHaveNull.includes(known.kind) && !sequence.done) readNull(sequence, what);
  sequence.end(what);
  return known;
}

function whyUnsupported(algorithmOid: string): string {
  if (algorithmOid === algorithmOids.rsaPss)
    return 'RSA-PSS signatures are not accepted on certificates; use ECDSA, Ed25519 or RSA PKCS#1 v1.5 with SHA-256';
  return `the signature algorithm \`${algorithmOid}\` is weak or unknown; use ECDSA, Ed25519 or RSA with SHA-256 or better`;
}

export interface SignedBytes {
  readonly algorithm: SignatureAlgorithm;
  readonly message: Uint8Array;
  readonly signature: Uint8Array;
}

/** True only when the algorithm is one of ours, fits the key, and the signature is right. */
export function verifySignature(key: PublicKey, signed: SignedBytes): boolean {
  const { algorithm, message, signature } = signed;
  if (algorithm.kind === 'unsupported' || !fits(algorithm, key)) return false;
  const hash = 'hash' in algorithm ? algorithm.hash : null;
  return verify(hash, message, keyObjectOf(key), signature);
}

/** The same, computed beside the event loop; only the key is loaded on it. Never rejects but for a key that is none. */
export async function verifySignatureAside(key: PublicKey, signed: SignedBytes): Promise<boolean> {
  const { algorithm, message, signature } = signed;
  if (algorithm.kind === 'unsupported' || !fits(algorithm, key)) return false;
  const hash = 'hash' in algorithm ? algorithm.hash : null;
  const keyObject = keyObjectOf(key);
  return new Promise((resolve) =>
    verify(hash, message, keyObject, signature, (error, isRight) => resolve(error === null && isRight)),
  );
}

const keyKinds = { ecdsa: 'ec', 'rsa-pkcs1': 'rsa', ed25519: 'ed25519' } as const;

function fits(algorithm: Exclude<SignatureAlgorithm, { kind: 'unsupported' }>, key: PublicKey): boolean {
  if (algorithm.kind === 'ml-dsa')
    return key.kind === 'ml-dsa' && key.parameterSet === algorithm.parameterSet;
  return key.kind === keyKinds[algorithm.kind];
}

const encoded = new Map<SignerAlgorithm, Uint8Array>();

/** The AlgorithmIdentifier that goes into what this signer signs. */
export function encodeSignatureAlgorithm(algorithm: SignerAlgorithm): Uint8Array {
  const known = encoded.get(algorithm) ?? makeSignatureAlgorithm(algorithm);
  encoded.set(algorithm, known);
  return known;
}

function makeSignatureAlgorithm(algorithm: SignerAlgorithm): Uint8Array {
  switch (algorithm) {
    case 'ecdsa-p256-sha256':
      return sequence(oid(algorithmOids.ecdsaWithSha256));
    case 'ecdsa-p384-sha384':
      return sequence(oid(algorithmOids.ecdsaWithSha384));
    case 'ed25519':
      return sequence(oid(algorithmOids.ed25519));
    case 'ml-dsa-44':
      return sequence(oid(algorithmOids.mlDsa44));
    case 'ml-dsa-65':
      return sequence(oid(algorithmOids.mlDsa65));
    case 'ml-dsa-87':
      return sequence(oid(algorithmOids.mlDsa87));
    case 'rsa-pkcs1-sha256':
      return sequence(oid(algorithmOids.sha256WithRsa), nullValue());
    case 'rsa-pss-sha256':
      throw new PkiError('pki.issue', 'certificates are not signed with RSA-PSS; use another key for the CA');
  }
}

/** The kind of signer that signs so, when one of ours does. */
export function signerAlgorithmOf(algorithm: SignatureAlgorithm): SignerAlgorithm | undefined {
  if (algorithm.kind === 'unsupported') return undefined;
  if (algorithm.kind === 'ed25519') return 'ed25519';
  if (algorithm.kind === 'ml-dsa') return algorithm.parameterSet;
  if (algorithm.kind === 'rsa-pkcs1') return algorithm.hash === 'sha256' ? 'rsa-pkcs1-sha256' : undefined;
  if (algorithm.hash === 'sha256') return 'ecdsa-p256-sha256';
  return algorithm.hash === 'sha384' ? 'ecdsa-p384-sha384' : undefined;
}
