import type { CertificateId, ThingName } from '@fleetward/core';

/** One step of an attempt to come in, as an operator reads it. */
export interface AttemptStep {
  /** What was looked at, such as `token`, `csr` or `name`. */
  readonly step: string;
  readonly outcome: 'passed' | 'refused';
  readonly detail: string;
}

/** Whom an attempt is about, as far as that is known. */
export interface AttemptSubject {
  readonly tokenId?: string;
  readonly thingName?: ThingName;
  readonly certificateId?: CertificateId;
}

/** What one attempt went through, whatever the way in: each step as it was passed, and the one that ended it. */
export class Trace {
  /** The operation the device asked for, such as `simpleenroll`. */
  readonly operation: string;
  readonly #steps: AttemptStep[] = [];
  #subject: AttemptSubject = {};
  #underWay = 'request';

  constructor(operation: string) {
    this.operation = operation;
  }

  get steps(): readonly AttemptStep[] {
    return this.#steps;
  }

  get subject(): AttemptSubject {
    return this.#subject;
  }

  /** What is looked at from here on: a refusal is about it. */
  begin(step: string): void {
    this.#underWay = step;
  }

  pass(detail: string): void {
    this.#steps.push({ step: this.#underWay, outcome: 'passed', detail });
  }

  refuse(detail: string): void {
    this.#steps.push({ step: this.#underWay, outcome: 'refused', detail });
  }

  about(subject: AttemptSubject): void {
    this.#subject = { ...this.#subject, ...subject };
  }
}
