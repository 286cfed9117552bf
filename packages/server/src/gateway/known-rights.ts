import type { Certificate } from '@fleetward/pki';
import type { AttachedPolicy } from '@fleetward/policy';
import type { InEffect } from '../policies/index.ts';
import type { PrincipalClaim } from './authorizer.ts';
import type { Rights } from './rights.ts';

/** All that compiled rights follow from. */
interface Basis extends InEffect {
  readonly claim: PrincipalClaim;
}

interface Known extends Basis {
  readonly rights: Rights;
}

/**
 * The rights that were compiled last for each parsed certificate, and live as long as that: a device that comes again under the same
 * policies, as the same client, has them with all that was worked out before. Nothing is ever invalidated here: what is in effect is
 * looked up for each connection and each change, and only rights that were compiled from that very same are given again.
 */
export class KnownRights {
  readonly #byCertificate = new WeakMap<Certificate, Known>();
  readonly #compile: (basis: Basis) => Rights;

  constructor(compile: (basis: Basis) => Rights) {
    this.#compile = compile;
  }

  of(basis: Basis): Rights {
    const { certificate } = basis.claim;
    if (certificate === undefined) return this.#compile(basis);
    const known = this.#byCertificate.get(certificate);
    if (known !== undefined && isSame(known, basis)) return known.rights;
    const rights = this.#compile(basis);
    this.#byCertificate.set(certificate, { ...basis, rights });
    return rights;
  }
}

function isSame(one: Basis, other: Basis): boolean {
  return (
    one.thing === other.thing &&
    isSameClient(one.claim, other.claim) &&
    one.policies.length === other.policies.length &&
    one.policies.every((policy, at) => isSamePolicy(policy, other.policies[at]!))
  );
}

function isSameClient(one: PrincipalClaim, other: PrincipalClaim): boolean {
  return (
    one.clientId === other.clientId &&
    one.remoteAddress === other.remoteAddress &&
    one.connect?.persistent === other.connect?.persistent &&
    one.connect?.willTopic === other.connect?.willTopic
  );
}

/** Those of groups are put together anew each time. */
function isSamePolicy(one: AttachedPolicy, other: AttachedPolicy): boolean {
  return (
    one === other ||
    (one.document === other.document &&
      one.name === other.name &&
      one.versionId === other.versionId &&
      one.via === other.via &&
      one.groupName === other.groupName)
  );
}
