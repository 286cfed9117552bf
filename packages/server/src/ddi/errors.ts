import { AppError } from '@fleetward/core';

export type DdiErrorCode =
  | 'ddi.invalid'
  | 'ddi.not_found'
  | 'ddi.foreign_action'
  | 'ddi.gone'
  | 'ddi.not_cancelled'
  | 'ddi.no_digests'
  | 'ddi.token_not_allowed'
  | 'ddi.token_not_found';

/** What a DDI client asked or said is not taken; nothing was changed. */
export class DdiError extends AppError<DdiErrorCode> {}

export function noAction(id: number): DdiError {
  return new DdiError('ddi.not_found', `there is no action ${id} for this device`);
}

export function actionGone(id: number): DdiError {
  return new DdiError('ddi.gone', `action ${id} is over: nothing more is taken of it`);
}
