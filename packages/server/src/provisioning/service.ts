import type { CertificateId } from '@fleetward/core';
import type { KeyRules } from '@fleetward/pki';
import type { Certificates } from '../certificates/index.ts';
import type { Denials } from '../denials/index.ts';
import { clockRefusal, type EnrollmentOutcome, type Refusal, refuse, Trace } from '../enrollment/index.ts';
import { TokenBuckets } from '../token-buckets.ts';
import { Claims, type ClaimsOptions } from './claims.ts';
import { type EnrolmentRequest, Enrolments, type EnrolmentsOptions } from './enrolments.ts';
import { Hook, type HookOptions } from './hook.ts';
import {
  type Asker,
  claimGone,
  type NewCertificate,
  NewCertificates,
  type NewCertificatesOptions,
} from './new-certificates.ts';
import { type ProvisionRequest, Provisions, type ProvisionsOptions } from './provisions.ts';
import { missingNames } from './template/missing-names.ts';
import type { Template } from './template/template.ts';
import { Templates, type TemplatesOptions } from './templates.ts';
import { type Newcomer, type Provisioned, ThingMaker, type ThingMakerOptions } from './thing-maker.ts';

export type ProvisioningSettings = TemplatesOptions['settings'] &
  ClaimsOptions['settings'] &
  NewCertificatesOptions['settings'] &
  HookOptions['settings'] & {
    readonly requestsPerSecondPerClaimMax: number;
    readonly inFlightMax: number;
  };

export interface ProvisioningOptions
  extends Omit<TemplatesOptions, 'settings'>,
    Omit<ClaimsOptions, 'settings' | 'templates'>,
    Omit<NewCertificatesOptions, 'settings' | 'claims'>,
    Omit<ProvisionsOptions, 'templates' | 'maker'>,
    Omit<EnrolmentsOptions, 'templates' | 'maker' | 'claims'>,
    Omit<ThingMakerOptions, 'hook'>,
    Omit<HookOptions, 'settings'> {
  readonly denials: Denials;
  readonly certificates: Certificates;
  /** Whether somebody above provisions by this template. */
  readonly isUsedAbove: (templateName: string) => boolean;
  readonly settings: ProvisioningSettings;
}

/** Whoever asks with a claim, as the gateway knows it. */
export interface AskedBy {
  readonly certificateId: CertificateId;
  /** Over MQTT. */
  readonly clientId?: string;
  readonly remoteAddress: string;
}

const system = { kind: 'system' } as const;
const cleanUpAtOnceMax = 200;

/** Fleet provisioning: devices with a claim certificate ask for one of their own and become a thing by a template (AWS IoT). */
export class Provisioning {
  readonly templates: Templates;
  readonly claims: Claims;
  readonly #options: ProvisioningOptions;
  readonly #new: NewCertificates;
  readonly #maker: ThingMaker;
  readonly #provisions: Provisions;
  readonly #enrolments: Enrolments;
  readonly #rate: TokenBuckets;
  readonly #ended = { created: 0, provisioned: 0, issued: 0, refused: 0 };
  #inFlight = 0;

  private constructor(
    options: ProvisioningOptions,
    parts: { readonly templates: Templates; readonly claims: Claims },
  ) {
    const { clock, settings } = options;
    this.#options = options;
    this.templates = parts.templates;
    this.claims = parts.claims;
    this.#new = new NewCertificates({ ...options, ...parts });
    this.#maker = new ThingMaker({ ...options, hook: new Hook(options) });
    const shared = { ...options, ...parts, maker: this.#maker };
    this.#provisions = new Provisions(shared);
    this.#enrolments = new Enrolments(shared);
    this.#rate = new TokenBuckets({ clock, perSecondMax: settings.requestsPerSecondPerClaimMax });
  }

  static async open(options: ProvisioningOptions): Promise<Provisioning> {
    const templates = await Templates.open(options);
    const claims = await Claims.open({ ...options, templates });
    return new Provisioning(options, { templates, claims });
  }

  /** Now: requests under way, templates, claims; since the start: how requests ended. */
  get counts(): Readonly<Record<string, number>> {
    const underWay = this.#inFlight;
    return {
      underWay,
      templates: this.templates.list().length,
      claims: this.claims.list().length,
      ...this.#ended,
    };
  }

  /** What keys of CSRs are held to. */
  get keyRules(): KeyRules {
    return this.#options.certificates.keyRules;
  }

  /** SPKI, DER: what requests to hooks are signed by. */
  get hookPublicKey(): Uint8Array {
    return this.#options.signer.publicKey;
  }

  /** Whether a claim that may still be used, or somebody above, provisions by this template. */
  isUsed(templateName: string): boolean {
    return this.claims.isUsed(templateName) || this.#options.isUsedAbove(templateName);
  }

  /** What the template gives that is not there, a sentence each. */
  notesOn(template: Template): readonly string[] {
    const { policies, groups } = this.#options;
    return missingNames(template, {
      hasPolicy: (name) => policies.has(name),
      hasGroup: (name) => groups.has(name),
    });
  }

  createKeys(by: AskedBy): Promise<NewCertificate | Refusal> {
    return this.#attempt(by, 'create', (asker) => this.#new.withNewKey(asker));
  }

  createFromCsr(by: AskedBy, csrPem: string): Promise<NewCertificate | Refusal> {
    return this.#attempt(by, 'create-from-csr', (asker) => this.#new.fromCsr(asker, csrPem));
  }

  provision(by: AskedBy, request: ProvisionRequest): Promise<Provisioned | Refusal> {
    return this.#attempt(by, 'provision', (asker) => this.#provisions.provision(asker, request));
  }

  /** Over EST: certificate and thing in one step. */
  enroll(by: AskedBy, request: EnrolmentRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(by, 'simpleenroll', (asker) => this.#enrolments.enroll(asker, request));
  }

  /** The same with a key that is made here. */
  enrollWithMadeKey(by: AskedBy, request: EnrolmentRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(by, 'serverkeygen', (asker) => this.#enrolments.enrollWithMadeKey(asker, request));
  }

  /** Makes a thing of a certificate that no claim brought. Its attempt is the caller's to bound, and to trace where it is refused. */
  async makeThing(
    templateName: string,
    newcomer: Omit<Newcomer, 'template'>,
  ): Promise<Provisioned | Refusal> {
    const { trace } = newcomer;
    trace.begin('template');
    const template = this.templates.find(templateName);
    if (template === undefined) return refuse('template_unknown', `there is no template \`${templateName}\``);
    if (!template.isEnabled) return refuse('template_off', `template \`${templateName}\` is switched off`);
    trace.pass(`template \`${templateName}\`, version ${template.defaultVersionId}`);
    return this.#maker.make({ ...newcomer, template });
  }

  /** Leaves the trace of a request that could not even be read. */
  unreadable(by: AskedBy, operation: string, explanation: string): Promise<Refusal> {
    return this.#attempt(by, operation, async () => refuse('payload_invalid', explanation));
  }

  /** Deletes certificates that were not provisioned in time, and forgets claims that have ended. Call it periodically. */
  async cleanUp(): Promise<void> {
    const { store, clock, certificates, transactor } = this.#options;
    const ended = await store.endedTokens({ atMs: clock.now(), limit: cleanUpAtOnceMax });
    for (const { hash, certificateId } of ended) {
      await transactor.transact(async (tx) => {
        if (!(await store.takeToken(tx, hash))) return;
        const late = { certificateId, reason: 'it was not provisioned in time' };
        if (await certificates.removeUnused(tx, late, system)) return;
        // Whoever revoked or deleted it has ended it already, and must not leave the others behind it for ever.
        const { state = 'REVOKED' } = (await certificates.find(certificateId, tx)) ?? {};
        if (state === 'REVOKED') return;
        await certificates.setStateWithin(tx, { ...late, state: 'INACTIVE' }, system);
      });
    }
    await transactor.transact((tx) => store.removeEndedAnswers(tx, clock.now()));
    await this.claims.removeEnded();
  }

  async #attempt<Outcome extends NewCertificate | Provisioned | EnrollmentOutcome>(
    by: AskedBy,
    operation: string,
    work: (asker: Asker) => Promise<Outcome>,
  ): Promise<Outcome | Refusal> {
    const trace = new Trace(operation);
    const outcome = await this.#bounded(by, trace, work);
    this.#ended[outcome.kind]++;
    if (outcome.kind === 'refused') await this.#traced(by, trace, outcome);
    return outcome;
  }

  async #bounded<Outcome>(
    by: AskedBy,
    trace: Trace,
    work: (asker: Asker) => Promise<Outcome>,
  ): Promise<Outcome | Refusal> {
    trace.begin('claim');
    const { settings, certificates, clock } = this.#options;
    const claim = this.claims.find(by.certificateId);
    if (claim === undefined || certificates.standing(by.certificateId, clock.now()) !== 'active')
      return claimGone();
    trace.about({ certificateId: by.certificateId });
    const unset = clockRefusal(clock);
    if (unset !== undefined) return unset;
    if (this.#rate.take(by.certificateId).kind === 'refused')
      return refuse(
        'claim_busy',
        'too many requests a second of this claim (setting `provisioning.requestsPerSecondPerClaimMax`)',
      );
    if (this.#inFlight >= settings.inFlightMax)
      return refuse('busy', 'too many provisionings at once (setting `provisioning.inFlightMax`); try again');
    const { certificateId, ...who } = by;
    const over = by.clientId === undefined ? 'over EST' : `client id \`${by.clientId}\``;
    trace.pass(`claim \`${certificateId}\` for template \`${claim.templateName}\`, ${over}`);
    this.#inFlight++;
    try {
      return await work({ claim, trace, ...who });
    } finally {
      this.#inFlight--;
    }
  }

  async #traced(
    { certificateId: claimId, clientId, remoteAddress }: AskedBy,
    trace: Trace,
    refusal: Refusal,
  ): Promise<void> {
    const { reason, explanation, thingName } = refusal;
    trace.refuse(`${reason}: ${explanation}`);
    if (thingName !== undefined) trace.about({ thingName });
    const { thingName: name } = trace.subject;
    const thing = name === undefined ? {} : { thingName: name };
    const facts = {
      certificateId: claimId,
      ...(clientId === undefined ? {} : { clientId }),
      remoteAddress,
      explanation: `${reason}: ${explanation}`,
    };
    this.#options.denials.record({ ...facts, ...thing, cause: 'enrollment_refused' });
    await this.#options.attempts.addAlone(trace, { outcome: 'refused', reason, explanation, remoteAddress });
  }
}
