import type { CertificateId, GroupName, PolicyName } from '@fleetward/core';
import type { AttachedPolicy } from '@fleetward/policy';
import { Attachments } from './attachments.ts';

/** Default versions and attachments in memory, what every decision rests on. Changed in the tick of each commit. */
export class PolicyRegistry {
  readonly certificates = new Attachments<CertificateId>();
  readonly groups = new Attachments<GroupName>();
  // One object a policy, shared by all certificates it is attached to.
  readonly #inForce = new Map<PolicyName, AttachedPolicy>();

  putInForce(name: PolicyName, version: Pick<AttachedPolicy, 'versionId' | 'document'>): void {
    this.#inForce.set(name, { ...version, name, via: 'certificate' });
  }

  inForce(name: PolicyName): AttachedPolicy | undefined {
    return this.#inForce.get(name);
  }

  remove(name: PolicyName): void {
    this.certificates.remove(name);
    this.groups.remove(name);
    this.#inForce.delete(name);
  }

  attachedTo(certificateId: CertificateId): readonly AttachedPolicy[] {
    const attached: AttachedPolicy[] = [];
    for (const name of this.certificates.policiesOf(certificateId)) {
      const policy = this.#inForce.get(name);
      if (policy !== undefined) attached.push(policy);
    }
    return attached;
  }

  /** Each policy once, under the first of the groups that has it, and that counts. */
  ofGroups(
    groupNames: Iterable<GroupName>,
    counts: (groupName: GroupName, name: PolicyName) => boolean = () => true,
  ): readonly AttachedPolicy[] {
    const policies = new Map<PolicyName, AttachedPolicy>();
    for (const groupName of groupNames) {
      for (const name of this.groups.policiesOf(groupName)) {
        const policy = this.#inForce.get(name);
        if (policy !== undefined && !policies.has(name) && counts(groupName, name))
          policies.set(name, { ...policy, via: 'group', groupName });
      }
    }
    return [...policies.values()];
  }
}
