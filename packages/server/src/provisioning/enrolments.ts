import { type Random, type Transaction, toHex } from '@fleetward/core';
import type { PublicKey } from '@fleetward/pki';
import { type Certificates, publicKeyHash, type SignedCertificate } from '../certificates/index.ts';
import {
  type AttemptLog,
  type ChannelBinding,
  type EnrollmentOutcome,
  keygenOff,
  keyInUse,
  makeKeyFor,
  type NoCsr,
  RolledBack,
  readSoundCsr,
  refuse,
  withKey,
} from '../enrollment/index.ts';
import { claimObjection, templateOf } from './claim-terms.ts';
import type { Claims } from './claims.ts';
import { type Asker, broughtBy, claimGone, claimUsed, usedUp } from './new-certificates.ts';
import type { ProvisionsOptions } from './provisions.ts';
import { readSubject } from './template/subject-parameters.ts';

export interface EnrolmentsOptions extends Omit<ProvisionsOptions, 'store'> {
  readonly random: Random;
  readonly certificates: Certificates;
  readonly claims: Pick<Claims, 'useWithin'>;
  readonly attempts: AttemptLog;
  /** Whether each CSR must be linked to its connection (setting `enrollment.linkingRequired`). */
  readonly linkingRequired: boolean;
  /** Whether keys are made for devices that ask for one (setting `enrollment.serverKeygen`). */
  readonly serverKeygen: boolean;
}

export interface EnrolmentRequest {
  readonly csrDer: Uint8Array | NoCsr;
  readonly binding: ChannelBinding;
  /** Of the path (RFC 7030 §3.2.2). */
  readonly label?: string;
}

/** Provisioning in one step, as EST has it: a certificate for a CSR, and the thing that the claim's template makes of the CSR's subject. */
export class Enrolments {
  readonly #options: EnrolmentsOptions;

  constructor(options: EnrolmentsOptions) {
    this.#options = options;
  }

  enroll(asker: Asker, request: EnrolmentRequest): Promise<EnrollmentOutcome> {
    return this.#decide(asker, request, { isKeyMade: false });
  }

  /** With a key that is made here: the one in the CSR is not used. What was lost on its way cannot be had again. */
  async enrollWithMadeKey(asker: Asker, request: EnrolmentRequest): Promise<EnrollmentOutcome> {
    return this.#options.serverKeygen ? this.#decide(asker, request, { isKeyMade: true }) : keygenOff();
  }

  async #decide(
    asker: Asker,
    request: EnrolmentRequest,
    { isKeyMade }: { readonly isKeyMade: boolean },
  ): Promise<EnrollmentOutcome> {
    const { certificates, templates } = this.#options;
    const { claim, trace } = asker;
    const { csrDer, binding, label = 'device' } = request;
    if (label !== 'device')
      return refuse('profile_not_allowed', `a claim brings a certificate for a device, not \`${label}\``);
    const template = templateOf(asker, claim.templateName, templates);
    if (template.kind === 'refused') return template;
    const linking = { binding, isRequired: this.#options.linkingRequired };
    const csr = readSoundCsr({ csrDer, linking, keyRules: certificates.keyRules }, trace);
    if ('kind' in csr) return csr;
    const made = isKeyMade ? makeKeyFor(csr, trace) : undefined;
    if (made?.kind === 'refused') return made;
    const { publicKey } = made ?? csr;
    const repeated = (await this.#repeat(asker, publicKey)) ?? usedUp(asker);
    if (repeated !== undefined) return repeated;
    trace.begin('subject');
    const read = readSubject(csr.subject, '');
    if (read.kind === 'refused') return read;
    trace.pass(`it gives ${read.parameters.size} parameters`);
    return withKey(await this.#enroll(asker, { publicKey, ...template, ...read }), made);
  }

  async #enroll(
    asker: Asker,
    plan: {
      readonly publicKey: PublicKey;
      readonly template: Parameters<typeof claimObjection>[0]['template'];
      readonly parameters: ReadonlyMap<string, string>;
    },
  ): Promise<EnrollmentOutcome> {
    const { template, parameters, publicKey } = plan;
    const { trace, claim } = asker;
    trace.begin('issue');
    const signed = await this.#sign(publicKey);
    const { certificateId } = signed.record;
    trace.pass(`certificate \`${certificateId}\` was signed`);
    const outcome = await this.#options.maker.make({
      ...asker,
      template,
      parameters,
      certificateId,
      keyHash: publicKeyHash(publicKey),
      der: async () => signed.certificate.der,
      broughtBy: broughtBy(asker),
      actor: { kind: 'device', certificateId: claim.certificateId },
      objection: (thingName) => claimObjection({ asker, template }, thingName, this.#options),
      enter: (tx, state) => this.#enter(tx, asker, { ...signed, record: { ...signed.record, state } }),
    });
    if (outcome.kind === 'refused') return outcome;
    const { thingName } = outcome;
    return { kind: 'issued', isRepeated: false, thingName, certificateId, chain: signed.chain };
  }

  /** Which thing it speaks for, the registry alone says: its name is random, as over MQTT. */
  #sign(publicKey: PublicKey): Promise<SignedCertificate> {
    const { certificates, random } = this.#options;
    const commonName = toHex(random.bytes(16));
    return certificates.sign({ profile: 'provisioned', commonName, publicKey });
  }

  async #enter(tx: Transaction, { claim, trace }: Asker, signed: SignedCertificate): Promise<void> {
    const { certificates, claims, clock } = this.#options;
    const { certificateId: claimId } = claim;
    // The signing process and the hook may have taken their time.
    if (certificates.standing(claimId, clock.now()) !== 'active') throw new RolledBack(claimGone());
    const [holder] = await certificates.ofPublicKey(signed.record.publicKeyHash, tx);
    if (holder !== undefined) throw new RolledBack(keyInUse([holder.certificateId]));
    if (!(await claims.useWithin(tx, claimId))) throw new RolledBack(claimUsed(claim));
    await certificates.record(tx, signed, { kind: 'device', certificateId: claimId });
    trace.about({ certificateId: signed.record.certificateId });
  }

  /** The certificate that this key was given before, in case its answer never arrived; a refusal where it is another's. */
  async #repeat(
    { trace, remoteAddress }: Asker,
    publicKey: PublicKey,
  ): Promise<EnrollmentOutcome | undefined> {
    const { certificates, things, clock, attempts } = this.#options;
    trace.begin('key');
    const [record] = await certificates.ofPublicKey(publicKeyHash(publicKey));
    if (record === undefined) {
      trace.pass('no certificate has, or had, this key');
      return undefined;
    }
    const { certificateId } = record;
    const [attached, ...others] = things.attachmentsOf(certificateId);
    const isItsOwn = record.profile === 'provisioned' && attached !== undefined && others.length === 0;
    if (!isItsOwn || certificates.standing(certificateId, clock.now()) !== 'active')
      return keyInUse([certificateId]);
    const { thingName } = attached;
    trace.about({ certificateId, thingName });
    const explanation = 'the same key was shown again: the same certificate was given again';
    trace.pass(explanation);
    await attempts.addAlone(trace, { outcome: 'reissued', reason: 'ok', explanation, remoteAddress });
    return {
      kind: 'issued',
      isRepeated: true,
      thingName,
      certificateId,
      chain: certificates.chainOf(record),
    };
  }
}
