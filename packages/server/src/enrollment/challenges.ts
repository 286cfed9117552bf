import { timingSafeEqual } from 'node:crypto';
import { type Clock, type Random, toHex } from '@fleetward/core';
import { makeTpmCredential, type TpmCredential } from '@fleetward/pki';
import type { Certificates } from '../certificates/index.ts';
import type { Endorsements } from '../endorsements/index.ts';
import { networkOf } from '../network-of.ts';
import { type JudgedEvidence, judgeEvidence, type ShownEvidence } from './attestation.ts';
import { type Refusal, refuse } from './refusal.ts';
import type { JoinToken } from './store.ts';
import type { Trace } from './trace.ts';

/** What a device gives its TPM: the secret comes out in the TPM of the endorsement key alone, while that holds the attestation key. */
export interface OpenedChallenge extends TpmCredential {
  readonly kind: 'challenged';
  readonly challengeId: string;
  readonly expiresAtMs: number;
}

export interface AnsweredChallenge {
  readonly challengeId: string;
  /** What `TPM2_ActivateCredential` gave. */
  readonly secret: Uint8Array;
}

/** That the key is in a TPM that an operator trusts. */
export interface Attested {
  readonly kind: 'attested';
  readonly keyHash: string;
}

interface Challenge {
  readonly secret: Uint8Array;
  readonly tokenId: string;
  /** From where it was asked for: an IPv6 host has a /64 of addresses. */
  readonly network: string;
  readonly endorsementId: string;
  readonly keyHash: string;
  readonly expiresAtMs: number;
}

const validityMs = 5 * 60_000;
const secretBytes = 32;
/** Whoever has a token could else fill the memory, or take the places of others. A TPM needs seconds, and what is answered is gone. */
const bounds = { all: 4_096, token: 512, network: 64, endorsementOfToken: 8 } as const;

interface ChallengesParts {
  readonly endorsements: Pick<Endorsements, 'judge'>;
  readonly certificates: Pick<Certificates, 'keyRules'>;
  readonly clock: Clock;
  readonly random: Random;
}

interface Asked {
  readonly tokenId: string;
  readonly remoteAddress: string;
}

/** The challenges that wait for an answer, in memory: after a restart a device asks for another. */
export class Challenges {
  readonly #parts: ChallengesParts;
  /** In the order of their ends. */
  readonly #waiting = new Map<string, Challenge>();

  constructor(parts: ChallengesParts) {
    this.#parts = parts;
  }

  /** For evidence that is in order, as far as that can be seen without its TPM. */
  async give(evidence: ShownEvidence, asked: Asked, trace: Trace): Promise<OpenedChallenge | Refusal> {
    const { endorsements, certificates } = this.#parts;
    const { keyRules } = certificates;
    const judged = await judgeEvidence(evidence, { endorsements, keyRules, trace });
    return judged.kind === 'refused' ? judged : this.#open(judged, asked, trace);
  }

  /** Uses the challenge up, whatever the answer is worth. */
  take(
    { challengeId, secret }: AnsweredChallenge,
    { tokenId }: Pick<JoinToken, 'tokenId'>,
    trace: Trace,
  ): Attested | Refusal {
    trace.begin('challenge');
    this.#forgetEnded();
    const challenge = this.#waiting.get(challengeId);
    if (challenge?.tokenId !== tokenId)
      return refuse(
        'challenge_refused',
        'there is no such challenge for this token: it was answered, is older than five minutes, or was never given',
      );
    this.#waiting.delete(challengeId);
    if (secret.length !== secretBytes || !timingSafeEqual(secret, challenge.secret))
      return refuse(
        'challenge_refused',
        'the answer is not the secret: no TPM with the endorsement key gave it',
      );
    const { endorsementId, keyHash } = challenge;
    trace.pass(`the TPM of endorsement key \`${endorsementId}\` has answered challenge \`${challengeId}\``);
    return { kind: 'attested', keyHash };
  }

  #open(
    { endorsementKey, attestationName: name, endorsementId, keyHash }: JudgedEvidence,
    { tokenId, remoteAddress }: Asked,
    trace: Trace,
  ): OpenedChallenge | Refusal {
    trace.begin('challenge');
    this.#forgetEnded();
    const asked = { tokenId, network: networkOf(remoteAddress), endorsementId };
    this.#giveWay(asked);
    if (!this.#hasRoom(asked)) return refuse('busy', 'too many challenges wait for their answer; try again');
    const { clock, random } = this.#parts;
    const secret = random.bytes(secretBytes);
    const credential = makeTpmCredential({ endorsementKey, name, secret, random });
    const challengeId = toHex(random.bytes(16));
    const expiresAtMs = clock.now() + validityMs;
    this.#waiting.set(challengeId, { ...asked, secret, keyHash, expiresAtMs });
    trace.pass(`challenge \`${challengeId}\` was given`);
    return { kind: 'challenged', challengeId, ...credential, expiresAtMs };
  }

  /** One TPM answers one at a time: it holds a few places at most, and those that it asked for last. */
  #giveWay({ tokenId, endorsementId }: Pick<Challenge, 'tokenId' | 'endorsementId'>): void {
    const own = [...this.#waiting].filter(
      ([, each]) => each.tokenId === tokenId && each.endorsementId === endorsementId,
    );
    const [oldest] = own;
    if (oldest !== undefined && own.length >= bounds.endorsementOfToken) this.#waiting.delete(oldest[0]);
  }

  #hasRoom({ tokenId, network }: Pick<Challenge, 'tokenId' | 'network'>): boolean {
    if (this.#waiting.size >= bounds.all) return false;
    const all = [...this.#waiting.values()];
    const ofToken = all.filter((each) => each.tokenId === tokenId).length;
    const ofNetwork = all.filter((each) => each.network === network).length;
    return ofToken < bounds.token && ofNetwork < bounds.network;
  }

  #forgetEnded(): void {
    const now = this.#parts.clock.now();
    for (const [challengeId, { expiresAtMs }] of this.#waiting) {
      if (expiresAtMs > now) return;
      this.#waiting.delete(challengeId);
    }
  }
}
