import { type Environment, readSource, type SecretSource } from '../secret-source.ts';
import type { RefusedPin } from './refused-pin.ts';

/** How a token's PIN is had, and what keeps a wrong one from being given until the token locks itself. */
export interface TokenPin {
  read(): string;
  /** Why this one is not tried, in words; nothing where it may be. */
  whyNot(pin: string, token: TokenState): string | undefined;
  refused(pin: string, token: TokenState): void;
  taken(): void;
  /** What a person can do about a refusal. */
  readonly remedy: string;
}

export interface TokenState {
  readonly label: string;
  /** A PIN was refused since one was last taken: `CKF_USER_PIN_COUNT_LOW`. */
  readonly hasRefused: boolean;
}

/** A service's: from where its settings say, and a refused one is kept over restarts. */
export function servicePin(
  source: SecretSource,
  { environment, refusedPin }: { readonly environment: Environment; readonly refusedPin: RefusedPin },
): TokenPin {
  let pin: string | undefined;
  return {
    read: () => {
      pin ??= readSource(source, { environment, what: 'PIN', code: 'keys.hsm' })
        .toString('utf8')
        .replace(/\r?\n$/, '');
      return pin;
    },
    whyNot: (tried, { label }) => (refusedPin.is(label, tried) ? 'it did so before' : undefined),
    refused: (tried, { label }) => refusedPin.keep(label, tried),
    taken: () => refusedPin.forget(),
    remedy: `the same one is not tried again: give the right one, or remove \`${refusedPin.path}\` to try it once more`,
  };
}

/**
 * One that was given for a single command. Nothing of it is kept: once the token has refused a PIN, it says so itself, and takes one only of a person who
 * types it. So a program that is run again and again with a wrong PIN in a file has one attempt.
 */
export function givenPin(pin: string, { isTyped }: { readonly isTyped: boolean }): TokenPin {
  return {
    read: () => pin,
    whyNot: (_, { hasRefused }) =>
      hasRefused && !isTyped ? 'not tried: it has refused one since it last took one' : undefined,
    refused: () => undefined,
    taken: () => undefined,
    remedy: 'the next one is to be typed by a person, so that no program locks the token',
  };
}
