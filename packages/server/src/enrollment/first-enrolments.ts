import type { Clock } from '@fleetward/core';
import { type Certificates, publicKeyHash, speaksForThings } from '../certificates/index.ts';
import { type Turns, takeAll } from '../turns.ts';
import type { AttemptLog } from './attempt-log.ts';
import { attestationMissing, keyNotAttested, type ShownEvidence } from './attestation.ts';
import type { AnsweredChallenge, Challenges, OpenedChallenge } from './challenges.ts';
import { otherProfile } from './conflicts.ts';
import type { FirstIssuance } from './first-issuance.ts';
import type { JoinTokens } from './join-tokens.ts';
import type { ChannelBinding } from './linking.ts';
import { makeKeyFor, withKey } from './made-key.ts';
import type { EnrollmentOutcome } from './outcome.ts';
import { type Refusal, refuse } from './refusal.ts';
import { judgeCsr, judgeToken, type NoCsr } from './rules.ts';
import type { JoinToken } from './store.ts';
import type { Trace } from './trace.ts';

export interface EnrollRequest {
  readonly csrDer: Uint8Array | NoCsr;
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

export interface FirstEnrolmentsOptions {
  readonly tokens: Pick<JoinTokens, 'find'>;
  readonly challenges: Challenges;
  readonly issuance: FirstIssuance;
  readonly certificates: Certificates;
  readonly attempts: AttemptLog;
  readonly turns: Turns;
  readonly clock: Clock;
  readonly settings: { readonly linkingRequired: boolean };
}

/** What a device without a certificate shows: its join token, its request, and of a TPM that the key is in it. */
export class FirstEnrolments {
  readonly #options: FirstEnrolmentsOptions;

  constructor(options: FirstEnrolmentsOptions) {
    this.#options = options;
  }

  /** Refusals are values; it throws only when the platform itself fails. */
  async decide(
    request: EnrollRequest,
    trace: Trace,
    { isKeyMade = false, answer }: { readonly isKeyMade?: boolean; readonly answer?: AnsweredChallenge } = {},
  ): Promise<EnrollmentOutcome> {
    const token = await this.#tokenOf(request, trace);
    if ('kind' in token) return token;
    const { profile, namePattern } = token;
    if (profile === 'tpm-device' && answer === undefined) return attestationMissing();
    const attested = answer && this.#options.challenges.take(answer, token, trace);
    if (attested?.kind === 'refused') return attested;
    const { csrDer, binding, remoteAddress } = request;
    const linking = { binding, isRequired: this.#options.settings.linkingRequired };
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
    const outcome = await takeAll(this.#options.turns, [`name ${thingName}`, `key ${keyHash}`], () =>
      this.#options.issuance.issue(admitted),
    );
    return withKey(outcome, made);
  }

  /** Refusals are values, as those of `decide`. */
  async challenge(
    { evidence, ...request }: ChallengeRequest,
    trace: Trace,
  ): Promise<OpenedChallenge | Refusal> {
    const token = await this.#tokenOf({ ...request, label: 'tpm-device' }, trace);
    if ('kind' in token) return token;
    const { challenges, attempts } = this.#options;
    const { remoteAddress } = request;
    const opened = await challenges.give(evidence, { tokenId: token.tokenId, remoteAddress }, trace);
    if (opened.kind === 'refused') return opened;
    const explanation = 'a challenge was given that only the TPM of this endorsement key can answer';
    await attempts.addAlone(trace, { outcome: 'challenged', reason: 'ok', explanation, remoteAddress });
    return opened;
  }

  /** The token of a secret, if it may be shown now and where it is. */
  async #tokenOf(
    { secret, label }: Pick<EnrollRequest, 'secret' | 'label'>,
    trace: Trace,
  ): Promise<JoinToken | Refusal> {
    trace.begin('token');
    const token = await this.#options.tokens.find(secret);
    if (token === undefined) return refuse('token_unknown', 'there is no such join token');
    trace.about({ tokenId: token.tokenId });
    const flaw = judgeToken(token, this.#options.clock.now());
    if (flaw !== undefined) return flaw;
    const { tokenId, profile, namePattern } = token;
    if (label !== undefined && label !== profile) return otherProfile(profile, label);
    trace.pass(`join token \`${tokenId}\`, for the names \`${namePattern}\`, profile \`${profile}\``);
    return token;
  }
}
