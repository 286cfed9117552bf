import type { CertificateId, PolicyName } from '@fleetward/core';
import type { Actor } from '../trail/index.ts';
import { Turns } from '../turns.ts';
import {
  certificatesUnder,
  type PolicyChange,
  type Surroundings,
  setsAfter,
  setsInForce,
} from './attached-sets.ts';
import type { BrokenGuardrail, Guardrail, Guardrails } from './guardrails.ts';

export interface GuardedChangesOptions {
  readonly guardrails: Guardrails;
  readonly around: Surroundings;
  /** Every policy there is. */
  readonly names: () => Promise<readonly PolicyName[]>;
  /** Whether the platform stops. */
  readonly isClosed: () => boolean;
  readonly warn: (message: string, error: unknown) => void;
}

/** Changes of what policies decide together, each made when the guard rails are proved to hold after it. */
export class GuardedChanges {
  readonly #options: GuardedChangesOptions;
  /** What guard rails are about changes in turns: between a proof and its change nothing else may change. */
  readonly #turns = new Turns();
  /** Changes under way that nothing asked a proof of. */
  readonly #unguarded = new Set<Promise<unknown>>();
  #isRequiring = false;
  #checking = Promise.resolve();
  #checksAsked = 0;

  constructor(options: GuardedChangesOptions) {
    this.#options = options;
  }

  /** Does the work after every guard rail is proved of what will decide together. Throws as `Guardrails.assertKept`. */
  whileKept<Result>(change: PolicyChange, work: () => Promise<Result>): Promise<Result> {
    return this.whileAllKept([change], work);
  }

  /** The same for changes that have nothing to do with each other. */
  async whileAllKept<Result>(changes: readonly PolicyChange[], work: () => Promise<Result>): Promise<Result> {
    const { guardrails, around } = this.#options;
    if (guardrails.isEmpty && !this.#isRequiring) return this.#unproved(work);
    const result = await this.#turns.take('guardrails', async () => {
      await guardrails.assertKept(changes.flatMap((change) => setsAfter(change, around)));
      return work();
    });
    if (guardrails.broken.length > 0) void this.check();
    return result;
  }

  /** Requires a proof from now on, of every policy and of all that are attached together. */
  requireProof(wanted: Omit<Guardrail, 'createdAtMs'>, actor: Actor): Promise<Guardrail> {
    return this.#turns.take('guardrails', async () => {
      this.#isRequiring = true;
      try {
        await Promise.allSettled(this.#unguarded);
        return await this.#options.guardrails.create(wanted, await this.#sets(), actor);
      } finally {
        this.#isRequiring = false;
      }
    });
  }

  /**
   * Proves every guard rail of all that is in force: what was there before a guard rail, or came from a backup, was never asked.
   * What is broken is told loudly and stays as it is. Does not throw.
   */
  async check(): Promise<void> {
    // The last check may have begun before the last change: after it another one.
    const turn = ++this.#checksAsked;
    this.#checking = this.#checking.then(() => (turn === this.#checksAsked ? this.#check() : undefined));
    await this.#checking;
  }

  async #check(): Promise<void> {
    const { guardrails, warn } = this.#options;
    if (guardrails.isEmpty) return;
    try {
      for (const found of await guardrails.findBroken(await this.#sets())) warnOf(found, warn);
    } catch (error) {
      if (!this.#options.isClosed()) warn('the guard rails could not be checked', error);
    }
  }

  async #unproved<Result>(work: () => Promise<Result>): Promise<Result> {
    const running = work();
    this.#unguarded.add(running);
    try {
      return await running;
    } finally {
      this.#unguarded.delete(running);
    }
  }

  async #sets() {
    const { around, names: list } = this.#options;
    const names = await list();
    const certificateIds = new Set<CertificateId>(names.flatMap((name) => certificatesUnder(name, around)));
    return setsInForce(around, certificateIds, names);
  }
}

function warnOf(
  { guardrail, findings }: BrokenGuardrail,
  warn: (message: string, error: unknown) => void,
): void {
  for (const error of findings)
    warn(`guard rail \`${guardrail.name}\` does not hold for what is in force`, error);
}
