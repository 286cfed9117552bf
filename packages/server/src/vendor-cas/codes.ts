import { type Clock, type Random, type Transaction, type Transactor, toHex } from '@fleetward/core';
import type { Trail } from '../trail/index.ts';
import { VendorCasError } from './errors.ts';
import { hashCode } from './rules.ts';
import type { VendorCaStore } from './store.ts';

export interface CodesOptions {
  readonly store: VendorCaStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: { readonly codesMax: number; readonly codeHours: number };
}

const hourMs = 3_600_000;
const codeBytes = 32;

/** Registration codes: what a vendor signs with a CA's key, once and in time, to show that it holds it. */
export class Codes {
  readonly #options: CodesOptions;

  constructor(options: CodesOptions) {
    this.#options = options;
  }

  /** Throws `vendor_cas.limit` while as many wait as the settings allow. */
  async create(by: {
    readonly operatorId: string;
  }): Promise<{ readonly code: string; readonly expiresAtMs: number }> {
    const { store, transactor, trail, clock, random, settings } = this.#options;
    const code = toHex(random.bytes(codeBytes));
    const hash = hashCode(code);
    if (hash === undefined) throw new TypeError('a fresh code does not have the form of one');
    const createdAtMs = clock.now();
    const expiresAtMs = createdAtMs + settings.codeHours * hourMs;
    await transactor.transact(async (tx) => {
      if ((await store.removeEndedCodes(tx, createdAtMs)) >= settings.codesMax) throw full(settings.codesMax);
      await store.addCode(tx, { hash, createdAtMs, expiresAtMs, createdBy: by.operatorId });
      const actor = { kind: 'operator', operatorId: by.operatorId } as const;
      await trail.append(tx, { kind: 'vendor_ca.code_created', actor, payload: { expiresAtMs } });
    });
    return { code, expiresAtMs };
  }

  /** How many wait to be used. */
  waiting(): Promise<number> {
    const { store, clock } = this.#options;
    return store.countCodes(clock.now());
  }

  /** Uses the code up. Throws `vendor_cas.code_refused`. */
  async take(tx: Transaction, hash: Parameters<VendorCaStore['takeCode']>[1]['hash']): Promise<void> {
    const { store, clock } = this.#options;
    if (await store.takeCode(tx, { hash, atMs: clock.now() })) return;
    throw new VendorCasError(
      'vendor_cas.code_refused',
      'the registration code was never given, was used before, or is expired; have the vendor sign a new one',
    );
  }
}

function full(max: number): VendorCasError {
  const message = `${max} registration codes wait to be used (setting \`vendorCas.codesMax\`); one that is not used ends by itself`;
  return new VendorCasError('vendor_cas.limit', message);
}
