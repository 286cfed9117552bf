import {
  type Clock,
  type Random,
  type Transaction,
  type Transactor,
  toBase64Url,
  toHex,
} from '@fleetward/core';
import { type PublicKey, parsePublicKey } from '@fleetward/pki';
import { type Certificates, publicKeyHash, type SignedCertificate } from '../certificates/index.ts';
import {
  type AttemptLog,
  keyInUse,
  type Refusal,
  RolledBack,
  refuse,
  type Trace,
} from '../enrollment/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import type { Claims } from './claims.ts';
import { makeKey } from './make-key.ts';
import { readCsr } from './read-csr.ts';
import { hashOwnershipToken } from './rules.ts';
import type { Claim, OwnershipToken, ProvisioningStore } from './store.ts';

/** A device that shows a claim, and what it goes through. */
export interface Asker {
  readonly claim: Claim;
  /** Over MQTT. */
  readonly clientId?: string;
  readonly remoteAddress: string;
  readonly trace: Trace;
}

export interface NewCertificatesOptions {
  readonly store: ProvisioningStore;
  readonly transactor: Transactor;
  readonly random: Random;
  readonly certificates: Certificates;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly claims: Pick<Claims, 'useWithin'>;
  readonly settings: { readonly tokenMinutes: number; readonly pendingPerClaimMax: number };
}

export interface NewCertificate {
  readonly kind: 'created';
  readonly signed: SignedCertificate;
  readonly ownershipToken: string;
  /** PKCS #8, where the platform made the key. */
  readonly keyPem?: string;
}

/** The first time with its key; or again, by the token of what waits already: the device may never have been told of it. */
type Ask = { readonly kind: 'first' } | { readonly kind: 'again'; readonly waiting: OwnershipToken };

/** Gives a device a certificate that is good for nothing until it is provisioned, and the token to do that. */
export class NewCertificates {
  readonly #options: NewCertificatesOptions;

  constructor(options: NewCertificatesOptions) {
    this.#options = options;
  }

  async withNewKey(asker: Asker): Promise<NewCertificate | Refusal> {
    asker.trace.begin('key');
    const { spki, keyPem } = await makeKey();
    asker.trace.pass('a new key on P-256');
    const made = await this.#make(asker, parsePublicKey(spki));
    return made.kind === 'refused' ? made : { ...made, keyPem };
  }

  async fromCsr(asker: Asker, csrPem: string): Promise<NewCertificate | Refusal> {
    const { keyRules } = this.#options.certificates;
    const csr = readCsr(csrPem, { keyRules, trace: asker.trace });
    return 'kind' in csr ? csr : this.#make(asker, csr.publicKey);
  }

  /** One after the other for a claim: how many wait is known only once it is committed. */
  #make(asker: Asker, publicKey: PublicKey): Promise<NewCertificate | Refusal> {
    const { claim } = asker;
    const keys = [`claim ${claim.certificateId}`, `key ${publicKeyHash(publicKey)}`];
    return takeAll(this.#options.turns, keys, () => this.#makeInTurn(asker, publicKey));
  }

  async #makeInTurn(asker: Asker, publicKey: PublicKey): Promise<NewCertificate | Refusal> {
    const { certificates, random } = this.#options;
    const ask = await this.#askWith(asker, publicKey);
    if (ask.kind === 'refused') return ask;
    asker.trace.begin('issue');
    // Not what a CSR asks for: which thing it will speak for is decided when it is provisioned.
    const commonName = toHex(random.bytes(16));
    const state = 'PENDING_ACTIVATION';
    const signed = await certificates.sign({ profile: 'provisioned', commonName, publicKey, state });
    const { certificateId } = signed.record;
    asker.trace.about({ certificateId });
    asker.trace.pass(`certificate \`${certificateId}\` was signed and waits to be provisioned`);
    return this.#record(asker, ask, signed);
  }

  /**
   * Whoever shows a key proves to have it. What this claim asked for with it, and nobody has provisioned, is worth nothing to its device
   * when the answer was lost; whatever else has the key keeps it.
   */
  async #askWith(asker: Asker, publicKey: PublicKey): Promise<Ask | Refusal> {
    const { store, certificates } = this.#options;
    const { claim, trace } = asker;
    const [holder, ...others] = await certificates.ofPublicKey(publicKeyHash(publicKey));
    if (holder === undefined) return usedUp(asker) ?? (await this.#tooMany(asker)) ?? { kind: 'first' };
    trace.begin('key');
    const { certificateId, state } = holder;
    const mayGiveWay = state === 'PENDING_ACTIVATION' && others.length === 0;
    const sought = { certificateId, claimId: claim.certificateId };
    const waiting = mayGiveWay ? await store.findTokenOf(sought) : undefined;
    if (waiting === undefined) return keyInUse([holder, ...others].map((each) => each.certificateId));
    trace.pass(`it asks again: certificate \`${certificateId}\`, which waits to be provisioned, gives way`);
    return { kind: 'again', waiting };
  }

  async #record(asker: Asker, ask: Ask, signed: SignedCertificate): Promise<NewCertificate | Refusal> {
    const { store, transactor, random, certificates, claims, attempts, clock, settings } = this.#options;
    const { claim, trace, remoteAddress } = asker;
    const ownershipToken = `fwc_${toBase64Url(random.bytes(32))}`;
    const hash = hashOwnershipToken(ownershipToken);
    if (hash === undefined) throw new TypeError('a fresh token does not have the form of one');
    const { certificateId } = signed.record;
    const expiresAtMs = clock.now() + settings.tokenMinutes * 60_000;
    const actor = { kind: 'device', certificateId: claim.certificateId } as const;
    try {
      await transactor.transact(async (tx) => {
        // It may have been revoked while the signing process was at work.
        if (certificates.standing(claim.certificateId, clock.now()) !== 'active')
          throw new RolledBack(claimGone());
        if (ask.kind === 'again') await this.#giveWay(tx, ask.waiting);
        else if (!(await claims.useWithin(tx, claim.certificateId))) throw new RolledBack(claimUsed(claim));
        await certificates.record(tx, signed, actor);
        await store.addToken(tx, { hash, certificateId, claimId: claim.certificateId, expiresAtMs });
        const place = ask.kind === 'again' ? ` in place of \`${ask.waiting.certificateId}\`` : '';
        const explanation = `a certificate was issued${place}; until ${new Date(expiresAtMs).toISOString()} it can be provisioned`;
        const end = { outcome: 'issued', reason: 'ok', explanation, remoteAddress } as const;
        await attempts.add(tx, trace, end);
      });
    } catch (error) {
      if (error instanceof RolledBack) return error.refusal;
      throw error;
    }
    return { kind: 'created', signed, ownershipToken };
  }

  /** Within the change that issues the next: its use of the claim goes over. Where it is being provisioned, one of the two gets the token. */
  async #giveWay(tx: Transaction, { hash, certificateId, claimId }: OwnershipToken): Promise<void> {
    const { store, certificates } = this.#options;
    const actor = { kind: 'device', certificateId: claimId } as const;
    const unused = { certificateId, reason: 'its key asked again before it was provisioned' };
    if (!(await store.takeToken(tx, hash)) || !(await certificates.removeUnused(tx, unused, actor)))
      throw new RolledBack(keyInUse([certificateId]));
  }

  async #tooMany({ claim, trace }: Asker): Promise<Refusal | undefined> {
    const max = this.#options.settings.pendingPerClaimMax;
    trace.begin('waiting');
    const count = await this.#options.store.countTokens(claim.certificateId);
    if (count >= max)
      return refuse(
        'claim_busy',
        `there are as many certificates of this claim that wait to be provisioned as there may be: ${count} (setting \`provisioning.pendingPerClaimMax\`)`,
      );
    trace.pass(`other certificates of this claim that wait to be provisioned: ${count}`);
    return undefined;
  }
}

export function usedUp({ claim, trace }: Asker): Refusal | undefined {
  if (claim.uses === undefined) return undefined;
  trace.begin('uses');
  if (claim.uses.left === 0) return claimUsed(claim);
  trace.pass(`${claim.uses.left} of ${claim.uses.max} uses of the claim are left`);
  return undefined;
}

export function claimUsed({ uses }: Claim): Refusal {
  return refuse('claim_used', `the claim has asked for ${uses?.max} certificates, as many as it may`, {
    deviceText: 'the claim has been used as often as it may be',
  });
}

/** What a hook is told of who asks. */
export function broughtBy({ claim, clientId }: Asker) {
  return { claimCertificateId: claim.certificateId, ...(clientId === undefined ? {} : { clientId }) };
}

export function claimGone(): Refusal {
  return refuse('claim_unknown', 'the claim was revoked, or has ended');
}
