import {
  type CertificateId,
  type Clock,
  counted,
  type ThingName,
  type Transaction,
  type Transactor,
} from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import { type Certificates, publicKeyHash } from '../certificates/index.ts';
import type { Denials } from '../denials/index.ts';
import {
  type AttemptLog,
  certificatesHeld,
  clockRefusal,
  keyInUse,
  notLetBack,
  type Refusal,
  RolledBack,
  refuse,
  Trace,
} from '../enrollment/index.ts';
import { type Provisioned, type Provisioning, readSubject } from '../provisioning/index.ts';
import type { Things } from '../things/index.ts';
import type { Turns } from '../turns.ts';
import { enterRegistry } from './enter-registry.ts';
import { Newcomers, type NewcomersOptions } from './newcomers.ts';
import type { VendorCa, VendorCaRegistry } from './registry.ts';

/** A certificate that a registered, active vendor CA issued, in order in itself and not in the registry. */
export interface NewVendorCertificate {
  readonly certificate: Certificate;
  readonly vendorCaId: CertificateId;
}

/** News for operators' own services, as AWS IoT tells them. */
export interface CertificateRegistered {
  readonly kind: 'certificate-registered';
  readonly certificateId: CertificateId;
  readonly vendorCaId: CertificateId;
  readonly atMs: number;
}

interface Registered {
  readonly kind: 'registered';
}

type Outcome = Provisioned | Registered | Refusal;

export interface FirstConnectionsOptions extends Omit<NewcomersOptions, 'settings'> {
  readonly registry: VendorCaRegistry;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly certificates: Certificates;
  readonly provisioning: Pick<Provisioning, 'makeThing'>;
  readonly things: Things;
  readonly denials: Denials;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly announceRegistered: (event: CertificateRegistered) => void;
  readonly warn: (message: string, error: unknown) => void;
  readonly settings: NewcomersOptions['settings'] & { readonly certificatesPerCaMax: number };
}

/** One first connection, and what it goes through. */
interface Attempt {
  readonly certificate: Certificate;
  readonly ca: VendorCa;
  readonly remoteAddress: string;
  readonly trace: Trace;
}

/**
 * What becomes of a vendor's device that connects for the first time: a thing by the CA's template (AWS IoT: just-in-time
 * provisioning), or a certificate that waits for an operator (just-in-time registration). The connection itself is refused, as
 * with AWS: whoever is not known holds nothing here while a database, a proof or a hook takes its time, and comes again.
 */
export class FirstConnections {
  readonly #options: FirstConnectionsOptions;
  readonly #newcomers: Newcomers;
  readonly #ended = { provisioned: 0, registered: 0, refused: 0 };

  constructor(options: FirstConnectionsOptions) {
    this.#options = options;
    this.#newcomers = new Newcomers(options);
  }

  /** Under way now; since the start: how they ended, and those passed over as the same had been refused just before. */
  get counts(): Readonly<Record<string, number>> {
    return { ...this.#newcomers.counts, ...this.#ended };
  }

  /** Resolves when everything is done; never rejects. */
  async meet({ certificate, vendorCaId }: NewVendorCertificate, remoteAddress: string): Promise<void> {
    const ca = this.#options.registry.find(vendorCaId);
    if (ca === undefined || !this.#newcomers.enter(certificate.id, vendorCaId)) return;
    const trace = new Trace('first-connection');
    trace.about({ certificateId: certificate.id });
    try {
      const outcome = await this.#decide({ certificate, ca, remoteAddress, trace });
      this.#ended[outcome.kind]++;
      this.#newcomers.leave(certificate.id, outcome.kind);
      if (outcome.kind === 'refused') await this.#traced({ certificate, ca, remoteAddress, trace }, outcome);
    } catch (error) {
      this.#newcomers.leave(certificate.id, 'refused');
      this.#options.warn('the first connection of a vendor’s device failed', error);
    }
  }

  async #decide(attempt: Attempt): Promise<Outcome> {
    const { trace, ca, certificate } = attempt;
    trace.begin('vendor-ca');
    const early = clockRefusal(this.#options.clock) ?? this.#newcomers.excess(ca.certificateId);
    if (early !== undefined) return early;
    trace.pass(`vendor CA \`${ca.certificateId}\` issued \`${certificate.subject.text}\``);
    const { certificates, settings } = this.#options;
    trace.begin('room');
    const count = certificates.countOf(ca.certificateId);
    // Each that is under way, this one too, may come to one more.
    if (count + this.#newcomers.underWay(ca.certificateId) > settings.certificatesPerCaMax)
      return full(count);
    trace.pass(`the registry has ${counted(count, 'certificate')} of this CA`);
    trace.begin('key');
    const [holder] = await certificates.ofPublicKey(publicKeyHash(certificate.publicKey));
    if (holder !== undefined) return keyInUse([holder.certificateId]);
    trace.pass('no certificate has, or had, this key');
    return ca.templateName === undefined
      ? this.#options.turns.take(`key ${publicKeyHash(certificate.publicKey)}`, () => this.#register(attempt))
      : this.#provision(attempt, ca.templateName);
  }

  async #provision(attempt: Attempt, templateName: string): Promise<Provisioned | Refusal> {
    const { certificate, ca, trace, remoteAddress } = attempt;
    trace.begin('subject');
    const read = readSubject(certificate.subject, 'AWS::IoT::Certificate::');
    if (read.kind === 'refused') return read;
    const { parameters } = read;
    trace.pass(`it gives ${parameters.size} parameters`);
    return this.#options.provisioning.makeThing(templateName, {
      trace,
      remoteAddress,
      parameters,
      certificateId: certificate.id,
      keyHash: publicKeyHash(certificate.publicKey),
      der: async () => certificate.der,
      broughtBy: { caCertificateId: ca.certificateId },
      actor: { kind: 'device', certificateId: certificate.id },
      objection: (thingName) => this.#objection(ca, thingName),
      enter: (tx, state) => this.#enter(tx, attempt, state),
    });
  }

  /**
   * A vendor speaks for things of its own and for those that are nobody's yet: whatever a template makes of its subjects, it becomes
   * no thing that holds, or held, a certificate of another CA.
   */
  #objection(
    { certificateId: vendorCaId, templateName }: VendorCa,
    thingName: ThingName,
  ): Refusal | undefined {
    const { things, certificates } = this.#options;
    const ever = [...things.certificatesEverOf(thingName)];
    const foreign = ever.find((id) => certificates.summary(id)?.issuerId !== vendorCaId);
    if (foreign !== undefined)
      return refuse(
        'thing_has_certificate',
        `the thing \`${thingName}\` has, or had, certificate \`${foreign}\`, which is of another CA: a vendor’s device does not take its place`,
        { thingName },
      );
    const [holder] = certificatesHeld(thingName, this.#options);
    if (holder !== undefined)
      return refuse(
        'thing_has_certificate',
        `the thing \`${thingName}\` has certificate \`${holder.certificateId}\` already (${holder.state}); revoke it for ever or detach it`,
        { thingName },
      );
    const wayBack = `give it a claim for it alone (\`fleetward claim create ${templateName} --thing ${thingName}\`) or a join token`;
    return notLetBack(thingName, { ...this.#options, consent: undefined, wayBack });
  }

  async #register(attempt: Attempt): Promise<Registered | Refusal> {
    const { certificate, ca, trace, remoteAddress } = attempt;
    const { transactor, attempts, announceRegistered, clock } = this.#options;
    trace.begin('registration');
    const explanation = 'it waits to be activated by an operator (`fleetward cert activate`)';
    try {
      await transactor.transact(async (tx) => {
        await this.#enter(tx, attempt, 'PENDING_ACTIVATION');
        trace.pass('the certificate is in the registry');
        await attempts.add(tx, trace, { outcome: 'registered', reason: 'ok', explanation, remoteAddress });
        const atMs = clock.now();
        tx.afterCommit(() =>
          announceRegistered({
            kind: 'certificate-registered',
            certificateId: certificate.id,
            vendorCaId: ca.certificateId,
            atMs,
          }),
        );
      });
    } catch (error) {
      if (error instanceof RolledBack) return error.refusal;
      throw error;
    }
    return { kind: 'registered' };
  }

  #enter(
    tx: Transaction,
    { certificate, ca }: Attempt,
    state: 'ACTIVE' | 'INACTIVE' | 'PENDING_ACTIVATION',
  ): Promise<void> {
    return enterRegistry(tx, { certificate, vendorCaId: ca.certificateId, state }, this.#options);
  }

  async #traced({ certificate, remoteAddress, trace }: Attempt, refusal: Refusal): Promise<void> {
    const { reason, explanation, thingName } = refusal;
    trace.refuse(`${reason}: ${explanation}`);
    if (thingName !== undefined) trace.about({ thingName });
    const named = thingName === undefined ? {} : { thingName };
    this.#options.denials.record({
      cause: 'enrollment_refused',
      certificateId: certificate.id,
      remoteAddress,
      explanation: `${reason}: ${explanation}`,
      ...named,
    });
    await this.#options.attempts.addAlone(trace, { outcome: 'refused', reason, explanation, remoteAddress });
  }
}

function full(count: number): Refusal {
  return refuse(
    'vendor_ca_full',
    `the registry has ${counted(count, 'certificate')} of this CA (setting \`vendorCas.certificatesPerCaMax\`)`,
  );
}
