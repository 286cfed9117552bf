import { type CertificateId, equalBytes } from '@fleetward/core';
import type { Certificate } from '@fleetward/pki';
import {
  type CertificateRecord,
  type Certificates,
  type EventEffect,
  noEffect,
  publicKeyHash,
} from '../certificates/index.ts';
import type { Provisioning } from '../provisioning/index.ts';
import { isConflict } from '../store-error.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { Codes, type CodesOptions } from './codes.ts';
import { VendorCasError } from './errors.ts';
import {
  type CertificateRegistered,
  FirstConnections,
  type FirstConnectionsOptions,
} from './first-connections.ts';
import { type VendorCa, VendorCaRegistry } from './registry.ts';
import { assertRegistrable, caRefused, provenCode } from './rules.ts';
import type { VendorCaRecord, VendorCaState } from './store.ts';

export type VendorCaEvent =
  /** Takes effect on live sessions: whom this CA vouches for may have changed. */
  { readonly kind: 'vendor-ca-changed'; readonly certificateId: CertificateId } | CertificateRegistered;

export interface VendorCasOptions
  extends Omit<CodesOptions, 'settings'>,
    Omit<FirstConnectionsOptions, 'settings' | 'registry' | 'provisioning' | 'announceRegistered'> {
  readonly certificates: Certificates;
  readonly provisioning: Pick<Provisioning, 'templates' | 'makeThing'>;
  /** Called in the tick in which the change is in memory; must not throw. */
  readonly announce: (event: VendorCaEvent) => EventEffect;
  readonly settings: CodesOptions['settings'] &
    FirstConnectionsOptions['settings'] & { readonly casMax: number };
}

/** Records that are read at once. */
const pageMax = 500;

interface Registration {
  readonly ca: Certificate;
  /** Signed by the CA; its common name is a registration code. */
  readonly verification: Certificate;
  readonly templateName?: string;
}

/** The CAs of vendors that operators have let in: registered with proof of possession, switched off and on, deleted. */
export class VendorCas {
  readonly codes: Codes;
  readonly firstConnections: FirstConnections;
  readonly #options: VendorCasOptions;
  readonly #registry = new VendorCaRegistry();
  // A change is decided on what memory says, which knows of the one before only once that is committed.
  readonly #turns = new Turns();

  private constructor(options: VendorCasOptions) {
    this.#options = options;
    this.codes = new Codes(options);
    this.firstConnections = new FirstConnections({
      ...options,
      registry: this.#registry,
      announceRegistered: (event) => void options.announce(event),
    });
  }

  /** What the journal has closed is closed, also where the records are from before that. */
  static async open(options: VendorCasOptions): Promise<VendorCas> {
    const vendorCas = new VendorCas(options);
    for (const record of await options.store.all()) {
      vendorCas.#registry.add(record);
      await vendorCas.#closeAsJournalled(record);
    }
    return vendorCas;
  }

  list(): readonly VendorCa[] {
    return this.#registry.all().toSorted((a, b) => a.createdAtMs - b.createdAtMs);
  }

  /**
   * Tells once more of each certificate that waits for its operator: what was told right before a crash may have reached nobody. Called
   * when there is somebody to tell; never rejects.
   */
  async tellWaiting(): Promise<void> {
    const { announce, warn } = this.#options;
    try {
      for await (const { certificateId, issuerId, issuedAtMs } of this.#waiting())
        if (this.find(issuerId)?.state === 'active')
          announce({
            kind: 'certificate-registered',
            certificateId,
            vendorCaId: issuerId,
            atMs: issuedAtMs,
          });
    } catch (error) {
      warn('certificates of vendors that wait for an operator could not be told', error);
    }
  }

  async *#waiting(): AsyncGenerator<CertificateRecord> {
    const filter = { profile: 'vendor', state: 'PENDING_ACTIVATION' } as const;
    let after: CertificateId | undefined;
    for (;;) {
      const range = after === undefined ? { limit: pageMax, filter } : { limit: pageMax, filter, after };
      const page = await this.#options.certificates.page(range);
      yield* page;
      after = page.at(-1)?.certificateId;
      if (page.length < pageMax) return;
    }
  }

  /** From memory: those whose devices may come in. */
  active(): readonly VendorCa[] {
    return this.list().filter(({ state }) => state === 'active');
  }

  /** From memory, whatever its state. */
  find(certificateId: CertificateId): VendorCa | undefined {
    return this.#registry.find(certificateId);
  }

  /** From memory: those that have the name of the leaf's issuer, whatever their state. */
  issuersOf(leaf: Certificate): readonly VendorCa[] {
    return this.#registry.issuersOf(leaf);
  }

  /** Throws `vendor_cas.not_found`. */
  get(certificateId: CertificateId): VendorCa {
    const found = this.#registry.find(certificateId);
    if (found !== undefined) return found;
    throw new VendorCasError('vendor_cas.not_found', `there is no vendor CA \`${certificateId}\``);
  }

  /** Whether a vendor CA, active or not, provisions by this template. */
  isUsed(templateName: string): boolean {
    return this.#registry.all().some((ca) => ca.templateName === templateName);
  }

  /**
   * With a newer certificate of the name and key of one that is registered, this one goes on by it under the id that it has, in the state
   * that it has: what it issued stays good. Throws `vendor_cas.ca_refused`, `verification_refused`, `code_refused`, `exists`, `limit`, or
   * `provisioning.template_not_found`.
   */
  register(wanted: Registration, by: { readonly operatorId: string }): Promise<VendorCa> {
    return this.#turns.take('vendor CAs', async () => {
      const { certificates, clock, provisioning } = this.#options;
      const own = certificates.authorities().map(({ certificate }) => certificate);
      assertRegistrable(wanted.ca, { own, atMs: clock.now(), keyRules: certificates.keyRules });
      const before = this.#registry.all().find(isRenewedBy(wanted.ca));
      if (before !== undefined) return this.#renew(before, wanted, by.operatorId);
      await this.#assertFree(wanted.ca);
      // The template must not go while a CA for it comes.
      return provisioning.templates.hold(() => this.#add(wanted, by.operatorId));
    });
  }

  /**
   * Once a CA is inactive nothing that it issued is believed: what it did to devices is in the answer. Throws `vendor_cas.not_found`,
   * or `vendor_cas.ca_refused` for one that cannot be believed any more, such as an expired one.
   */
  setState(certificateId: CertificateId, state: VendorCaState, actor: Actor): Promise<EventEffect> {
    return this.#turns.take('vendor CAs', async () => {
      const ca = this.get(certificateId);
      if (ca.state === state) return noEffect;
      return state === 'inactive' ? this.#deactivate(ca, actor) : this.#activate(ca, actor);
    });
  }

  /** Throws `vendor_cas.not_found`, and `vendor_cas.state` for an active one. */
  remove(certificateId: CertificateId, actor: Actor): Promise<void> {
    return this.#turns.take('vendor CAs', async () => {
      const { store, transactor, trail } = this.#options;
      if (this.get(certificateId).state === 'active') throw stillActive(certificateId);
      await transactor.transact(async (tx) => {
        if (!(await store.remove(tx, certificateId))) throw stillActive(certificateId);
        await trail.append(tx, { kind: 'vendor_ca.deleted', actor, payload: { certificateId } });
        tx.afterCommit(() => this.#registry.remove(certificateId));
      });
    });
  }

  async #add({ ca, verification, templateName }: Registration, operatorId: string): Promise<VendorCa> {
    const { store, transactor, trail, clock, provisioning, certificates } = this.#options;
    if (templateName !== undefined) provisioning.templates.get(templateName);
    const atMs = clock.now();
    const codeHash = provenCode(verification, { ca, atMs });
    const template = templateName === undefined ? {} : { templateName };
    const record: VendorCaRecord = {
      certificateId: ca.id,
      der: ca.der,
      publicKeyHash: publicKeyHash(ca.publicKey),
      state: 'active',
      ...template,
      createdAtMs: atMs,
      createdBy: operatorId,
    };
    await transactor.transact(async (tx) => {
      await this.codes.take(tx, codeHash);
      await this.#store(() => store.add(tx, record));
      const { subject } = ca;
      const payload = { certificateId: ca.id, subject: subject.text, ...template };
      const actor = { kind: 'operator', operatorId } as const;
      await trail.append(tx, { kind: 'vendor_ca.registered', actor, payload });
    });
    // Deactivated and deleted before: until the journal has this, the next start closes it again.
    if (certificates.closedVendorCas.has(ca.id)) await certificates.journalVendorCa(ca.id, 'opened');
    this.#registry.add(record);
    this.#options.announce({ kind: 'vendor-ca-changed', certificateId: ca.id });
    return this.get(ca.id);
  }

  async #renew(
    before: VendorCa,
    { ca, verification, templateName }: Registration,
    operatorId: string,
  ): Promise<VendorCa> {
    const { transactor, trail, clock, store, announce } = this.#options;
    const { certificateId } = before;
    if (templateName !== undefined && templateName !== before.templateName) throw otherTemplate(before);
    const codeHash = provenCode(verification, { ca, atMs: clock.now() });
    await transactor.transact(async (tx) => {
      await this.codes.take(tx, codeHash);
      await store.setCertificate(tx, { certificateId, der: ca.der });
      const payload = { certificateId, renewedId: ca.id, notAfterMs: ca.notAfterMs };
      await trail.append(tx, { kind: 'vendor_ca.renewed', actor: { kind: 'operator', operatorId }, payload });
    });
    // As it is now: it may have been switched off meanwhile.
    const { certificate: _old, trust: _trust, ...record } = this.get(certificateId);
    this.#registry.add({ ...record, der: ca.der });
    announce({ kind: 'vendor-ca-changed', certificateId });
    return this.get(certificateId);
  }

  async #store(add: () => Promise<void>): Promise<void> {
    try {
      await add();
    } catch (cause) {
      if (!isConflict(cause)) throw cause;
      throw registered(cause);
    }
  }

  /** Room, and a key that nobody has: of two certificates of one CA the closing of one would leave the other. */
  async #assertFree(ca: Certificate): Promise<void> {
    const { certificates, settings } = this.#options;
    const keyHash = publicKeyHash(ca.publicKey);
    if (this.#registry.all().some((known) => known.publicKeyHash === keyHash)) throw registered();
    if (this.#registry.all().length >= settings.casMax)
      throw new VendorCasError(
        'vendor_cas.limit',
        `there are ${settings.casMax} vendor CAs already (setting \`vendorCas.casMax\`)`,
      );
    const [holder] = await certificates.ofPublicKey(keyHash);
    if (holder !== undefined)
      throw caRefused(ca, `its key belongs, or belonged, to certificate \`${holder.certificateId}\``);
  }

  /** Journal, then records and trail, then memory and live sessions: as a revocation, nothing that fails in between undoes it. */
  async #deactivate({ certificateId }: VendorCa, actor: Actor): Promise<EventEffect> {
    await this.#options.certificates.journalVendorCa(certificateId, 'closed');
    let effect = noEffect;
    try {
      await this.#record({ certificateId, state: 'inactive' }, actor);
    } finally {
      effect = this.#putInForce(certificateId, 'inactive');
    }
    return effect;
  }

  /** Records and trail, then the journal, then memory: as the end of a hold, whatever fails in between leaves it closed. */
  async #activate(ca: VendorCa, actor: Actor): Promise<EventEffect> {
    const { certificates, clock } = this.#options;
    const own = certificates.authorities().map(({ certificate }) => certificate);
    assertRegistrable(ca.certificate, { own, atMs: clock.now(), keyRules: certificates.keyRules });
    const { certificateId } = ca;
    await this.#record({ certificateId, state: 'active' }, actor);
    await certificates.journalVendorCa(certificateId, 'opened');
    return this.#putInForce(certificateId, 'active');
  }

  async #record(
    change: { readonly certificateId: CertificateId; readonly state: VendorCaState },
    actor: Actor,
    more: { readonly replayedFromJournal?: true } = {},
  ): Promise<void> {
    const { store, transactor, trail } = this.#options;
    await transactor.transact(async (tx) => {
      // The records may have it since a call whose journal failed.
      if (!(await store.setState(tx, change))) return;
      await trail.append(tx, { kind: 'vendor_ca.state_changed', actor, payload: { ...change, ...more } });
    });
  }

  #putInForce(certificateId: CertificateId, state: VendorCaState): EventEffect {
    this.#registry.setState(certificateId, state);
    return this.#options.announce({ kind: 'vendor-ca-changed', certificateId });
  }

  async #closeAsJournalled({ certificateId, state }: VendorCaRecord): Promise<void> {
    const { certificates } = this.#options;
    const isClosed = certificates.closedVendorCas.has(certificateId);
    if (state === 'inactive' && !isClosed) await certificates.journalVendorCa(certificateId, 'closed');
    if (state === 'inactive' || !isClosed) return;
    const change = { certificateId, state: 'inactive' } as const;
    await this.#record(change, { kind: 'system' }, { replayedFromJournal: true });
    this.#registry.setState(certificateId, 'inactive');
  }
}

/** Name and key make a CA; of two certificates of one the later counts. */
function isRenewedBy(ca: Certificate): (known: VendorCa) => boolean {
  return ({ certificate }) =>
    ca.notAfterMs > certificate.notAfterMs &&
    equalBytes(ca.subject.der, certificate.subject.der) &&
    equalBytes(ca.publicKey.spki, certificate.publicKey.spki);
}

function otherTemplate({ certificateId, templateName }: VendorCa): VendorCasError {
  const has = templateName === undefined ? 'no template' : `the template \`${templateName}\``;
  return new VendorCasError(
    'vendor_cas.exists',
    `this renews the vendor CA \`${certificateId}\`, which has ${has}: give the same, or none`,
  );
}

function stillActive(certificateId: CertificateId): VendorCasError {
  return new VendorCasError(
    'vendor_cas.state',
    `the vendor CA \`${certificateId}\` is active: deactivate it first, which shuts its devices out`,
  );
}

function registered(cause?: unknown): VendorCasError {
  const message =
    'this CA, or another certificate of its key, is registered already; only one of its name that ends later takes its place';
  return new VendorCasError('vendor_cas.exists', message, { cause });
}
