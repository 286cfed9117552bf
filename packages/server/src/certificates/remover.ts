import type { CertificateId, Clock, Transaction, Transactor } from '@fleetward/core';
import type { Actor, Trail } from '../trail/index.ts';
import { CertificatesError, certificateNotFound } from './errors.ts';
import type { CertificateRegistry } from './registry.ts';
import type { Revoker } from './revoker.ts';
import { assertDeletable } from './states.ts';
import type { CertificateStore, CertificateSummary } from './store.ts';

export interface RemoverOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly registry: CertificateRegistry;
  readonly revoker: Pick<Revoker, 'revoke'>;
  readonly attachmentsOf: (certificateId: CertificateId) => CertificateAttachments;
}

/** From memory: what is attached to a certificate. */
export interface CertificateAttachments {
  readonly thingNames: readonly string[];
  readonly policyNames: readonly string[];
}

// How many of each kind an error names.
const namedMax = 10;

/**
 * Deletes certificates nobody needs to see any more. What may not have ended by itself is revoked before: a deleted certificate stays on
 * the CRL until its end, and in the journal, so that no older database brings it back. Its key and serial number stay taken.
 */
export class Remover {
  readonly #options: RemoverOptions;

  constructor(options: RemoverOptions) {
    this.#options = options;
  }

  /** Throws `certificates.not_found`, `certificates.attached`, `certificates.state`, or what revoking it throws. */
  async remove(certificateId: CertificateId, actor: Actor): Promise<void> {
    const { registry, clock, revoker, attachmentsOf } = this.#options;
    const known = registry.find(certificateId);
    if (known === undefined) throw certificateNotFound(certificateId);
    const attachments = attachmentsOf(certificateId);
    if (isAny(attachments)) throw attached(certificateId, attachments);
    const standing = assertDeletable(known, clock.now());
    if (standing === 'inactive')
      await revoker.revoke({ certificateId, reason: 'cessationOfOperation' }, actor);
    await this.#record(known, actor);
  }

  /**
   * As part of a larger change; false for one that has left `PENDING_ACTIVATION`, or has something attached. It never spoke, so there is
   * nothing to revoke: an older database has it waiting for what ended its time. Its key is free again.
   */
  async removeUnused(
    tx: Transaction,
    { certificateId, reason }: { readonly certificateId: CertificateId; readonly reason: string },
    actor: Actor,
  ): Promise<boolean> {
    const { store, clock, attachmentsOf } = this.#options;
    const record = await store.find(certificateId, tx);
    if (record === undefined || isAny(attachmentsOf(certificateId))) return false;
    const deletion = { certificateId, atMs: clock.now(), from: 'PENDING_ACTIVATION' } as const;
    if (!(await store.markDeleted(tx, deletion))) return false;
    await this.#tell(tx, record, { actor, reason });
    return true;
  }

  #record(certificate: CertificateSummary, actor: Actor): Promise<void> {
    const { store, clock, transactor } = this.#options;
    const { certificateId } = certificate;
    return transactor.transact(async (tx) => {
      if (!(await store.markDeleted(tx, { certificateId, atMs: clock.now() })))
        throw certificateNotFound(certificateId);
      await this.#tell(tx, certificate, { actor });
    });
  }

  async #tell(
    tx: Transaction,
    { certificateId, serial, issuerId }: CertificateSummary,
    { actor, reason }: { readonly actor: Actor; readonly reason?: string },
  ): Promise<void> {
    const { trail, registry } = this.#options;
    const payload = { certificateId, serial, issuerId, ...(reason === undefined ? {} : { reason }) };
    await trail.append(tx, { kind: 'certificate.deleted', actor, payload });
    tx.afterCommit(() => registry.remove(certificateId));
  }
}

function isAny({ thingNames, policyNames }: CertificateAttachments): boolean {
  return thingNames.length + policyNames.length > 0;
}

function attached(
  certificateId: CertificateId,
  { thingNames, policyNames }: CertificateAttachments,
): CertificatesError {
  const detach = [
    ...thingNames
      .slice(0, namedMax)
      .map((name) => `\`fleetward thing detach-certificate ${name} ${certificateId}\``),
    ...policyNames
      .slice(0, namedMax)
      .map((name) => `\`fleetward policy detach ${name} --certificate ${certificateId}\``),
  ];
  const named = [textOf('thing', thingNames), textOf('policy', policyNames)].filter((text) => text !== '');
  const message = `attached to the certificate \`${certificateId}\`: ${named.join('; ')}; detach that first: ${detach.join(', ')}`;
  return new CertificatesError('certificates.attached', message);
}

function textOf(kind: string, names: readonly string[]): string {
  if (names.length === 0) return '';
  const listed = names
    .slice(0, namedMax)
    .map((name) => `\`${name}\``)
    .join(', ');
  return `${kind} ${listed}${names.length > namedMax ? ` and ${names.length - namedMax} more` : ''}`;
}
