import { type Clock, type Random, type Transaction, type Transactor, toHex } from '@fleetward/core';
import { storableText } from '../storable-text.ts';
import type { EnrollmentAttempt, EnrollmentStore } from './store.ts';
import type { AttemptSubject, Trace } from './trace.ts';

export interface AttemptLogOptions {
  readonly store: EnrollmentStore;
  readonly transactor: Transactor;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: {
    /** Attempts kept for operators, the newest. */
    readonly attemptsKeptMax: number;
    /** As many of those who showed nothing that the platform knows, apart from the others. */
    readonly strangersKeptMax: number;
    /** Refused attempts written a second; more are only counted among the denials. */
    readonly refusalsStoredPerSecondMax: number;
  };
}

/** How an attempt ended; what it went through is in its trace. */
export interface AttemptEnd extends AttemptSubject {
  readonly outcome: EnrollmentAttempt['outcome'];
  readonly reason: string;
  readonly explanation: string;
  readonly remoteAddress: string;
}

const stepsMax = 64;

/** The trace each attempt to enrol leaves. Bounded in number, and in writes a second: strangers may knock without a token. */
export class AttemptLog {
  readonly #options: AttemptLogOptions;
  #sequence = 0;
  #second = 0;
  #storedInSecond = 0;

  constructor(options: AttemptLogOptions) {
    this.#options = options;
  }

  /** Writes the attempt as part of the change it led to. */
  async add(tx: Transaction, trace: Trace, end: AttemptEnd): Promise<void> {
    const { store, clock, settings } = this.#options;
    const steps = trace.steps
      .slice(0, stepsMax)
      .map((step) => ({ ...step, detail: step.detail.slice(0, 1024) }));
    const attempt = {
      ...trace.subject,
      ...end,
      operation: trace.operation,
      steps,
      remoteAddress: end.remoteAddress.slice(0, 64),
      explanation: storableText(end.explanation.slice(0, 1024)),
      attemptId: this.#newId(),
      atMs: clock.now(),
    };
    const isKnown = attempt.tokenId !== undefined || attempt.certificateId !== undefined;
    const keep = isKnown ? settings.attemptsKeptMax : settings.strangersKeptMax;
    await store.addAttempt(tx, attempt, { keep });
  }

  /** Writes an attempt that changed nothing, unless too many were written in this second. */
  async addAlone(trace: Trace, end: AttemptEnd): Promise<void> {
    if (this.#isOverRate()) return;
    await this.#options.transactor.transact((tx) => this.add(tx, trace, end));
  }

  newest(limit: number): Promise<readonly EnrollmentAttempt[]> {
    return this.#options.store.attempts({ limit });
  }

  find(attemptId: string): Promise<EnrollmentAttempt | undefined> {
    return this.#options.store.findAttempt(attemptId);
  }

  /** Ids of one millisecond sort in the order of the attempts. */
  #newId(): string {
    const sequence = (this.#sequence++ % 0x1_0000_0000).toString(16).padStart(8, '0');
    return `${sequence}${toHex(this.#options.random.bytes(12))}`;
  }

  #isOverRate(): boolean {
    const second = Math.floor(this.#options.clock.now() / 1000);
    if (second !== this.#second) {
      this.#second = second;
      this.#storedInSecond = 0;
    }
    return ++this.#storedInSecond > this.#options.settings.refusalsStoredPerSecondMax;
  }
}
