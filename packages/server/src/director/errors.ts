import { AppError } from '@fleetward/core';

export type DirectorErrorCode = 'director.not_attached' | 'director.busy';

export class DirectorError extends AppError<DirectorErrorCode> {}
