import { KeysError } from '../errors.ts';
import type { SecretSource } from '../secret-source.ts';
import { cki, type Handle, loadPkcs11, type Pkcs11, reasonOf } from './pkcs11.ts';
import type { TokenPin, TokenState } from './token-pin.ts';

/** A PKCS #11 token, such as a hardware security module. */
export interface TokenSettings {
  /** Folder of the compiled `pkcs11js`; without it, it is looked for beside our own package. */
  readonly packagePath?: string;
  /** The vendor's shared library. */
  readonly modulePath: string;
  readonly tokenLabel: string;
}

/** The token of a service. */
export interface HsmSettings extends TokenSettings {
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
  readonly #settings: TokenSettings;
  readonly #pin: TokenPin;
  #pkcs11: Pkcs11 | undefined;
  #session: Handle | undefined;
  #refusal: KeysError | undefined;

  constructor(settings: TokenSettings, pin: TokenPin) {
    this.#settings = settings;
    this.#pin = pin;
  }

  /** Throws `keys.hsm`, or what `work` throws of ours. */
  use<Result>(what: string, work: (open: OpenSession) => Result): Result {
    try {
      return work(this.#open());
    } catch (cause) {
      this.close();
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
    const slot = this.#slot(pkcs11);
    const session = pkcs11.C_OpenSession(slot, cki.serialAndWritable);
    this.#session = session;
    const hasRefused = (pkcs11.C_GetTokenInfo(slot).flags & cki.userPinCountLow) !== 0;
    this.#login(session, { pkcs11, state: { label: this.#settings.tokenLabel, hasRefused } });
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

  #login(session: Handle, { pkcs11, state }: { readonly pkcs11: Pkcs11; readonly state: TokenState }): void {
    const pin = this.#pin.read();
    const whyNot = this.#pin.whyNot(pin, state);
    if (whyNot !== undefined) throw this.#refused(whyNot);
    try {
      pkcs11.C_Login(session, cki.user, pin);
    } catch (cause) {
      const { code } = cause as { readonly code?: number };
      if (code !== cki.pinIncorrect && code !== cki.pinLocked) throw cause;
      if (code === cki.pinIncorrect) this.#pin.refused(pin, state);
      throw this.#refused(reasonOf(cause), cause);
    }
    this.#pin.taken();
  }

  #refused(why: string, cause?: unknown): KeysError {
    const message = `the token \`${this.#settings.tokenLabel}\` refuses the PIN (${why}); ${this.#pin.remedy}`;
    this.#refusal = new KeysError('keys.hsm', message, { cause });
    return this.#refusal;
  }

  /**
   * Ends the module, and with it the session. After any failure: SoftHSM, for one, says that a key is not there when its folder is gone,
   * and goes on failing once that is back until it is initialised anew.
   */
  close(): void {
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
