/** Structured facts about a failure: safe to show to an operator, never a key, token or payload. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

/**
 * A failure with a stable code. Each package has one subclass whose `Code` is a closed union; codes are API and are
 * never reused. The message is lower case, names its input in backticks and says what to do.
 */
export abstract class AppError<Code extends string = string> extends Error {
  readonly code: Code;
  readonly details: ErrorDetails;

  constructor(
    code: Code,
    message: string,
    options: { readonly cause?: unknown; readonly details?: ErrorDetails } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = new.target.name;
    this.code = code;
    this.details = options.details ?? {};
  }
}

export function isAppError(value: unknown): value is AppError {
  return value instanceof AppError;
}

/** The input of a core parser is not what it must be. */
export class InvalidInputError extends AppError<
  'core.invalid_id' | 'core.invalid_bytes' | 'core.invalid_json'
> {}
