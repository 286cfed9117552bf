import type { CertificateId, Clock, Transactor } from '@fleetward/core';
import type { Certificate, KeyRules } from '@fleetward/pki';
import type { IssuanceLog } from '../issuance-log/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import type { Authorities, Authority } from './authorities.ts';
import { importedCas } from './ca-import.ts';
import { type CaReadiness, caReadiness, rootsLostBy } from './ca-readiness.ts';
import { type CaKeys, type CaRequest, type MadeCaRequest, requestCa } from './ca-requests.ts';
import type { CrlPublisher } from './crl-publisher.ts';
import { CertificatesError } from './errors.ts';
import type { AnnounceCertificate } from './events.ts';
import type { CertificateRegistry } from './registry.ts';
import type { RevocationJournal } from './revocation-journal.ts';
import { assertAuthorityStep } from './rules.ts';
import type { AuthorityRecord, CertificateStore } from './store.ts';

export interface CaRegistrarOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly issuanceLog: Pick<IssuanceLog, 'pend'>;
  readonly clock: Clock;
  readonly authorities: Authorities;
  readonly registry: CertificateRegistry;
  readonly journal: RevocationJournal;
  readonly crls: CrlPublisher;
  readonly caKeys: CaKeys;
  readonly keyRules: KeyRules;
  readonly announce: AnnounceCertificate;
  /** From memory: the vendor CAs, whatever their state. */
  readonly vendorCas: () => readonly Certificate[];
}

export interface ImportOptions {
  /** Why devices that trust a root of today shall believe the platform no more; the trail keeps it. */
  readonly rootsLostFor?: string;
}

interface StateChange {
  readonly certificateId: CertificateId;
  readonly state: AuthorityRecord['state'];
}

/** The CAs' coming and going: a key and a request for it, the certificates a root made of it, retirement, removal. */
export class CaRegistrar {
  readonly #options: CaRegistrarOptions;
  readonly #turns = new Turns();

  constructor(options: CaRegistrarOptions) {
    this.#options = options;
  }

  /** Makes the key of another issuing CA, and the CSR with which a root certifies it. Throws `certificates.ca_keys`. */
  request(request: CaRequest, actor: Actor): Promise<MadeCaRequest> {
    return this.#inTurn(async () => {
      const { authorities, caKeys: keys, transactor, trail, keyRules } = this.#options;
      const made = await requestCa(request, { keys, authorities, keyRules });
      const { algorithm, store } = request;
      const payload = { keyName: made.keyName, algorithm, store, subject: made.csr.subject.text };
      await transactor.transact((tx) => trail.append(tx, { kind: 'ca.requested', actor, payload }));
      return made;
    });
  }

  /**
   * Trusts roots and cross-certificates and puts issuing CAs to work, all of them or none; the newest one issues from then on. Answers
   * those that were not there. Throws `certificates.ca_refused`, also where devices that trust a root of today would believe the platform no
   * more, unless somebody says why that is meant.
   */
  import(
    certificates: readonly Certificate[],
    actor: Actor,
    { rootsLostFor }: ImportOptions = {},
  ): Promise<readonly AuthorityRecord[]> {
    return this.#inTurn(async () => {
      const { authorities, caKeys: keys, clock, crls, keyRules, vendorCas } = this.#options;
      const parts = { keys, authorities, nowMs: clock.now(), keyRules, strangers: vendorCas() };
      const fresh = await importedCas(certificates, parts);
      const lost = rootsLostBy(fresh, this.#options);
      if (rootsLostFor === undefined) assertNoneLost(lost);
      await this.#add(fresh, actor, lost.length > 0 && rootsLostFor !== undefined ? { rootsLostFor } : {});
      // At once, so that whoever is given a certificate of it finds the CRL it names.
      const issuing = fresh.filter(({ kind }) => kind === 'issuing');
      await Promise.all(issuing.map(({ certificateId }) => crls.request(certificateId)));
      return fresh;
    });
  }

  /** What the removal of this CA would do, were it now. Throws `certificates.ca_not_found`. */
  readiness(certificateId: CertificateId, options: { readonly limit: number }): Promise<CaReadiness> {
    return caReadiness(this.get(certificateId), this.#options, options);
  }

  /** Retires a CA (it issues no more) or removes it, for ever: what it issued is refused from that tick on. */
  setState(change: StateChange, actor: Actor): Promise<void> {
    // A step that was looked at before a removal was recorded would take the CA back. No addition is waited for: a token may hang.
    return this.#turns.take('states', () => this.#setState(change, actor));
  }

  async #setState(change: StateChange, actor: Actor): Promise<void> {
    const authority = this.get(change.certificateId);
    if (authority.state === change.state) return;
    assertAuthorityStep(authority, change.state);
    const isRemoval = change.state === 'removed';
    if (isRemoval) await this.#journalRemoval(change.certificateId);
    const { store, transactor, trail } = this.#options;
    try {
      await transactor.transact(async (tx) => {
        await store.setAuthorityState(tx, change);
        await trail.append(tx, { kind: 'ca.state_changed', actor, payload: { ...change } });
        tx.afterCommit(() => this.#putInForce(change));
      });
    } catch (error) {
      // The journal has the removal, so the next start records it: until then memory must not say otherwise.
      if (isRemoval) this.#putInForce(change);
      throw error;
    }
  }

  #add(fresh: readonly AuthorityRecord[], actor: Actor, why: ImportOptions): Promise<void> {
    const { store, transactor, trail, issuanceLog, authorities, announce } = this.#options;
    const certificateIds = fresh.map(({ certificateId }) => certificateId);
    return transactor.transact(async (tx) => {
      await issuanceLog.pend(tx, certificateIds);
      for (const record of fresh) {
        await store.addAuthority(tx, record);
        const { certificateId, kind, keyName } = record;
        const payload = { certificateId, kind, ...why, ...(keyName === '' ? {} : { keyName }) };
        await trail.append(tx, { kind: 'ca.created', actor, payload });
      }
      tx.afterCommit(() => {
        authorities.add(fresh);
        for (const { certificateId, state } of fresh)
          announce({ kind: 'authority-changed', certificateId, state });
      });
    });
  }

  #putInForce(change: StateChange): void {
    this.#options.authorities.setState(change.certificateId, change.state);
    this.#options.announce({ kind: 'authority-changed', ...change });
  }

  /** Throws `certificates.ca_not_found`. */
  get(certificateId: CertificateId): Authority {
    const authority = this.#options.authorities.find(certificateId);
    if (authority !== undefined) return authority;
    throw new CertificatesError('certificates.ca_not_found', `there is no CA \`${certificateId}\``);
  }

  #journalRemoval(certificateId: CertificateId): Promise<void> {
    const removedAtMs = this.#options.clock.now();
    return this.#options.journal.append({ kind: 'authority-removed', certificateId, removedAtMs });
  }

  /** One after the other: each looks at the CAs and keys that are there before it adds its own. */
  #inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    return this.#turns.take('additions', work);
  }
}

function assertNoneLost(lost: readonly Authority[]): void {
  const [root] = lost;
  if (root === undefined) return;
  const message = `devices that trust \`${root.certificate.subject.text}\` alone would believe the platform no more, since the new CA is not under it: import the cross-certificate by it too (\`fleetward ca cross-sign\`), or say why that is meant (\`--without-cross REASON\`)`;
  throw new CertificatesError('certificates.ca_refused', message, {
    details: { certificateId: root.certificateId },
  });
}
