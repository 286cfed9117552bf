import type { CertificateId, PolicyName } from '@fleetward/core';
import type { AttachedPolicy } from '@fleetward/policy';
import type { PolicyAttachment } from './store.ts';

const none: ReadonlySet<never> = new Set<never>();

/** Default versions and attachments in memory, what every decision rests on. Changed in the tick of each commit. */
export class PolicyRegistry {
  // One object a policy, shared by all certificates it is attached to.
  readonly #inForce = new Map<PolicyName, AttachedPolicy>();
  readonly #byCertificate = new Map<CertificateId, ReadonlySet<PolicyName>>();
  readonly #byPolicy = new Map<PolicyName, Set<CertificateId>>();

  putInForce(name: PolicyName, version: Pick<AttachedPolicy, 'versionId' | 'document'>): void {
    this.#inForce.set(name, { ...version, name, via: 'certificate' });
  }

  inForce(name: PolicyName): AttachedPolicy | undefined {
    return this.#inForce.get(name);
  }

  remove(name: PolicyName): void {
    for (const certificateId of [...this.certificatesOf(name)])
      this.detach({ policyName: name, certificateId });
    this.#inForce.delete(name);
  }

  attach({ policyName, certificateId }: PolicyAttachment): void {
    this.#byCertificate.set(certificateId, new Set(this.namesOf(certificateId)).add(policyName));
    this.#byPolicy.set(policyName, (this.#byPolicy.get(policyName) ?? new Set()).add(certificateId));
  }

  detach({ policyName, certificateId }: PolicyAttachment): void {
    const names = new Set(this.namesOf(certificateId));
    names.delete(policyName);
    if (names.size === 0) this.#byCertificate.delete(certificateId);
    else this.#byCertificate.set(certificateId, names);
    this.#byPolicy.get(policyName)?.delete(certificateId);
  }

  namesOf(certificateId: CertificateId): ReadonlySet<PolicyName> {
    return this.#byCertificate.get(certificateId) ?? none;
  }

  certificatesOf(name: PolicyName): ReadonlySet<CertificateId> {
    return this.#byPolicy.get(name) ?? none;
  }

  attachedTo(certificateId: CertificateId): readonly AttachedPolicy[] {
    const policies: AttachedPolicy[] = [];
    for (const name of this.namesOf(certificateId)) {
      const policy = this.#inForce.get(name);
      if (policy !== undefined) policies.push(policy);
    }
    return policies;
  }
}
