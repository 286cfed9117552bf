import { existsSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { utf8 } from '@fleetward/core';
import { replaceDurably, syncFolder } from '@fleetward/core/durable-file';
import type { Envelope } from '../envelope.ts';
import { KeysError } from '../errors.ts';

const fileName = 'refused.pin';

/**
 * The PIN that a token refused, kept over restarts: a service that is started again and again with a wrong one would lock the token.
 * It is sealed, since a wrong PIN is often nearly the right one.
 */
export class RefusedPin {
  readonly path: string;
  readonly #envelope: Envelope;

  constructor(keyFolder: string, envelope: Envelope) {
    this.path = join(keyFolder, fileName);
    this.#envelope = envelope;
  }

  is(tokenLabel: string, pin: string): boolean {
    return this.#read(tokenLabel) === pin;
  }

  keep(tokenLabel: string, pin: string): void {
    replaceDurably(this.path, this.#envelope.seal(utf8(pin), contextOf(tokenLabel)));
  }

  forget(): void {
    if (!existsSync(this.path)) return;
    rmSync(this.path, { force: true });
    syncFolder(dirname(this.path));
  }

  /** Nothing for another token, or where the master key is another since: then the PIN may be tried once more. */
  #read(tokenLabel: string): string | undefined {
    if (!existsSync(this.path)) return undefined;
    try {
      return Buffer.from(
        this.#envelope.open(readFileSync(this.path, 'utf8'), contextOf(tokenLabel)),
      ).toString();
    } catch (cause) {
      if (cause instanceof KeysError) return undefined;
      throw cause;
    }
  }
}

function contextOf(tokenLabel: string): string {
  return `refused-pin/${tokenLabel}`;
}
