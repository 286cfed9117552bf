import { AppError } from '@fleetward/core';

export type OperatorErrorCode = 'operators.setup_refused' | 'operators.name_taken' | 'operators.not_found';

export class OperatorError extends AppError<OperatorErrorCode> {}
