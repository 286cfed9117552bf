import type { CertificateId } from '@fleetward/core';
import { openDer } from '../der/reader.ts';
import { tags } from '../der/tags.ts';
import { readUnsigned } from '../der/values.ts';
import { bitString, sequence, unsigned } from '../der/writer.ts';
import { encodeSignatureAlgorithm, signerAlgorithmOf } from '../signature.ts';
import { type Certificate, certificateIdOf } from './certificate.ts';

/** The orders of the groups (FIPS 186-4 appendix D.1.2.3 and D.1.2.4), by the hash that goes with the curve. */
const orders = {
  sha256: 0xffffffff_00000000_ffffffff_ffffffff_bce6faad_a7179e84_f3b9cac2_fc632551n,
  sha384:
    0xffffffff_ffffffff_ffffffff_ffffffff_ffffffff_ffffffff_c7634d81_f4372ddf_581a0db2_48b0a77a_ecec196a_ccc52973n,
} as const;

/**
 * The ids that a certificate of one of our CAs has where the same bytes were signed and the rest is as the CA wrote it. Whoever holds a
 * certificate can write it anew with another id and a signature that verifies: an ECDSA signature (r, s) as (r, n - s), an
 * AlgorithmIdentifier of RSA without its NULL. For a certificate whose signature verifies.
 */
export function otherEncodingsOf(certificate: Certificate): readonly CertificateId[] {
  const { tbs, signature, signatureAlgorithm } = certificate;
  const algorithm = signerAlgorithmOf(signatureAlgorithm);
  if (algorithm === undefined) return [];
  const encoded = encodeSignatureAlgorithm(algorithm);
  return [signature, ...mirrored(certificate)]
    .map((one) => certificateIdOf(sequence(tbs, encoded, bitString(one))))
    .filter((id) => id !== certificate.id);
}

function mirrored({ signature, signatureAlgorithm: algorithm }: Certificate): readonly Uint8Array[] {
  if (algorithm.kind !== 'ecdsa' || algorithm.hash === 'sha512') return [];
  const what = 'the signature';
  const pair = openDer(signature, signature.length).enter(tags.sequence, what);
  const r = readUnsigned(pair, what);
  const s = BigInt(`0x${Buffer.from(readUnsigned(pair, what)).toString('hex')}`);
  const other = (orders[algorithm.hash] - s).toString(16);
  return [
    sequence(
      unsigned(r),
      unsigned(Buffer.from(other.padStart(other.length + (other.length % 2), '0'), 'hex')),
    ),
  ];
}
