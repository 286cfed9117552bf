import { AppError } from '@fleetward/core';

export type OperatorErrorCode =
  | 'operators.setup_refused'
  | 'operators.name_taken'
  | 'operators.not_found'
  | 'operators.too_many_tokens'
  | 'operators.too_many_invitations';

export class OperatorError extends AppError<OperatorErrorCode> {}
