import { equalBytes } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import type { Trust } from './authorities.ts';

/**
 * What a holder of a certificate by this CA presents besides it: the CA, and the cross-certificates of its root, so that a peer that
 * trusts another root than the newest one finds its way.
 */
export function chainAbove(issuer: Certificate, { roots, issuers }: Trust): readonly Certificate[] {
  const crossing = issuers.filter(
    (ca) =>
      equalBytes(ca.subject.der, issuer.issuer.der) &&
      ca.id !== issuer.id &&
      roots.some((root) => equalBytes(root.subject.der, ca.issuer.der)),
  );
  return [issuer, ...crossing];
}
