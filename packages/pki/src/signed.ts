import { type DerReader, openDer } from './der/reader.ts';
import { tags } from './der/tags.ts';
import { readBitStringOctets } from './der/values.ts';
import { PkiError, type PkiErrorCode } from './errors.ts';
import { readSignatureAlgorithm, type SignatureAlgorithm } from './signature.ts';

export interface SignedObject<Body> {
  readonly tbs: Uint8Array;
  readonly body: Body;
  readonly signatureAlgorithm: SignatureAlgorithm;
  readonly signature: Uint8Array;
}

export interface SignedRules<Body> {
  readonly what: string;
  readonly bytesMax: number;
  readonly readBody: (reader: DerReader) => Body;
  readonly readAlgorithm?: (reader: DerReader) => SignatureAlgorithm;
}

/** The frame certificates, CSRs and CRLs share: what is signed, the algorithm, the signature (RFC 5280 §4.1.1). */
export function parseSigned<Body>(
  der: Uint8Array,
  { what, bytesMax, readBody, readAlgorithm = readSignatureAlgorithm }: SignedRules<Body>,
): SignedObject<Body> {
  const reader = openDer(der, bytesMax);
  const sequence = reader.enter(tags.sequence, what);
  reader.end(what);
  const tbs = sequence.peek(what);
  const body = readBody(sequence);
  const signatureAlgorithm = readAlgorithm(sequence);
  const signature = readBitStringOctets(sequence, 'the signature');
  sequence.end(what);
  return { tbs, body, signatureAlgorithm, signature };
}

/** RFC 5280 §4.1.1.2: the algorithm inside what is signed and the one beside it are the same. */
export function assertSameAlgorithm(
  inner: SignatureAlgorithm,
  outer: { readonly algorithm: SignatureAlgorithm; readonly code: PkiErrorCode },
): void {
  if (inner === outer.algorithm) return;
  const bothUnsupported = inner.kind === 'unsupported' && outer.algorithm.kind === 'unsupported';
  if (bothUnsupported && inner.oid === outer.algorithm.oid) return;
  throw new PkiError(
    outer.code,
    'the signature algorithm inside and outside differ (RFC 5280 section 4.1.1.2)',
  );
}
