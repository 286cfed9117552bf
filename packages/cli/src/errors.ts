import { AppError } from '@fleetward/core';

/** Every way in which the command line itself fails; what it calls throws its own errors. */
export type CliErrorCode =
  | 'cli.usage'
  | 'cli.not_found'
  | 'cli.unreadable'
  | 'cli.unwritable'
  | 'cli.not_configured'
  | 'cli.context_unsafe'
  | 'cli.untrusted'
  | 'cli.folder_unusable'
  | 'cli.cancelled'
  | 'cli.trail_broken'
  | 'cli.log_incomplete';

/** A failure of the command line, see `CliErrorCode`. `hint` says what to do about it. */
export class CliError extends AppError<CliErrorCode> {
  readonly hint: string | undefined;

  constructor(
    code: CliErrorCode,
    message: string,
    options: { readonly cause?: unknown; readonly hint?: string } = {},
  ) {
    super(code, message, options.cause === undefined ? {} : { cause: options.cause });
    this.hint = options.hint;
  }
}

/** The command was called in a way it cannot work; the message names the flag or argument. */
export function usage(message: string, hint?: string): CliError {
  return new CliError('cli.usage', message, hint === undefined ? {} : { hint });
}
