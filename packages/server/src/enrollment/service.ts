import type { Certificate } from '@fleetward/pki';
import type { Certificates } from '../certificates/index.ts';
import type { Denials } from '../denials/index.ts';
import type { Endorsements } from '../endorsements/index.ts';
import type { RenewalCampaigns } from '../renewals/index.ts';
import type { Things } from '../things/index.ts';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import { AttemptLog, type AttemptLogOptions } from './attempt-log.ts';
import { Attempts } from './attempts.ts';
import { Challenges, type OpenedChallenge } from './challenges.ts';
import { clockRefusal } from './clock-refusal.ts';
import { EnrollmentError } from './errors.ts';
import {
  type ChallengeRequest,
  type EnrollRequest,
  FirstEnrolments,
  type TpmEnrollRequest,
} from './first-enrolments.ts';
import { FirstIssuance } from './first-issuance.ts';
import { JoinTokens, type JoinTokensOptions } from './join-tokens.ts';
import { keygenOff } from './made-key.ts';
import { type IssueOutcome, OperatorIssuance } from './operator-issuance.ts';
import type { OperatorRequest } from './operator-requests.ts';
import type { EnrollmentOutcome } from './outcome.ts';
import type { Refusal } from './refusal.ts';
import { Renewals, type RenewRequest } from './renewals.ts';
import type { EnrollmentAttempt, EnrollmentStore } from './store.ts';

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

/** Gives devices their first certificate against a join token, and each next one against the one before. */
export class Enrollment {
  readonly tokens: JoinTokens;
  readonly #options: EnrollmentOptions;
  readonly #settings: EnrollmentSettings;
  readonly #log: AttemptLog;
  readonly #attempts: Attempts;
  readonly #firsts: FirstEnrolments;
  readonly #renewals: Renewals;
  readonly #operatorIssuance: OperatorIssuance;
  // Two attempts for one name or one key must see each other's outcome.
  readonly #turns = new Turns();

  constructor(options: EnrollmentOptions) {
    this.#options = options;
    this.#settings = { ...standardSettings, ...options.settings };
    this.tokens = new JoinTokens(options);
    this.#log = new AttemptLog({ ...options, settings: this.#settings });
    this.#attempts = new Attempts({ ...options, log: this.#log, settings: this.#settings });
    const shared = { attempts: this.#log, turns: this.#turns, settings: this.#settings };
    const issuance = new FirstIssuance({ ...options, ...shared });
    const challenges = new Challenges(options);
    this.#firsts = new FirstEnrolments({ ...options, ...shared, tokens: this.tokens, challenges, issuance });
    this.#renewals = new Renewals({ ...options, ...shared });
    this.#operatorIssuance = new OperatorIssuance({ ...options, ...shared });
  }

  /**
   * Decides an attempt and leaves its trace. Refusals are values; it throws only when the platform itself fails. A device
   * that asks again with the same token and key gets the same certificate.
   */
  enroll(request: EnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempts.make('simpleenroll', request, (trace) => this.#firsts.decide(request, trace));
  }

  /**
   * Looks at what a device shows of its TPM and of the key in it, and gives a challenge that only this TPM can answer: nothing is
   * proved before that.
   */
  challenge(request: ChallengeRequest): Promise<OpenedChallenge | Refusal> {
    return this.#attempts.make('tpm-challenge', request, (trace) => this.#firsts.challenge(request, trace));
  }

  /** As `enroll`, for the key that was shown when the challenge was given, which is used up whatever becomes of it. */
  enrollWithTpm({ answer, ...request }: TpmEnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempts.make('tpm-enrollment', request, (trace) =>
      this.#firsts.decide(request, trace, { answer }),
    );
  }

  /** The same with a key that is made here: the one in the CSR is not used. What was lost on its way cannot be had again. */
  enrollWithMadeKey(request: EnrollRequest): Promise<EnrollmentOutcome> {
    return this.#attempts.make('serverkeygen', request, async (trace) =>
      this.#settings.serverKeygen ? this.#firsts.decide(request, trace, { isKeyMade: true }) : keygenOff(),
    );
  }

  /** What of it devices should know before they make a request. */
  get isLinkingRequired(): boolean {
    return this.#settings.linkingRequired;
  }

  /** The same for a device that has a certificate: asked again with the same key, it gets the same one. */
  renew(request: RenewRequest): Promise<EnrollmentOutcome> {
    return this.#attempts.make('simplereenroll', request, (trace) => this.#renewals.decide(request, trace));
  }

  /** The same with a key that is made here; what was lost on its way cannot be had again. */
  renewWithMadeKey(request: RenewRequest): Promise<EnrollmentOutcome> {
    return this.#attempts.make('serverkeygen', request, async (trace) =>
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
    return { attempts: this.#log, turns: this.#turns, activePerThingMax, linkingRequired, serverKeygen };
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
    return this.#attempts.endCounts;
  }

  /** The newest attempts first. */
  attempts(limit: number): Promise<readonly EnrollmentAttempt[]> {
    return this.#log.newest(limit);
  }

  /** With its steps. Throws `enrollment.attempt_not_found`. */
  async attempt(attemptId: string): Promise<EnrollmentAttempt> {
    const attempt = await this.#log.find(attemptId);
    if (attempt !== undefined) return attempt;
    throw new EnrollmentError(
      'enrollment.attempt_not_found',
      `there is no attempt \`${attemptId}\`; only the newest are kept`,
    );
  }
}
