import { AppError } from '@fleetward/core';
import type { Refusal } from './refusal.ts';

/** Carries a refusal out of a transaction: only a throw rolls it back. Never leaves this domain. */
export class RolledBack extends AppError<'enrollment.rolled_back'> {
  readonly refusal: Refusal;

  constructor(refusal: Refusal) {
    super('enrollment.rolled_back', refusal.explanation);
    this.refusal = refusal;
  }
}
