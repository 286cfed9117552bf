import { oid, sequence, setOf } from './der/writer.ts';
import { algorithmOids, otherOids } from './oids.ts';

/**
 * `CsrAttrs` (RFC 7030 §4.5.2): what a server would have in a CSR: a key on P-256, signed with SHA-256, and, where requests have
 * to be linked to their connection, a challenge password (§3.5).
 */
export function csrAttributes(wanted: { readonly isLinkingRequired: boolean }): Uint8Array {
  const challenge = wanted.isLinkingRequired ? [oid(otherOids.challengePassword)] : [];
  const key = sequence(oid(algorithmOids.ecPublicKey), setOf(oid(algorithmOids.curveP256)));
  return sequence(...challenge, key, oid(algorithmOids.ecdsaWithSha256));
}
