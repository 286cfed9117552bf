import type { CertificateId, Clock, Random, Signer, Transaction, Transactor } from '@fleetward/core';
import {
  type Certificate,
  type GeneralName,
  type KeyRules,
  type LeafProfileName,
  parseCertificate,
} from '@fleetward/pki';
import type { IssuanceLog } from '../issuance-log/index.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { Authorities, type Authority, type Trust } from './authorities.ts';
import { CaFetches } from './ca-fetches.ts';
import type { CaReadiness } from './ca-readiness.ts';
import { CaRegistrar } from './ca-registrar.ts';
import type { CaKeys, CaRequest, MadeCaRequest } from './ca-requests.ts';
import { chainAbove } from './chain-above.ts';
import { completeJournal } from './complete-journal.ts';
import { CrlPublisher } from './crl-publisher.ts';
import { CertificatesError, certificateNotFound } from './errors.ts';
import type { AnnounceCertificate } from './events.ts';
import type { AltNameSettings } from './given-names.ts';
import { HoldLifter, type HoldOutcome } from './hold-lifter.ts';
import type { SignedCertificate, SignRequest } from './issuance.ts';
import { Issuer, type ServerRequest, serverSignRequest } from './issuer.ts';
import { closedVendorCas } from './journal-fold.ts';
import { type OcspReply, OcspResponder } from './ocsp-responder.ts';
import { Recorder } from './recorder.ts';
import { CertificateRegistry, type InForce } from './registry.ts';
import { type CertificateAttachments, Remover } from './remover.ts';
import { replayJournal } from './replay.ts';
import { RevocationJournal } from './revocation-journal.ts';
import { type RevocationOutcome, Revoker } from './revoker.ts';
import { hourMs, type ValiditySettings } from './rules.ts';
import { type StateChange, StateChanger, type StateOutcome } from './state-changer.ts';
import type { Standing } from './states.ts';
import type {
  AuthorityRecord,
  CertificateRecord,
  CertificateStore,
  CertificateSummary,
  CrlRecord,
  RevocationReason,
} from './store.ts';

const minuteMs = 60_000;

export interface CertificatesOptions {
  readonly store: CertificateStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly issuanceLog: Pick<IssuanceLog, 'pend'>;
  readonly clock: Clock;
  readonly random: Random;
  /** The key of an authority, by its record's `keyName`. */
  readonly signer: (keyName: string) => Promise<Signer>;
  readonly caKeys: CaKeys;
  /** File outside the database that keeps every revocation. */
  readonly journalPath: string;
  /** Where the public listener serves an issuer's CRL. */
  readonly crlUrl: (issuerId: CertificateId) => string;
  /** Where it answers OCSP requests. */
  readonly ocspUrl: () => string;
  readonly announce: AnnounceCertificate;
  /** Told what went wrong and was mended, or will be. */
  readonly warn: (message: string, error?: unknown) => void;
  /** Told, in the tick of the commit, of each certificate that is new, is gone or has another state. */
  readonly changed?: (certificateId: CertificateId) => void;
  /** From memory: the CAs of vendors, which none of ours may share a name or key with. */
  readonly vendorCas: () => readonly Certificate[];
  /** What every key is held to beside the rules that hold everywhere. */
  readonly keyRules: KeyRules;
  /** From memory: the things and policies that are attached to it. */
  readonly attachmentsOf: (certificateId: CertificateId) => CertificateAttachments;
  readonly settings: ValiditySettings &
    AltNameSettings & {
      readonly crlValidityHours: number;
      readonly ocspValidityMinutes: number;
      readonly ocspSignaturesPerSecondMax: number;
    };
}

/** The certificate authority and the registry of what it issued. */
export class Certificates {
  readonly #options: CertificatesOptions;
  readonly #journal: RevocationJournal;
  readonly #authorities = new Authorities();
  readonly #registry: CertificateRegistry;
  #closedVendorCas: Set<CertificateId> = new Set();
  readonly #issuer: Issuer;
  readonly #recorder: Recorder;
  readonly #crls: CrlPublisher;
  readonly #ocsp: OcspResponder;
  readonly #revoker: Revoker;
  readonly #states: StateChanger;
  readonly #holds: HoldLifter;
  readonly #remover: Remover;
  readonly #cas: CaRegistrar;
  readonly #caFetches: CaFetches;

  private constructor(options: CertificatesOptions, journal: RevocationJournal) {
    this.#registry = new CertificateRegistry(options.changed ?? (() => undefined));
    const shared = { ...options, registry: this.#registry, authorities: this.#authorities, journal };
    this.#options = options;
    this.#journal = journal;
    this.#issuer = new Issuer(shared);
    this.#recorder = new Recorder(shared);
    this.#crls = new CrlPublisher({ ...shared, validityMs: options.settings.crlValidityHours * hourMs });
    const { ocspValidityMinutes, ocspSignaturesPerSecondMax: signaturesPerSecondMax } = options.settings;
    this.#ocsp = new OcspResponder({
      ...shared,
      validityMs: ocspValidityMinutes * minuteMs,
      signaturesPerSecondMax,
    });
    this.#revoker = new Revoker({ ...shared, crls: this.#crls });
    this.#states = new StateChanger(shared);
    this.#remover = new Remover({ ...shared, revoker: this.#revoker });
    this.#holds = new HoldLifter({ ...shared, crls: this.#crls });
    this.#cas = new CaRegistrar({ ...shared, crls: this.#crls });
    this.#caFetches = new CaFetches(shared);
  }

  /**
   * Reads authorities and registry into memory, applies revocations that the journal has and the records lack, and signs the
   * CRLs that are due. Throws `certificates.journal_unreadable`: without the journal a revoked certificate could speak again.
   */
  static async open(options: CertificatesOptions): Promise<Certificates> {
    const { journal, entries } = await RevocationJournal.open(options.journalPath);
    const certificates = new Certificates(options, journal);
    try {
      await certificates.#load(entries);
    } catch (error) {
      await certificates.close();
      throw error;
    }
    return certificates;
  }

  /** From memory: whether the certificate may speak at `nowMs`. */
  standing(certificateId: CertificateId, nowMs: number): Standing {
    return this.#registry.standing(certificateId, nowMs);
  }

  /** From memory: whether the platform issued it, whatever its state. */
  isKnown(certificateId: CertificateId): boolean {
    return this.#registry.find(certificateId) !== undefined;
  }

  /** What keys of CSRs and of presented certificates are held to here. */
  get keyRules(): KeyRules {
    return this.#options.keyRules;
  }

  /** The alternative names that the settings give a certificate of this profile and common name. */
  givenNames(profile: LeafProfileName, commonName: string): readonly GeneralName[] {
    return this.#issuer.givenNames(profile, commonName);
  }

  /** From memory: what path validation of devices starts from. */
  trust(): Trust {
    return this.#authorities.trust();
  }

  authorities(): readonly Authority[] {
    return this.#authorities.all();
  }

  /** Whatever its state. Throws `certificates.ca_not_found`. */
  authority(certificateId: CertificateId): Authority {
    return this.#cas.get(certificateId);
  }

  /** From memory: whether this is a CA that was removed, so that nothing which it issued is believed. */
  isRemovedCa(certificateId: CertificateId): boolean {
    return this.#authorities.find(certificateId)?.state === 'removed';
  }

  /** From memory: the CA that issues now, when there is one. */
  activeIssuer(): Authority | undefined {
    return this.#authorities.activeIssuer();
  }

  /** What a device should trust and needs to build its chain (RFC 7030 §4.1.3): roots first. */
  caCertificates(): readonly Certificate[] {
    const { roots, issuers } = this.trust();
    return [...roots, ...issuers];
  }

  /** The holder of this certificate fetches `caCertificates`; resolves when it is kept that it knows the newest. */
  noteCasFetched(certificateId: CertificateId): Promise<void> {
    return this.#caFetches.note(certificateId);
  }

  /** What a holder of a certificate by this CA presents besides it. */
  chainAbove(issuer: Certificate): readonly Certificate[] {
    return chainAbove(issuer, this.trust());
  }

  /** Signs and keeps nothing: `record` makes it part of the platform. Not for use inside a transaction. */
  sign(request: SignRequest): Promise<SignedCertificate> {
    return this.#issuer.sign(request);
  }

  /** As `sign` for many, which costs less: all are signed, in their order, or none is. */
  signAll(requests: readonly SignRequest[]): Promise<readonly SignedCertificate[]> {
    return this.#issuer.signAll(requests);
  }

  /** Keeps what was signed. Throws `certificates.exists` for a serial or certificate that is there already. */
  record(tx: Transaction, signed: SignedCertificate, actor: Actor): Promise<void> {
    return this.#recorder.record(tx, signed, actor);
  }

  /** As `record` for many, with fewer entries in the trail. */
  recordAll(tx: Transaction, signed: readonly SignedCertificate[], actor: Actor): Promise<void> {
    return this.#recorder.recordAll(tx, signed, actor);
  }

  /** Takes up a certificate that a vendor CA issued. Throws `certificates.exists` for a serial or certificate that is there already. */
  recordVendors(...wanted: Parameters<Recorder['recordVendors']>): Promise<void> {
    return this.#recorder.recordVendors(...wanted);
  }

  /** From memory: how many certificates of this issuer the registry has, whatever their state. */
  countOf(issuerId: CertificateId): number {
    return this.#registry.countOf(issuerId);
  }

  /** Signs and records in one go. */
  async issue(request: SignRequest, actor: Actor): Promise<SignedCertificate> {
    const signed = await this.sign(request);
    await this.#options.transactor.transact((tx) => this.record(tx, signed, actor));
    return signed;
  }

  /** A certificate for the platform's own listeners: leaf first. */
  async issueServerCertificate(server: ServerRequest): Promise<readonly Certificate[]> {
    return (await this.issue(serverSignRequest(server), { kind: 'system' })).chain;
  }

  /** Throws `certificates.not_found`, `certificates.journal_failed`, or `certificates.revocation_unrecorded` when it is in force all the same. */
  revoke(
    wanted: { readonly certificateId: CertificateId; readonly reason: RevocationReason },
    actor: Actor,
  ): Promise<RevocationOutcome> {
    return this.#revoker.revoke(wanted, actor);
  }

  /**
   * As `revoke`, and then all that were renewed from it: whoever has its key may have made others with it. The first one's renewals end with
   * its revocation, so that none comes after the last was looked at.
   */
  async revokeWithSuccessors(...wanted: Parameters<Certificates['revoke']>): Promise<{
    readonly outcome: RevocationOutcome;
    readonly successors: ReadonlyMap<CertificateId, RevocationOutcome>;
  }> {
    const [{ certificateId, reason }, actor] = wanted;
    const first = await this.#revokeOrTell({ certificateId, reason }, actor);
    const successors = new Map<CertificateId, RevocationOutcome | CertificatesError>();
    const next = () => this.#successorBut(certificateId, successors);
    for (let id = next(); id !== undefined; id = next())
      successors.set(id, await this.#revokeOrTell({ certificateId: id, reason }, actor));
    return {
      outcome: recorded(first),
      successors: new Map(successors.entries().map(([id, each]) => [id, recorded(each)])),
    };
  }

  /** As `revoke`; one that the records do not have is in force, and no reason to spare those after it. */
  async #revokeOrTell(
    ...wanted: Parameters<Certificates['revoke']>
  ): Promise<RevocationOutcome | CertificatesError> {
    try {
      return await this.revoke(...wanted);
    } catch (error) {
      if (error instanceof CertificatesError && error.code === 'certificates.revocation_unrecorded')
        return error;
      throw error;
    }
  }

  /** Not one that is deleted: it was revoked before, or has ended. */
  #successorBut(
    certificateId: CertificateId,
    seen: ReadonlyMap<CertificateId, unknown>,
  ): CertificateId | undefined {
    return this.#registry.lineage.successorsOf(certificateId).find((id) => !seen.has(id) && this.isKnown(id));
  }

  /** Ends a `certificateHold`. Throws `certificates.not_found`, `certificates.state` or `certificates.journal_failed`. */
  unhold(certificateId: CertificateId, actor: Actor): Promise<HoldOutcome> {
    return this.#holds.lift(certificateId, actor);
  }

  /** Throws `certificates.not_found`, `certificates.attached` or `certificates.state`; what is merely inactive is revoked first. */
  remove(certificateId: CertificateId, actor: Actor): Promise<void> {
    return this.#remover.remove(certificateId, actor);
  }

  /** Within a larger change: deletes one that was never used. False when it is no such one any more, or something is attached to it. */
  removeUnused(...wanted: Parameters<Remover['removeUnused']>): Promise<boolean> {
    return this.#remover.removeUnused(...wanted);
  }

  /** Switches a certificate on or off. Throws `certificates.not_found`, and `certificates.state` for one that is revoked. */
  setState(change: StateChange, actor: Actor): Promise<StateOutcome> {
    return this.#states.change(change, actor);
  }

  /** Keeps it active until the transaction ends; false when it is not. A revocation waits, and then knows what was done with it. */
  holdActive(tx: Transaction, certificateId: CertificateId): Promise<boolean> {
    return this.#options.store.setState(tx, { certificateId, from: 'ACTIVE', to: 'ACTIVE' });
  }

  /** As `setState`, as part of a larger change. */
  async setStateWithin(tx: Transaction, change: StateChange, actor: Actor): Promise<void> {
    await this.#states.changeWithin(tx, change, { actor });
  }

  /** Throws `certificates.not_found`. */
  async get(certificateId: CertificateId): Promise<InForce> {
    const record = await this.find(certificateId);
    if (record !== undefined) return record;
    throw certificateNotFound(certificateId);
  }

  /** Revoked also where only the journal has it yet. */
  async find(certificateId: CertificateId, tx?: Transaction): Promise<InForce | undefined> {
    const record = await this.#options.store.find(certificateId, tx);
    return record && this.#registry.inForce(record);
  }

  /** Leaf first, without the root: what its holder presents. */
  chainOf({ der, issuerId }: CertificateRecord): readonly Certificate[] {
    const issuer = this.authorities().find(({ certificateId }) => certificateId === issuerId);
    return [parseCertificate(der), ...(issuer === undefined ? [] : this.chainAbove(issuer.certificate))];
  }

  /** From memory: a certificate's state and dates, without its bytes. */
  summary(certificateId: CertificateId): CertificateSummary | undefined {
    return this.#registry.find(certificateId);
  }

  /** From memory: when and why it was revoked, also of one that is deleted. */
  revocationOf(
    certificateId: CertificateId,
  ): { readonly revokedAtMs: number; readonly reason: RevocationReason } | undefined {
    return this.#registry.revocationOf(certificateId);
  }

  /** Certificates of a key, by the hash of its SubjectPublicKeyInfo, whatever their state. */
  ofPublicKey(publicKeyHash: string, tx?: Transaction): Promise<readonly CertificateRecord[]> {
    return this.#options.store.findByPublicKey(publicKeyHash, tx);
  }

  /** The certificates that any of the keys has, or had. */
  holdersOf(publicKeyHashes: readonly string[], tx?: Transaction): Promise<readonly CertificateSummary[]> {
    return this.#options.store.holdersOf(publicKeyHashes, tx);
  }

  /** From the records, in pages by id, with those deleted. */
  summaries(range: Parameters<CertificateStore['summaries']>[0]): Promise<readonly CertificateSummary[]> {
    return this.#options.store.summaries(range);
  }

  /** Chosen by what the records have; revoked also where only the journal has it yet. */
  async page(range: Parameters<CertificateStore['page']>[0]): Promise<readonly InForce[]> {
    return (await this.#options.store.page(range)).map((record) => this.#registry.inForce(record));
  }

  /** Answers an OCSPRequest, DER; never rejects. */
  ocsp(request: Uint8Array): Promise<OcspReply> {
    return this.#ocsp.answer(request);
  }

  /** For the handshakes of a listener with this certificate; nothing when there is no answer. Never rejects. */
  ocspStaple(certificate: Certificate): Promise<Uint8Array | undefined> {
    return this.#ocsp.staple(certificate);
  }

  /** Since the start: requests, signatures made for them, refusals, faults of the CA’s key, and how often the bound on signatures bit. */
  get ocspCounts(): Readonly<OcspResponder['counts']> {
    return this.#ocsp.counts;
  }

  /** The issuer's current CRL; from memory. */
  crl(issuerId: CertificateId): CrlRecord | undefined {
    return this.#crls.current(issuerId);
  }

  /**
   * Signs the CRLs that are past half of their life, or owed since a failure. Call it periodically. Throws what made one
   * fail, after all were tried; that one stays owed.
   */
  async refreshCrls(): Promise<void> {
    for (const outcome of await this.#crls.refresh()) {
      if (outcome.kind === 'failed') throw outcome.error;
    }
  }

  /** Makes the key of another issuing CA, and the CSR with which a root certifies it. Throws `certificates.ca_keys`. */
  requestCa(request: CaRequest, actor: Actor): Promise<MadeCaRequest> {
    return this.#cas.request(request, actor);
  }

  /** Takes roots, cross-certificates and issuing CAs into use; answers those that are new. Throws `certificates.ca_refused`. */
  importCas(...wanted: Parameters<CaRegistrar['import']>): Promise<readonly AuthorityRecord[]> {
    return this.#cas.import(...wanted);
  }

  /** What the removal of this CA would do, were it now. Throws `certificates.ca_not_found`. */
  caReadiness(...about: Parameters<CaRegistrar['readiness']>): Promise<CaReadiness> {
    return this.#cas.readiness(...about);
  }

  /** Retires a CA (it issues no more) or removes it, for ever: what it issued is refused from that tick on. */
  setAuthorityState(...change: Parameters<CaRegistrar['setState']>): Promise<void> {
    return this.#cas.setState(...change);
  }

  /** From the journal: the vendor CAs that an operator has closed, whatever older records say. */
  get closedVendorCas(): ReadonlySet<CertificateId> {
    return this.#closedVendorCas;
  }

  /** Resolves once it is durable. Throws `certificates.journal_failed`. */
  async journalVendorCa(certificateId: CertificateId, step: 'closed' | 'opened'): Promise<void> {
    const atMs = this.#options.clock.now();
    await this.#journal.append({ kind: `vendor-ca-${step}`, certificateId, atMs });
    if (step === 'closed') this.#closedVendorCas.add(certificateId);
    else this.#closedVendorCas.delete(certificateId);
  }

  /** Waits for the journal's last line. */
  async close(): Promise<void> {
    await this.#crls.close();
    await this.#journal.close();
  }

  async #load(entries: Parameters<typeof replayJournal>[0]): Promise<void> {
    const { store } = this.#options;
    await this.#authorities.load(store);
    await this.#registry.load(store);
    await this.#crls.load();
    this.#closedVendorCas = closedVendorCas(entries);
    const target = { ...this.#options, registry: this.#registry, authorities: this.#authorities };
    const missing = await replayJournal(entries, target);
    await completeJournal(entries, { ...target, journal: this.#journal });
    if (missing > 0) this.#crls.markOwed();
    await this.#crls.refresh();
  }
}

function recorded(outcome: RevocationOutcome | CertificatesError): RevocationOutcome {
  if (outcome instanceof CertificatesError) throw outcome;
  return outcome;
}
