import { type CertificateId, type PolicyName, parsePolicyName, type Transaction } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import {
  type CertificateRecord,
  type Certificates,
  publicKeyHash,
  type SignedCertificate,
} from '../certificates/index.ts';
import { PoliciesError } from '../policies/index.ts';
import type { RenewalCampaigns } from '../renewals/index.ts';
import type { CertificateAttachment, Things } from '../things/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import type { AttemptLog } from './attempt-log.ts';
import { certificatesHeld, keyInUse, otherProfile, tooManyHeld } from './conflicts.ts';
import type { JoinTokensOptions } from './join-tokens.ts';
import type { ChannelBinding } from './linking.ts';
import { makeKeyFor, withKey } from './made-key.ts';
import type { EnrollmentOutcome } from './outcome.ts';
import { type Refusal, refuse } from './refusal.ts';
import { judgeRenewal, otherNames } from './renewal-rules.ts';
import { RolledBack } from './rolled-back.ts';
import type { NoCsr } from './rules.ts';
import type { Trace } from './trace.ts';

export interface RenewRequest {
  readonly csrDer: Uint8Array | NoCsr;
  /** What the device proved itself with; in force, or expired within its grace. */
  readonly current: Certificate;
  readonly remoteAddress: string;
  readonly binding: ChannelBinding;
  /** The profile the device expects, by the label of the path it asks at. */
  readonly label?: string;
}

export interface RenewalsOptions extends JoinTokensOptions {
  readonly things: Things;
  readonly certificates: Certificates;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly campaigns: Pick<RenewalCampaigns, 'renewedWithin'>;
  readonly settings: { readonly activePerThingMax: number; readonly linkingRequired: boolean };
}

/** A request that is in order by itself, with what the certificate it renews speaks for. */
interface Wanted extends RenewRequest {
  readonly publicKey: Parameters<typeof publicKeyHash>[0];
  readonly keyHash: string;
  readonly isSameKey: boolean;
  readonly trace: Trace;
  readonly profile: 'device' | 'provisioned' | 'tpm-device';
  readonly attachments: readonly [CertificateAttachment, ...CertificateAttachment[]];
}

/**
 * Renews certificates (RFC 7030 §4.2.2). The new one speaks for the same things under the same policies; the old one stays as
 * it is until it ends, since an answer may be lost and a device may have to go back to its old pair.
 */
export class Renewals {
  readonly #options: RenewalsOptions;

  constructor(options: RenewalsOptions) {
    this.#options = options;
  }

  /** Refusals are values; it throws only when the platform itself fails. */
  async decide(
    request: RenewRequest,
    trace: Trace,
    { isKeyMade = false }: { readonly isKeyMade?: boolean } = {},
  ): Promise<EnrollmentOutcome> {
    trace.about({ certificateId: request.current.id });
    const linking = { binding: request.binding, isRequired: this.#options.settings.linkingRequired };
    const { keyRules } = this.#options.certificates;
    const judged = judgeRenewal({ ...request, linking, keyRules }, trace);
    if (judged.kind === 'refused') return judged;
    trace.begin('thing');
    const [first, ...others] = this.#options.things.attachmentsOf(request.current.id);
    if (first === undefined) return speaksForNone();
    trace.about({ thingName: first.thingName });
    const profile = this.#options.certificates.summary(request.current.id)?.profile;
    if (profile !== 'device' && profile !== 'provisioned' && profile !== 'tpm-device')
      return notOfDevice(profile);
    const { label } = request;
    if (label !== undefined && label !== profile) return otherProfile(profile, label);
    trace.pass(`the certificate speaks for \`${first.thingName}\``);
    const currentHash = publicKeyHash(request.current.publicKey);
    if (profile === 'tpm-device' && (isKeyMade || publicKeyHash(judged.csr.publicKey) !== currentHash))
      return otherKeyThanOfTpm();
    const made = isKeyMade ? makeKeyFor(judged.csr, trace) : undefined;
    if (made?.kind === 'refused') return made;
    const { publicKey } = made ?? judged.csr;
    const keyHash = publicKeyHash(publicKey);
    const isSameKey = keyHash === currentHash;
    const wanted: Wanted = {
      ...request,
      profile,
      publicKey,
      keyHash,
      isSameKey,
      trace,
      attachments: [first, ...others],
    };
    const outcome = await takeAll(this.#options.turns, turnsOf(wanted), () => this.#renew(wanted));
    return withKey(outcome, made);
  }

  async #renew(wanted: Wanted): Promise<EnrollmentOutcome> {
    const { current, publicKey, profile, isSameKey, trace } = wanted;
    trace.begin('key');
    const holders = await this.#options.certificates.ofPublicKey(wanted.keyHash);
    const successor = holders.find((holder) => this.#isSuccessor(holder, wanted));
    if (successor !== undefined) return this.#repeat(wanted, successor);
    const conflict = keyConflict(holders, wanted);
    if (conflict !== undefined) return conflict;
    trace.pass(isSameKey ? 'the same key as before' : 'a new key');
    trace.begin('certificates');
    const tooMany = this.#tooMany(wanted);
    if (tooMany !== undefined) return tooMany;
    trace.pass('the thing has room for another active certificate');
    trace.begin('issue');
    // Signing waits for another process: never inside the transaction.
    const commonName = current.subject.attributes.commonName?.[0] ?? '';
    const subjectAltName = otherNames(current.extensions.subjectAltName ?? []);
    const renews = current.id;
    const request = { profile, commonName, publicKey, subjectAltName, renews };
    const signed = await this.#options.certificates.sign(request);
    trace.pass(`certificate \`${signed.record.certificateId}\` was signed`);
    return this.#commit(wanted, signed);
  }

  /** What this key was given when the answer to the same request was lost. */
  #isSuccessor(holder: CertificateRecord, { current, attachments }: Wanted): boolean {
    const { things, certificates, clock } = this.#options;
    const issuedAtMs = certificates.summary(current.id)?.issuedAtMs;
    if (issuedAtMs === undefined || holder.issuedAtMs <= issuedAtMs) return false;
    if (certificates.standing(holder.certificateId, clock.now()) !== 'active') return false;
    const names = things.attachmentsOf(holder.certificateId).map(({ thingName }) => thingName);
    return names.length === attachments.length && attachments.every((own) => names.includes(own.thingName));
  }

  async #repeat(wanted: Wanted, record: CertificateRecord): Promise<EnrollmentOutcome> {
    const { certificates, attempts } = this.#options;
    const chain = certificates.chainOf(record);
    const { certificateId } = record;
    const { thingName } = wanted.attachments[0];
    const explanation = 'the same key was shown again: the same certificate was given again';
    const { remoteAddress, trace } = wanted;
    trace.pass(explanation);
    const end = { outcome: 'reissued', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await attempts.addAlone(trace, end);
    return { kind: 'issued', isRepeated: true, thingName, certificateId, chain };
  }

  #tooMany({ attachments }: Wanted): Refusal | undefined {
    const { activePerThingMax: max } = this.#options.settings;
    for (const { thingName } of attachments) {
      const { length: count } = certificatesHeld(thingName, this.#options);
      const refusal = tooManyHeld(thingName, { count, max });
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  async #commit(wanted: Wanted, signed: SignedCertificate): Promise<EnrollmentOutcome> {
    try {
      await this.#options.transactor.transact((tx) => this.#write(tx, wanted, signed));
    } catch (error) {
      if (error instanceof RolledBack) return error.refusal;
      if (!(error instanceof PoliciesError) || error.code !== 'policies.not_found') throw error;
      return refuse('busy', 'a policy of the certificate was removed in this very moment; try again');
    }
    const { certificateId } = signed.record;
    const { thingName } = wanted.attachments[0];
    return { kind: 'issued', isRepeated: false, thingName, certificateId, chain: signed.chain };
  }

  async #write(tx: Transaction, wanted: Wanted, signed: SignedCertificate): Promise<void> {
    const { certificates, things, policies, trail, attempts, clock, campaigns } = this.#options;
    const { current, isSameKey, attachments, remoteAddress, trace } = wanted;
    const { certificateId } = signed.record;
    const actor = { kind: 'device', certificateId: current.id } as const;
    // It may have been revoked while the signing process was at work. From here on no revocation comes between.
    const isActive = await certificates.holdActive(tx, current.id);
    if (!isActive || !this.#mayStillRenew(current.id)) throw new RolledBack(notActive());
    await certificates.record(tx, signed, actor);
    for (const { thingName, exclusive } of attachments)
      await things.attachments.attachWithin(tx, { thingName, certificateId, exclusive }, actor);
    for (const policyName of this.#policiesOf(current.id))
      await policies.attachments.attachWithin(tx, { policyName, certificateId }, actor);
    const isInGrace = clock.now() > current.notAfterMs;
    const payload = { certificateId, renews: current.id, isNewKey: !isSameKey, isInGrace };
    await trail.append(tx, { kind: 'certificate.renewed', actor, payload });
    await campaigns.renewedWithin(tx, current.id);
    const explanation = `certificate \`${current.id}\` was renewed ${isSameKey ? 'with its key' : 'with a new key'}`;
    const end = { outcome: 'renewed', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await attempts.add(tx, trace, end);
  }

  /** A revocation that the database failed to take is in force in memory alone. */
  #mayStillRenew(certificateId: CertificateId): boolean {
    const { certificates, clock } = this.#options;
    const standing = certificates.standing(certificateId, clock.now());
    return standing === 'active' || standing === 'expired';
  }

  /** Its own: what it has by a group comes to the new one with the thing. */
  #policiesOf(certificateId: CertificateId): readonly PolicyName[] {
    return this.#options.policies.attachedTo(certificateId).map(({ name }) => parsePolicyName(name));
  }
}

/** Sorted, so that no two wait for each other. */
function turnsOf({ attachments, keyHash }: Wanted): readonly string[] {
  const names = attachments.map(({ thingName }) => `name ${thingName}`).sort();
  return [...names, `key ${keyHash}`];
}

function keyConflict(holders: readonly CertificateRecord[], wanted: Wanted): Refusal | undefined {
  const isFree = wanted.isSameKey ? holders.every(({ state }) => state !== 'REVOKED') : holders.length === 0;
  if (isFree) return undefined;
  return keyInUse(holders.map(({ certificateId }) => certificateId));
}

function speaksForNone(): Refusal {
  return refuse('certificate_unattached', 'the certificate speaks for no thing; an operator must attach it');
}

function notOfDevice(profile: string | undefined): Refusal {
  const explanation =
    profile === 'vendor'
      ? 'a vendor issued the certificate, and only the vendor renews it'
      : `the certificate is a \`${profile}\` certificate; only those of devices are renewed over EST`;
  return refuse('certificate_profile', explanation);
}

function otherKeyThanOfTpm(): Refusal {
  const explanation =
    'the certificate says that its key is in a TPM: it is renewed with this key and with no other';
  return refuse('certificate_profile', explanation);
}

function notActive(): Refusal {
  return refuse('certificate_not_active', 'the certificate is not active any more');
}
