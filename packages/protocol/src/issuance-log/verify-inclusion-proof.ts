import { type CertificateId, fromHex, type Sha256 } from '@fleetward/core';
import { entryHash, type IssuanceLogEntry } from './log-entry.ts';
import { isTreeHeadSigned, type TreeHead } from './tree-head.ts';
import { isConsistent, isIncluded } from './verify-proofs.ts';

/** That an entry is in the tree of `head`; with `consistency` also that this tree goes on from a known one. */
export interface IssuanceProof {
  readonly entry: IssuanceLogEntry;
  readonly path: readonly Sha256[];
  readonly head: TreeHead;
  readonly consistency?: readonly Sha256[];
}

export interface IssuanceTrust {
  /** The log's key: SPKI, DER. */
  readonly publicKey: Uint8Array;
  /** The certificate in question: SHA-256 of its DER. */
  readonly certificateId: CertificateId;
  /** A head that was seen before: the log must go on from it. */
  readonly known?: Pick<TreeHead, 'size' | 'rootHash'>;
}

export type IssuanceVerdict =
  | { readonly kind: 'proven' }
  | { readonly kind: 'refused'; readonly reason: string };

/** Decides without a platform whether a certificate is in the log that the key signs. */
export function verifyIssuanceProof(proof: IssuanceProof, trust: IssuanceTrust): IssuanceVerdict {
  const reason = flawOf(proof, trust);
  return reason === undefined ? { kind: 'proven' } : { kind: 'refused', reason };
}

function flawOf(
  { entry, path, head, consistency }: IssuanceProof,
  { publicKey, certificateId, known }: IssuanceTrust,
): string | undefined {
  if (entry.certificateId !== certificateId) return 'the proof is for another certificate';
  if (!isTreeHeadSigned(head, publicKey)) return 'the tree head is not signed by this key (RFC 9162 §4.10)';
  const root = fromHex(head.rootHash);
  const { size } = head;
  const inclusion = { leaf: entryHash(entry), index: entry.index, size, path: path.map(fromHex), root };
  if (!isIncluded(inclusion)) return 'the entry is not in the tree of the head (RFC 9162 §2.1.3.2)';
  if (known === undefined) return undefined;
  const from = { size: known.size, root: fromHex(known.rootHash) };
  if (isConsistent({ from, to: { size, root }, path: (consistency ?? []).map(fromHex) })) return undefined;
  return `the log does not go on from the head known before, of ${known.size} entries: something was changed or taken back (RFC 9162 §2.1.4.2)`;
}
