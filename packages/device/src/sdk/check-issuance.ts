import { X509Certificate } from 'node:crypto';
import { type CertificateId, fromBase64, parseCertificateId, parseSha256 } from '@fleetward/core';
import {
  type ApiClient,
  getOwnInclusion,
  type IssuanceVerdict,
  type Part,
  type TreeHead,
  verifyIssuanceProof,
} from '@fleetward/protocol';
import type { DeviceIdentity } from './identity.ts';

/** What a device keeps of the platform's log of issued certificates between two looks at it. */
export interface KnownLog {
  /** Base64 of the SPKI. */
  readonly publicKey: string;
  readonly head: TreeHead;
}

/** `log` is to be kept for the next look; a refusal leaves what was known as it is. */
export type IssuanceCheck =
  | { readonly kind: 'logged'; readonly log: KnownLog }
  | Extract<IssuanceVerdict, { kind: 'refused' }>;

/**
 * Whether the platform's log has the device's certificate and, against `known`, was only added to (RFC 9162 §2.1.3, §2.1.4). Without
 * `known` the log's key is taken from the platform, once. Throws `ApiError` when the platform cannot be asked.
 */
export async function checkIssuance(
  api: Pick<ApiClient, 'call'>,
  { identity, known }: { readonly identity: Pick<DeviceIdentity, 'chain'>; readonly known?: KnownLog },
): Promise<IssuanceCheck> {
  const query = known === undefined ? {} : { size: known.head.size };
  const answer = await api.call(getOwnInclusion, { query });
  const publicKey = known?.publicKey ?? answer.publicKey;
  const proof = proofOf(answer);
  const verdict = verifyIssuanceProof(proof, {
    publicKey: fromBase64(publicKey),
    certificateId: certificateIdOf(identity.chain),
    ...(known === undefined ? {} : { known: known.head }),
  });
  return verdict.kind === 'refused' ? verdict : { kind: 'logged', log: { publicKey, head: proof.head } };
}

function proofOf({ entry, path, head, consistency }: Part<(typeof getOwnInclusion)['answer']>) {
  return {
    entry: { ...entry, certificateId: parseCertificateId(entry.certificateId) },
    path: path.map(parseSha256),
    head: { ...head, rootHash: parseSha256(head.rootHash) },
    ...(consistency === undefined ? {} : { consistency: consistency.map(parseSha256) }),
  };
}

/** Of the leaf, the first certificate. */
function certificateIdOf(pem: string): CertificateId {
  return parseCertificateId(new X509Certificate(pem).fingerprint256.replaceAll(':', '').toLowerCase());
}
