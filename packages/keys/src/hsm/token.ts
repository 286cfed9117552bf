import { KeysError } from '../errors.ts';
import { type Environment, readSource, type SecretSource } from '../secret-source.ts';
import { cki, type Handle, loadPkcs11, type Pkcs11, reasonOf } from './pkcs11.ts';
import type { RefusedPin } from './refused-pin.ts';

/** A PKCS #11 token, such as a hardware security module. */
export interface HsmSettings {
  /** Folder of the compiled `pkcs11js`; without it, it is looked for beside our own package. */
  readonly packagePath?: string;
  /** The vendor's shared library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
  readonly pin: SecretSource;
  /** Names of variables that the module reads, such as where its settings are. */
  readonly environment: readonly string[];
}

export interface OpenSession {
  readonly pkcs11: Pkcs11;
  readonly session: Handle;
}

/**
 * One logged-in session, opened when it is first needed and again after a fault, for which the module is initialised anew. A refused PIN is not tried again, neither by this
 * process nor by the next: a token locks itself after a few.
 */
export class Token {
  readonly #settings: HsmSettings;
  readonly #environment: Environment;
  readonly #refusedPin: RefusedPin;
  #pkcs11: Pkcs11 | undefined;
  #pin: string | undefined;
  #session: Handle | undefined;
  #refusal: KeysError | undefined;

  constructor(
    settings: HsmSettings,
    { environment, refusedPin }: { readonly environment: Environment; readonly refusedPin: RefusedPin },
  ) {
    this.#settings = settings;
    this.#environment = environment;
    this.#refusedPin = refusedPin;
  }

  /** Throws `keys.hsm`, or what `work` throws of ours. */
  use<Result>(what: string, work: (open: OpenSession) => Result): Result {
    try {
      return work(this.#open());
    } catch (cause) {
      this.#unload();
      if (cause instanceof KeysError) throw cause;
      const message = `the token \`${this.#settings.tokenLabel}\` does not ${what}: ${reasonOf(cause)}`;
      throw new KeysError('keys.hsm', message, { cause });
    }
  }

  #open(): OpenSession {
    if (this.#refusal !== undefined) throw this.#refusal;
    this.#pkcs11 ??= loadPkcs11(this.#settings);
    const pkcs11 = this.#pkcs11;
    if (this.#session !== undefined) return { pkcs11, session: this.#session };
    const session = pkcs11.C_OpenSession(this.#slot(pkcs11), cki.serialAndWritable);
    this.#session = session;
    this.#login(pkcs11, session);
    return { pkcs11, session };
  }

  #slot(pkcs11: Pkcs11): Handle {
    const { tokenLabel } = this.#settings;
    const slots = pkcs11
      .C_GetSlotList(true)
      .filter((slot) => pkcs11.C_GetTokenInfo(slot).label.trimEnd() === tokenLabel);
    const [slot] = slots;
    if (slot !== undefined && slots.length === 1) return slot;
    throw new KeysError(
      'keys.hsm',
      `${slots.length} tokens are labelled \`${tokenLabel}\`; there must be one`,
    );
  }

  #login(pkcs11: Pkcs11, session: Handle): void {
    const pin = this.#pin ?? this.#readPin();
    this.#pin = pin;
    const { tokenLabel } = this.#settings;
    if (this.#refusedPin.is(tokenLabel, pin)) throw this.#refused('it did so before');
    try {
      pkcs11.C_Login(session, cki.user, pin);
    } catch (cause) {
      const { code } = cause as { readonly code?: number };
      if (code !== cki.pinIncorrect && code !== cki.pinLocked) throw cause;
      if (code === cki.pinIncorrect) this.#refusedPin.keep(tokenLabel, pin);
      throw this.#refused(reasonOf(cause), cause);
    }
    this.#refusedPin.forget();
  }

  #refused(why: string, cause?: unknown): KeysError {
    const message = `the token \`${this.#settings.tokenLabel}\` refuses the PIN (${why}); the same one is not tried again: give the right one, or remove \`${this.#refusedPin.path}\` to try it once more`;
    this.#refusal = new KeysError('keys.hsm', message, { cause });
    return this.#refusal;
  }

  #readPin(): string {
    const wanted = { environment: this.#environment, what: 'PIN', code: 'keys.hsm' } as const;
    return readSource(this.#settings.pin, wanted)
      .toString('utf8')
      .replace(/\r?\n$/, '');
  }

  /**
   * Ends the module, and with it the session. After any failure: SoftHSM, for one, says that a key is not there when its folder is gone,
   * and goes on failing once that is back until it is initialised anew.
   */
  #unload(): void {
    const pkcs11 = this.#pkcs11;
    this.#pkcs11 = undefined;
    this.#session = undefined;
    try {
      pkcs11?.C_Finalize();
    } catch {
      // It is gone with the fault that brought us here.
    }
  }
}
