import {
  type CertificateId,
  type Clock,
  type Random,
  type ThingName,
  type Transaction,
  type Transactor,
  toHex,
} from '@fleetward/core';
import { type Csr, parsePublicKey } from '@fleetward/pki';
import type { AttachedPolicy, PolicyBinding } from '@fleetward/policy';
import type { Certificates, SignedCertificate } from '../certificates/index.ts';
import { clockRefusal } from '../enrollment/index.ts';
import type { Trail } from '../trail/index.ts';
import { claimPolicy } from './claim-policy.ts';
import { ProvisioningError } from './errors.ts';
import { makeKey } from './make-key.ts';
import type { Claim, ProvisioningStore } from './store.ts';
import type { Templates } from './templates.ts';

export interface ClaimsOptions {
  readonly store: ProvisioningStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly certificates: Certificates;
  readonly templates: Templates;
  readonly binding: PolicyBinding;
  readonly settings: { readonly claimsMax: number };
}

const dayMs = 86_400_000;

interface NewClaim {
  readonly templateName: string;
  readonly validityMs: number;
  /** Without one the platform makes the key. */
  readonly csr?: Csr;
  readonly usesMax?: number;
  readonly thingName?: ThingName;
}

/** The claim certificates that are valid, in memory: by which template each may provision. */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #claims = new Map<CertificateId, Claim>();

  private constructor(options: ClaimsOptions) {
    this.#options = options;
  }

  static async open(options: ClaimsOptions): Promise<Claims> {
    const claims = new Claims(options);
    for (const claim of await options.store.claims()) claims.#claims.set(claim.certificateId, claim);
    return claims;
  }

  /** A key that the platform made is in this answer and nowhere else. Throws `provisioning.template_not_found`, `limit` or `clock_unset`. */
  async create(
    { templateName, validityMs, csr, usesMax, thingName }: NewClaim,
    by: { readonly operatorId: string },
  ): Promise<{ readonly claim: Claim; readonly signed: SignedCertificate; readonly keyPem?: string }> {
    const { certificates, clock, random, templates } = this.#options;
    const unset = clockRefusal(clock);
    if (unset !== undefined) throw new ProvisioningError('provisioning.clock_unset', unset.explanation);
    templates.get(templateName);
    const made = csr === undefined ? await makeKey() : undefined;
    const publicKey = made === undefined ? csr!.publicKey : parsePublicKey(made.spki);
    const commonName = `${templateName}-${toHex(random.bytes(8))}`;
    const validityDays = validityMs / dayMs;
    const signed = await certificates.sign({ profile: 'claim', commonName, publicKey, validityDays });
    const claim: Claim = {
      certificateId: signed.record.certificateId,
      templateName,
      createdAtMs: clock.now(),
      expiresAtMs: signed.record.notAfterMs,
      createdBy: by.operatorId,
      ...(usesMax === undefined ? {} : { uses: { max: usesMax, left: usesMax } }),
      ...(thingName === undefined ? {} : { thingName }),
    };
    await this.#record(claim, signed);
    return { claim, signed, ...(made === undefined ? {} : { keyPem: made.keyPem }) };
  }

  /** Those that have not ended. */
  list(): readonly Claim[] {
    const nowMs = this.#options.clock.now();
    return [...this.#claims.values()].filter(({ expiresAtMs }) => expiresAtMs > nowMs);
  }

  /** One that has not ended. Throws `provisioning.claim_not_found`. */
  get(certificateId: CertificateId): Claim {
    const claim = this.list().find((each) => each.certificateId === certificateId);
    if (claim !== undefined) return claim;
    throw new ProvisioningError(
      'provisioning.claim_not_found',
      `there is no claim \`${certificateId}\`, or it has ended`,
    );
  }

  find(certificateId: CertificateId): Claim | undefined {
    return this.#claims.get(certificateId);
  }

  /** Whether a claim that may still be used provisions by this template. */
  isUsed(templateName: string): boolean {
    const { certificates, clock } = this.#options;
    return this.list().some(
      (claim) =>
        claim.templateName === templateName &&
        certificates.standing(claim.certificateId, clock.now()) === 'active',
    );
  }

  /** Takes one of its uses, where they are counted; false when none is left. */
  async useWithin(tx: Transaction, certificateId: CertificateId): Promise<boolean> {
    if (!(await this.#options.store.useClaim(tx, certificateId))) return false;
    tx.afterCommit(() => {
      const claim = this.#claims.get(certificateId);
      if (claim?.uses === undefined) return;
      const uses = { ...claim.uses, left: claim.uses.left - 1 };
      this.#claims.set(certificateId, { ...claim, uses });
    });
    return true;
  }

  /** Undefined for what is no claim certificate; nothing else that is attached to a claim has a say. */
  policiesOf(certificateId: CertificateId): readonly AttachedPolicy[] | undefined {
    const { certificates, binding } = this.#options;
    if (certificates.summary(certificateId)?.profile !== 'claim') return undefined;
    const claim = this.find(certificateId);
    return claim === undefined ? [] : [claimPolicy(claim.templateName, binding)];
  }

  /** Forgets those that have ended. */
  async removeEnded(): Promise<void> {
    const { store, clock, transactor } = this.#options;
    const nowMs = clock.now();
    const ended = [...this.#claims.values()].filter(({ expiresAtMs }) => expiresAtMs <= nowMs);
    if (ended.length === 0) return;
    await transactor.transact(async (tx) => {
      await store.removeEndedClaims(tx, nowMs);
      tx.afterCommit(() => {
        for (const { certificateId } of ended) this.#claims.delete(certificateId);
      });
    });
  }

  /** The template must not go while a claim for it comes. */
  #record(claim: Claim, signed: SignedCertificate): Promise<void> {
    const { store, trail, certificates, transactor, templates, settings } = this.#options;
    const actor = { kind: 'operator', operatorId: claim.createdBy } as const;
    return templates.hold(async () => {
      templates.get(claim.templateName);
      if (this.#claims.size >= settings.claimsMax)
        throw new ProvisioningError(
          'provisioning.limit',
          `there are ${settings.claimsMax} claims already (setting \`provisioning.claimsMax\`)`,
        );
      await transactor.transact(async (tx) => {
        await certificates.record(tx, signed, actor);
        await store.addClaim(tx, claim);
        const { createdAtMs: _at, createdBy: _by, ...payload } = claim;
        await trail.append(tx, { kind: 'claim.created', actor, payload });
        tx.afterCommit(() => this.#claims.set(claim.certificateId, claim));
      });
    });
  }
}
