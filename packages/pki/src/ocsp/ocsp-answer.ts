import { createHash } from 'node:crypto';
import { equalBytes, type Signer } from '@fleetward/core';
import type { Certificate } from '../certificate/certificate.ts';
import { type RevocationReason, revocationReasons } from '../crl/revocation-reason.ts';
import { openDer } from '../der/reader.ts';
import { contextConstructed } from '../der/tags.ts';
import { encodeGeneralizedTime } from '../der/time.ts';
import {
  bitString,
  element,
  enumerated,
  explicit,
  implicit,
  octetString,
  oid,
  sequence,
} from '../der/writer.ts';
import { PkiError } from '../errors.ts';
import { encodeExtension } from '../issue/encode-extensions.ts';
import { limits } from '../limits.ts';
import { otherOids } from '../oids.ts';
import { encodeSignatureAlgorithm, readSignatureAlgorithm, verifySignature } from '../signature.ts';
import type { CertId } from './cert-id.ts';
import { lintTbsOcsp } from './lint-ocsp.ts';

export type CertStatus =
  | { readonly kind: 'good' }
  | { readonly kind: 'revoked'; readonly atMs: number; readonly reason: RevocationReason };

export interface OcspAnswer {
  /** The CA that issued the certificates; it answers by itself (RFC 6960 §2.2). */
  readonly issuer: Certificate;
  readonly signer: Signer;
  readonly statuses: readonly { readonly certId: CertId; readonly status: CertStatus }[];
  readonly producedAtMs: number;
  readonly nextUpdateMs: number;
  /** As `parseOcspRequest` has it. */
  readonly nonce?: Uint8Array | undefined;
}

/** Build, lint, sign, verify, assemble an answer (RFC 6960 §4.2), DER. Throws `pki.lint` or `pki.issue`. */
export async function issueOcspAnswer(answer: OcspAnswer): Promise<Uint8Array> {
  const { issuer, signer } = answer;
  if (!equalBytes(issuer.publicKey.spki, signer.publicKey))
    throw new PkiError('pki.issue', "the signer's key is not the issuer's");
  const tbs = buildTbsOcsp(answer);
  lintTbsOcsp(tbs);
  const signature = await signer.sign(tbs);
  const identifier = encodeSignatureAlgorithm(signer.algorithm);
  const algorithm = readSignatureAlgorithm(openDer(identifier, limits.ocspResponseBytesMax));
  if (!verifySignature(issuer.publicKey, { algorithm, message: tbs, signature }))
    throw new PkiError('pki.issue', 'the signer returned a signature that does not verify');
  const basic = sequence(tbs, identifier, bitString(signature));
  const bytes = sequence(oid(otherOids.ocspBasic), octetString(basic));
  return sequence(enumerated(0), explicit(0, bytes));
}

/** Why there is no answer (RFC 6960 §4.2.1); not signed. */
const errorStatuses = { malformedRequest: 1, internalError: 2, tryLater: 3, unauthorized: 6 } as const;

export function ocspError(status: keyof typeof errorStatuses): Uint8Array {
  return sequence(enumerated(errorStatuses[status]));
}

/** The bytes to be signed, a ResponseData. */
export function buildTbsOcsp(content: Omit<OcspAnswer, 'signer'>): Uint8Array {
  const { issuer, statuses, producedAtMs, nextUpdateMs, nonce } = content;
  const keyHash = new Uint8Array(createHash('sha1').update(issuer.publicKey.bits).digest()); // RFC 6960 §4.2.1, KeyHash
  const times = [encodeGeneralizedTime(producedAtMs), explicit(0, encodeGeneralizedTime(nextUpdateMs))];
  const singles = statuses.map(({ certId, status }) => sequence(certId.der, encodeStatus(status), ...times));
  return sequence(
    explicit(2, octetString(keyHash)),
    encodeGeneralizedTime(producedAtMs),
    sequence(...singles),
    ...(nonce === undefined ? [] : [explicit(1, sequence(encodeExtension(otherOids.ocspNonce, nonce)))]),
  );
}

function encodeStatus(status: CertStatus): Uint8Array {
  if (status.kind === 'good') return implicit(0, new Uint8Array());
  const { atMs, reason } = status;
  const why = reason === 'unspecified' ? [] : [explicit(0, enumerated(revocationReasons[reason]))];
  return element(contextConstructed(1), encodeGeneralizedTime(atMs), ...why);
}
