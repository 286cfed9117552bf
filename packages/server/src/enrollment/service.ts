import type { CertificateId, Transaction } from '@fleetward/core';
import { type Certificate, type PublicKey, parseCertificate } from '@fleetward/pki';
import {
  type Certificates,
  publicKeyHash,
  type SignedCertificate,
  speaksForThings,
} from '../certificates/index.ts';
import type { Denials } from '../denials/index.ts';
import type { Endorsements } from '../endorsements/index.ts';
import type { RenewalCampaigns } from '../renewals/index.ts';
import type { Things } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { Turns, takeAll } from '../turns.ts';
import { AttemptLog, type AttemptLogOptions } from './attempt-log.ts';
import { attestationMissing, keyNotAttested, type ShownEvidence } from './attestation.ts';
import { type AnsweredChallenge, Challenges, type OpenedChallenge } from './challenges.ts';
import { clockRefusal } from './clock-refusal.ts';
import { certificatesHeld, keyInUse, otherProfile, refusalOf, used } from './conflicts.ts';
import { EnrollmentError } from './errors.ts';
import { JoinTokens, type JoinTokensOptions } from './join-tokens.ts';
import { notLetBack } from './judged.ts';
import type { ChannelBinding } from './linking.ts';
import { keygenOff, makeKeyFor, withKey } from './made-key.ts';
import { type IssueOutcome, OperatorIssuance } from './operator-issuance.ts';
import type { OperatorRequest } from './operator-requests.ts';
import type { EnrollmentOutcome } from './outcome.ts';
import { type Refusal, refuse } from './refusal.ts';
import { Renewals, type RenewRequest } from './renewals.ts';
import { RolledBack } from './rolled-back.ts';
import { type AcceptedCsr, judgeCsr, judgeToken } from './rules.ts';
import type { EnrollmentAttempt, EnrollmentStore, JoinToken } from './store.ts';
import { Trace } from './trace.ts';

export interface EnrollmentOptions extends JoinTokensOptions, Omit<AttemptLogOptions, 'settings'> {
  readonly store: EnrollmentStore;
  readonly things: Things;
  readonly certificates: Certificates;
  readonly endorsements: Pick<Endorsements, 'judge'>;
  readonly denials: Denials;
  readonly campaigns: Pick<RenewalCampaigns, 'renewedWithin'>;
  readonly settings?: Partial<EnrollmentSettings>;
}

export interface EnrollmentSettings {
  /** Attempts kept for operators, the newest. */
  readonly attemptsKeptMax: number;
  /** As many of those who showed nothing that the platform knows, apart from the others. */
  readonly strangersKeptMax: number;
  /** Refused attempts written a second; more are only counted among the denials. */
  readonly refusalsStoredPerSecondMax: number;
  /** Attempts at once; one more is told to come again. */
  readonly inFlightMax: number;
  /** Certificates of a thing that speak or may speak again, above which none of them is renewed. */
  readonly activePerThingMax: number;
  /** Whether a CSR has to be linked to its TLS connection. */
  readonly linkingRequired: boolean;
  /** Whether keys are made for devices that ask for one. */
  readonly serverKeygen: boolean;
}

const standardSettings: EnrollmentSettings = {
  attemptsKeptMax: 10_000,
  strangersKeptMax: 1_000,
  refusalsStoredPerSecondMax: 20,
  inFlightMax: 256,
  activePerThingMax: 8,
  linkingRequired: false,
  serverKeygen: false,
};

export interface EnrollRequest {
  readonly csrDer: Uint8Array;
  /** The join token as the device shows it. */
  readonly secret: string;
  readonly remoteAddress: string;
  readonly binding: ChannelBinding;
  /** The profile the device expects, by the label of the path it asks at. */
  readonly label?: string;
}

export interface ChallengeRequest extends Pick<EnrollRequest, 'secret' | 'remoteAddress'> {
  readonly evidence: ShownEvidence;
}

export interface TpmEnrollRequest extends Omit<EnrollRequest, 'label'> {
  readonly answer: AnsweredChallenge;
}

/** A request that is in order, with the token that came with it. */
interface Admitted extends Pick<AcceptedCsr, 'thingName'> {
  readonly publicKey: PublicKey;
  readonly token: JoinToken;
  readonly keyHash: string;
  readonly remoteAddress: string;
  readonly trace: Trace;
}

/** Gives devices their first certificate against a join token, and each next one against the one before. */
export class Enrollment {
  readonly tokens: JoinTokens;
  readonly #options: EnrollmentOptions;
  readonly #settings: EnrollmentSettings;
  readonly #attempts: AttemptLog;
  readonly #renewals: Renewals;
  readonly #operatorIssuance: OperatorIssuance;
  // Two attempts for one name or one key must see each other's outcome.
  readonly #turns = new Turns();
  readonly #challenges: Challenges;
  readonly #ends = new Map<string, number>();
  #inFlight = 0;

  constructor(options: EnrollmentOptions) {
    this.#options = options;
    this.#settings = { ...standardSettings, ...options.settings };
    this.#attempts = new AttemptLog({ ...options, settings: this.#settings });
    this.tokens = new JoinTokens(options);
    this.#challenges = new Challenges(options);
    const shared = { attempts: this.#attempts, turns: this.#turns, settings: this.#settings };
    this.#renewals = new Renewals({ ...options, ...shared });
    this.#operatorIssuance = new OperatorIssuance({ ...options, ...shared });
  }

  /**
   * Decides an attempt and leaves its trace. Refusals are values; it throws only when the platform itself fails. A device
   * that asks again with the same token and key gets the same certificate.
   */
  enroll(request: EnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(request, new Trace('simpleenroll'), (trace) => this.#decide(request, trace));
  }

  /**
   * Looks at what a device shows of its TPM and of the key in it, and gives a challenge that only this TPM can answer: nothing is
   * proved before that.
   */
  challenge(request: ChallengeRequest): Promise<OpenedChallenge | Refusal> {
    return this.#attempt(request, new Trace('tpm-challenge'), (trace) => this.#challenge(request, trace));
  }

  /** As `enroll`, for the key that was shown when the challenge was given, which is used up whatever becomes of it. */
  enrollWithTpm({ answer, ...request }: TpmEnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(request, new Trace('tpm-enrollment'), (trace) =>
      this.#decide(request, trace, { answer }),
    );
  }

  /** The same with a key that is made here: the one in the CSR is not used. What was lost on its way cannot be had again. */
  enrollWithMadeKey(request: EnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(request, new Trace('serverkeygen'), async (trace) =>
      this.#settings.serverKeygen ? this.#decide(request, trace, { isKeyMade: true }) : keygenOff(),
    );
  }

  /** What of it devices should know before they make a request. */
  get isLinkingRequired(): boolean {
    return this.#settings.linkingRequired;
  }

  /** The same for a device that has a certificate: asked again with the same key, it gets the same one. */
  renew(request: RenewRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(request, new Trace('simplereenroll'), (trace) =>
      this.#renewals.decide(request, trace),
    );
  }

  /** The same with a key that is made here; what was lost on its way cannot be had again. */
  renewWithMadeKey(request: RenewRequest): Promise<EnrollmentOutcome> {
    return this.#attempt(request, new Trace('serverkeygen'), async (trace) =>
      this.#settings.serverKeygen ? this.#renewals.decide(request, trace, { isKeyMade: true }) : keygenOff(),
    );
  }

  /** What every way in shares: two attempts for one name or one key must see each other's outcome, and each leaves its trace. */
  get shared(): {
    readonly attempts: AttemptLog;
    readonly turns: Turns;
    readonly activePerThingMax: number;
    readonly linkingRequired: boolean;
    readonly serverKeygen: boolean;
  } {
    const { activePerThingMax, linkingRequired, serverKeygen } = this.#settings;
    return { attempts: this.#attempts, turns: this.#turns, activePerThingMax, linkingRequired, serverKeygen };
  }

  /** What operators ask for themselves, many at once: one outcome a request. A refusal stores nothing. */
  async issueForOperator(
    requests: readonly OperatorRequest[],
    actor: Actor,
  ): Promise<readonly IssueOutcome[]> {
    const refusal = clockRefusal(this.#options.clock);
    return refusal === undefined
      ? this.#operatorIssuance.issue(requests, actor)
      : requests.map(() => refusal);
  }

  /** What a device should trust and needs to build its chain (RFC 7030 §4.1.3). */
  caCertificates(): readonly Certificate[] {
    return this.#options.certificates.caCertificates();
  }

  /** Since the start: how attempts ended, `issued` or the reason of their refusal; `busy` is where `enrollment.inFlightMax` bit. */
  get endCounts(): ReadonlyMap<string, number> {
    return this.#ends;
  }

  /** The newest attempts first. */
  attempts(limit: number): Promise<readonly EnrollmentAttempt[]> {
    return this.#attempts.newest(limit);
  }

  /** With its steps. Throws `enrollment.attempt_not_found`. */
  async attempt(attemptId: string): Promise<EnrollmentAttempt> {
    const attempt = await this.#attempts.find(attemptId);
    if (attempt !== undefined) return attempt;
    throw new EnrollmentError(
      'enrollment.attempt_not_found',
      `there is no attempt \`${attemptId}\`; only the newest are kept`,
    );
  }

  async #attempt<Outcome extends { readonly kind: string }>(
    request: Pick<EnrollRequest, 'remoteAddress'>,
    trace: Trace,
    decide: (trace: Trace) => Promise<Outcome | Refusal>,
  ): Promise<Outcome | Refusal> {
    const outcome = await this.#bounded(() => decide(trace));
    const end = isRefusal(outcome) ? outcome.reason : outcome.kind;
    this.#ends.set(end, (this.#ends.get(end) ?? 0) + 1);
    return isRefusal(outcome) ? this.#traced(request, trace, outcome) : outcome;
  }

  async #bounded<Outcome>(decide: () => Promise<Outcome | Refusal>): Promise<Outcome | Refusal> {
    const unset = clockRefusal(this.#options.clock);
    if (unset !== undefined) return unset;
    if (this.#inFlight >= this.#settings.inFlightMax)
      return refuse('busy', 'too many enrolments at once; try again');
    this.#inFlight++;
    try {
      return await decide();
    } finally {
      this.#inFlight--;
    }
  }

  async #decide(
    request: EnrollRequest,
    trace: Trace,
    { isKeyMade = false, answer }: { readonly isKeyMade?: boolean; readonly answer?: AnsweredChallenge } = {},
  ): Promise<EnrollmentOutcome> {
    const token = await this.#tokenOf(request, trace);
    if ('kind' in token) return token;
    const { profile, namePattern } = token;
    if (profile === 'tpm-device' && answer === undefined) return attestationMissing();
    const attested = answer && this.#challenges.take(answer, token, trace);
    if (attested?.kind === 'refused') return attested;
    const { csrDer, binding, remoteAddress } = request;
    const linking = { binding, isRequired: this.#settings.linkingRequired };
    const { certificates } = this.#options;
    const { keyRules } = certificates;
    const givenNames = (name: string) => certificates.givenNames(profile, name);
    const accepted = judgeCsr({ csrDer, namePattern, profile, linking, keyRules, givenNames }, trace);
    if (accepted.kind === 'refused') return accepted;
    const { thingName, csr } = accepted;
    if (speaksForThings(profile)) trace.about({ thingName });
    if (attested !== undefined && attested.keyHash !== publicKeyHash(csr.publicKey))
      return keyNotAttested(thingName);
    const made = isKeyMade ? makeKeyFor(csr, trace) : undefined;
    if (made?.kind === 'refused') return made;
    const { publicKey } = made ?? csr;
    const keyHash = publicKeyHash(publicKey);
    const admitted = { thingName, publicKey, token, keyHash, remoteAddress, trace };
    const outcome = await takeAll(this.#turns, [`name ${thingName}`, `key ${keyHash}`], () =>
      this.#enrollAdmitted(admitted),
    );
    return withKey(outcome, made);
  }

  /** The token of a secret, if it may be shown now and where it is. */
  async #tokenOf(
    { secret, label }: Pick<EnrollRequest, 'secret' | 'label'>,
    trace: Trace,
  ): Promise<JoinToken | Refusal> {
    trace.begin('token');
    const token = await this.tokens.find(secret);
    if (token === undefined) return refuse('token_unknown', 'there is no such join token');
    trace.about({ tokenId: token.tokenId });
    const flaw = judgeToken(token, this.#options.clock.now());
    if (flaw !== undefined) return flaw;
    const { tokenId, profile, namePattern } = token;
    if (label !== undefined && label !== profile) return otherProfile(profile, label);
    trace.pass(`join token \`${tokenId}\`, for the names \`${namePattern}\`, profile \`${profile}\``);
    return token;
  }

  async #challenge(
    { evidence, ...request }: ChallengeRequest,
    trace: Trace,
  ): Promise<OpenedChallenge | Refusal> {
    const token = await this.#tokenOf({ ...request, label: 'tpm-device' }, trace);
    if ('kind' in token) return token;
    const { remoteAddress } = request;
    const opened = await this.#challenges.give(evidence, { tokenId: token.tokenId, remoteAddress }, trace);
    if (opened.kind === 'refused') return opened;
    const explanation = 'a challenge was given that only the TPM of this endorsement key can answer';
    await this.#attempts.addAlone(trace, { outcome: 'challenged', reason: 'ok', explanation, remoteAddress });
    return opened;
  }

  async #enrollAdmitted(admitted: Admitted): Promise<EnrollmentOutcome> {
    const { trace, token } = admitted;
    trace.begin('key');
    const repeated = await this.#repeat(admitted);
    if (repeated !== undefined) return repeated;
    trace.begin('uses');
    if (token.usesLeft === 0) return used(admitted);
    trace.pass(`${token.usesLeft} of ${token.usesMax} uses of the token are left`);
    trace.begin('key');
    const taken = await this.#keyConflict(admitted);
    if (taken !== undefined) return taken;
    trace.pass('no certificate has, or had, this key');
    const conflict = speaksForThings(token.profile) ? this.#thingConflict(admitted) : undefined;
    if (conflict !== undefined) return conflict;
    trace.begin('issue');
    // Signing waits for another process: never inside the transaction.
    const { thingName: commonName, publicKey } = admitted;
    const { profile } = token;
    const signed = await this.#options.certificates.sign({ profile, commonName, publicKey });
    trace.pass(`certificate \`${signed.record.certificateId}\` was signed`);
    return this.#commit(admitted, signed);
  }

  /** The certificate that this token and key were given before, in case its answer never arrived. */
  async #repeat({
    token,
    keyHash,
    thingName,
    remoteAddress,
    trace,
  }: Admitted): Promise<EnrollmentOutcome | undefined> {
    const { store, certificates, things, clock } = this.#options;
    const certificateId = await store.findUse({ tokenId: token.tokenId, publicKeyHash: keyHash });
    const record = certificateId === undefined ? undefined : await certificates.find(certificateId);
    if (record === undefined || certificateId === undefined) return undefined;
    const names = things.attachmentsOf(certificateId).map((attached) => attached.thingName);
    const isItsOwn = speaksForThings(record.profile)
      ? names.includes(thingName)
      : parseCertificate(record.der).subject.attributes.commonName?.[0] === thingName;
    const standing = certificates.standing(certificateId, clock.now());
    if (!isItsOwn || standing !== 'active') return keyInUse([certificateId], { thingName });
    const chain = certificates.chainOf(record);
    const explanation = 'the same token and key were shown again: the same certificate was given again';
    trace.pass(explanation);
    const end = { outcome: 'reissued', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await this.#attempts.addAlone(trace, end);
    return { kind: 'issued', isRepeated: true, thingName, certificateId, chain };
  }

  async #keyConflict({ keyHash, thingName }: Admitted, tx?: Transaction): Promise<Refusal | undefined> {
    const [holder] = await this.#options.certificates.ofPublicKey(keyHash, tx);
    return holder === undefined ? undefined : keyInUse([holder.certificateId], { thingName });
  }

  #thingConflict({ thingName, token, trace }: Admitted): Refusal | undefined {
    trace.begin('thing');
    const [holder] = certificatesHeld(thingName, this.#options);
    if (holder !== undefined) {
      const explanation = `the thing \`${thingName}\` has a certificate already (${holder.state}); an operator must revoke or detach it first`;
      return refuse('thing_has_certificate', explanation, { thingName });
    }
    const judged = this.#judged({ thingName, token });
    if (judged !== undefined) return judged;
    trace.pass(
      `the thing \`${thingName}\` has no certificate that speaks for it, may again, or shuts it out`,
    );
    return undefined;
  }

  #judged({ thingName, token }: Pick<Admitted, 'thingName' | 'token'>): Refusal | undefined {
    const wayBack = `make a join token for this name alone (\`fleetward join-token create ${thingName}\`)`;
    const consent = token.namePattern === thingName ? { givenAtMs: token.createdAtMs } : undefined;
    return notLetBack(thingName, { ...this.#options, consent, wayBack });
  }

  async #commit(admitted: Admitted, signed: SignedCertificate): Promise<EnrollmentOutcome> {
    try {
      await this.#options.policies.whileNewcomerKept(this.#newcomerOf(admitted), (tx) =>
        this.#write(tx, admitted, signed),
      );
    } catch (error) {
      const refusal = refusalOf(error, admitted.thingName);
      if (refusal === undefined) throw error;
      return refusal;
    }
    const { certificateId } = signed.record;
    return {
      kind: 'issued',
      isRepeated: false,
      thingName: admitted.thingName,
      certificateId,
      chain: signed.chain,
    };
  }

  /** Whose policies are proved to keep the guard rails. */
  #newcomerOf({ token, thingName }: Admitted) {
    const { policies: policyNames, groupName } = token;
    if (groupName === undefined) return { policyNames, thingName };
    const present = this.#options.things.certificatesOf(thingName);
    const certificateIds = present.map(({ certificateId }) => certificateId);
    return { policyNames, thingName, joins: { groupName, certificateIds } };
  }

  async #write(tx: Transaction, admitted: Admitted, signed: SignedCertificate): Promise<void> {
    const { store, clock, certificates, policies } = this.#options;
    const { token, keyHash, remoteAddress, trace } = admitted;
    const { tokenId } = token;
    const { certificateId } = signed.record;
    const actor = { kind: 'device', certificateId } as const;
    if (!(await store.useToken(tx, { tokenId, atMs: clock.now() }))) throw new RolledBack(used(admitted));
    const conflict = await this.#keyConflict(admitted, tx);
    // The device may have been shut out while the signing process was at work.
    const judged = speaksForThings(token.profile) ? this.#judged(admitted) : undefined;
    const refusal = conflict ?? judged;
    if (refusal !== undefined) throw new RolledBack(refusal);
    await certificates.record(tx, signed, actor);
    if (speaksForThings(token.profile)) await this.#bindThing(tx, admitted, certificateId);
    for (const policyName of token.policies)
      await policies.attachments.attachWithin(tx, { policyName, certificateId }, actor);
    await store.addUse(tx, { tokenId, certificateId, publicKeyHash: keyHash });
    const explanation = 'a certificate was issued';
    const end = { outcome: 'issued', reason: 'ok', explanation, remoteAddress, certificateId } as const;
    await this.#attempts.add(tx, trace, end);
  }

  async #bindThing(
    tx: Transaction,
    { token, thingName }: Admitted,
    certificateId: CertificateId,
  ): Promise<void> {
    const { things, groups } = this.#options;
    const { groupName } = token;
    const actor = { kind: 'device', certificateId } as const;
    if (things.known(thingName) === undefined) await things.createWithin(tx, { name: thingName }, actor);
    await things.attachments.attachWithin(tx, { thingName, certificateId, exclusive: false }, actor);
    if (groupName !== undefined) await groups.memberships.addWithin(tx, { groupName, thingName }, actor);
  }

  async #traced(
    { remoteAddress }: Pick<EnrollRequest, 'remoteAddress'>,
    trace: Trace,
    refusal: Refusal,
  ): Promise<Refusal> {
    const { reason, explanation, thingName } = refusal;
    trace.refuse(`${reason}: ${explanation}`);
    if (thingName !== undefined) trace.about({ thingName });
    const { tokenId: _, ...subject } = trace.subject;
    const facts = { remoteAddress, explanation: `${reason}: ${explanation}`, ...subject };
    this.#options.denials.record({ ...facts, cause: 'enrollment_refused' });
    await this.#attempts.addAlone(trace, { outcome: 'refused', reason, explanation, remoteAddress });
    return refusal;
  }
}

function isRefusal(outcome: { readonly kind: string }): outcome is Refusal {
  return outcome.kind === 'refused';
}
