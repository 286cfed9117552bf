import { AppError } from '@fleetward/core';

/** The settings cannot be used; nothing was started. */
export class ConfigError extends AppError<'config.invalid' | 'config.unreadable'> {}
