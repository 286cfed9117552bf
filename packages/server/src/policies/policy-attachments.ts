import type { CertificateId, PolicyName, Transaction } from '@fleetward/core';
import type { Groups } from '../groups/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import type { PolicyChange } from './attached-sets.ts';
import { PoliciesError } from './errors.ts';
import type { PolicyRecords } from './records.ts';
import type { PolicyRegistry } from './registry.ts';
import { assertAttachable, assertGroupAttachable } from './rules.ts';
import type { GroupAttachment, PolicyAttachment, PolicyStore } from './store.ts';

export interface AttachmentsOptions {
  readonly store: Pick<PolicyStore, 'attach' | 'detach' | 'attachToGroup' | 'detachFromGroup'>;
  readonly records: PolicyRecords;
  readonly registry: PolicyRegistry;
  readonly trail: Pick<Trail, 'append'>;
  readonly groups: Pick<Groups, 'getStatic' | 'hold' | 'certificatesUnder' | 'limits'>;
  /** Whether the platform issued this certificate: a mistyped id must not be attached. */
  readonly isKnownCertificate: (certificateId: CertificateId) => boolean;
  readonly policiesPerCertificateMax: number;
  /** Does the work in a transaction after the guard rails are proved of what the change makes. */
  readonly transact: <Result>(
    change: PolicyChange,
    work: (tx: Transaction) => Promise<Result>,
  ) => Promise<Result>;
  /** Called in the tick in which the commit is known. */
  readonly announce: (policyName: PolicyName, certificateIds: readonly CertificateId[]) => void;
}

/** Policies on certificates and groups: who has which, in force in the tick in which the change is durable. */
export class PolicyAttachments {
  readonly #options: AttachmentsOptions;

  constructor(options: AttachmentsOptions) {
    this.#options = options;
  }

  /** Throws `policies.not_found`, `policies.certificate_unknown` or `policies.attachment_limit`. */
  async attach(attachment: PolicyAttachment, actor: Actor): Promise<void> {
    if (!this.#options.isKnownCertificate(attachment.certificateId)) {
      throw new PoliciesError(
        'policies.certificate_unknown',
        `there is no certificate \`${attachment.certificateId}\``,
      );
    }
    const { policyName, certificateId } = attachment;
    const change = { kind: 'attached', name: policyName, certificateIds: [certificateId] } as const;
    await this.#options.transact(change, (tx) => this.attachWithin(tx, attachment, actor));
  }

  /** Attaches to all of the certificates or to none. Throws as `attach`. */
  attachAll(
    wanted: { readonly policyName: PolicyName; readonly certificateIds: readonly CertificateId[] },
    actor: Actor,
  ): Promise<void> {
    const { policyName, certificateIds } = wanted;
    return this.#options.transact({ kind: 'attached', name: policyName, certificateIds }, async (tx) => {
      await this.#options.records.get(policyName, tx);
      for (const certificateId of certificateIds)
        await this.attachWithin(tx, { policyName, certificateId }, actor);
    });
  }

  /** As `attach`, as part of a change that makes the certificate itself. */
  async attachWithin(tx: Transaction, attachment: PolicyAttachment, actor: Actor): Promise<void> {
    await this.#options.records.get(attachment.policyName, tx);
    const present = this.#options.registry.certificates.policiesOf(attachment.certificateId);
    assertAttachable(attachment, { present, max: this.#options.policiesPerCertificateMax });
    await this.#options.store.attach(tx, attachment);
    await this.#options.trail.append(tx, { kind: 'policy.attached', actor, payload: { ...attachment } });
    tx.afterCommit(() => {
      this.#options.registry.certificates.attach(attachment.policyName, attachment.certificateId);
      this.#options.announce(attachment.policyName, [attachment.certificateId]);
    });
  }

  /** Throws `policies.not_attached`. */
  detach(attachment: PolicyAttachment, actor: Actor): Promise<void> {
    const { policyName, certificateId } = attachment;
    const change = { kind: 'detached', name: policyName, certificateIds: [certificateId] } as const;
    return this.#options.transact(change, async (tx) => {
      if (!(await this.#options.store.detach(tx, attachment))) {
        const message = `policy \`${policyName}\` is not attached to certificate \`${certificateId}\``;
        throw new PoliciesError('policies.not_attached', message);
      }
      await this.#options.trail.append(tx, { kind: 'policy.detached', actor, payload: { ...attachment } });
      tx.afterCommit(() => {
        this.#options.registry.certificates.detach(attachment.policyName, attachment.certificateId);
        this.#options.announce(attachment.policyName, [attachment.certificateId]);
      });
    });
  }

  /** It holds for every thing of the group and of what is under it, at once. Throws `policies.not_found`, `groups.not_found` or `policies.attachment_limit`. */
  attachToGroup(attachment: GroupAttachment, actor: Actor): Promise<void> {
    const { policyName, groupName } = attachment;
    const { groups, store, trail } = this.#options;
    return groups.hold(async () => {
      groups.getStatic(groupName);
      const present = this.#options.registry.groups.policiesOf(groupName);
      assertGroupAttachable(attachment, { present, max: groups.limits.policiesPerGroupMax });
      await this.#options.transact({ kind: 'attached-to-group', name: policyName, groupName }, async (tx) => {
        await this.#options.records.get(policyName, tx);
        await store.attachToGroup(tx, attachment);
        await trail.append(tx, { kind: 'policy.attached', actor, payload: { ...attachment } });
        tx.afterCommit(() => {
          this.#options.registry.groups.attach(policyName, groupName);
          this.#options.announce(policyName, groups.certificatesUnder(groupName));
        });
      });
    });
  }

  /** Throws `policies.not_attached`. */
  detachFromGroup(attachment: GroupAttachment, actor: Actor): Promise<void> {
    const { policyName, groupName } = attachment;
    const { groups, store, trail } = this.#options;
    return this.#options.transact(
      { kind: 'detached-from-group', name: policyName, groupName },
      async (tx) => {
        if (!(await store.detachFromGroup(tx, attachment))) {
          const message = `policy \`${policyName}\` is not attached to group \`${groupName}\``;
          throw new PoliciesError('policies.not_attached', message);
        }
        await trail.append(tx, { kind: 'policy.detached', actor, payload: { ...attachment } });
        tx.afterCommit(() => {
          this.#options.registry.groups.detach(policyName, groupName);
          this.#options.announce(policyName, groups.certificatesUnder(groupName));
        });
      },
    );
  }
}
