import type { Clock, PolicyName, Transactor } from '@fleetward/core';
import type { PolicyDocument, Proof, Property } from '@fleetward/policy';
import type { Actor, Trail } from '../trail/index.ts';
import { type AttachedSet, keyOf as keyOfSet, type SetChange } from './attached-sets.ts';
import { PoliciesError } from './errors.ts';
import type { Prover } from './prover.ts';
import type { GuardrailRecord, PolicyStore } from './store.ts';

/** What is required, as the API and the settings write it. */
export type WrittenProperty =
  | Exclude<Property, { readonly others: unknown }>
  | { readonly kind: 'at-most'; readonly document: string };

/** What can be asked once, and is not required for good. */
interface EqualTo {
  readonly kind: 'equal';
  readonly document: string;
}

export interface Guardrail {
  readonly name: string;
  /** None: it is about every policy. */
  readonly policyName?: PolicyName | undefined;
  readonly property: WrittenProperty;
  /** Absent for one from the settings. */
  readonly createdAtMs?: number;
}

export interface GuardrailsOptions {
  readonly store: Pick<PolicyStore, 'addGuardrail' | 'removeGuardrail' | 'guardrails'>;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  readonly parse: (document: string) => PolicyDocument;
  readonly configured: readonly Guardrail[];
  readonly prover: Prover;
  readonly limits: { readonly setsMax: number };
}

/** A guard rail that does not hold for what is in force: what was found, the first of it. */
export interface BrokenGuardrail {
  readonly guardrail: Guardrail;
  /** Sets of policies for which it does not hold, or for which that is not known. */
  readonly sets: number;
  readonly findings: readonly PoliciesError[];
}

const errorsShown = 10;
const findingsKept = 10;
/** Proofs remembered, some hundred bytes each. */
const keptMax = 10_000;

/** Proofs that have to hold after every change of policies and attachments; what would break one is refused. */
export class Guardrails {
  readonly #options: GuardrailsOptions;
  readonly #stored = new Map<string, Guardrail>();
  /** What was proved, by guard rail and set: a set is the same when it has the same versions. */
  readonly #kept = new Set<string>();
  #broken: readonly BrokenGuardrail[] = [];
  #tooManySets = 0;

  private constructor(options: GuardrailsOptions) {
    this.#options = options;
  }

  static async open(options: GuardrailsOptions): Promise<Guardrails> {
    const guardrails = new Guardrails(options);
    for (const record of await options.store.guardrails())
      guardrails.#stored.set(record.name, fromRecord(record));
    for (const { property } of options.configured) guardrails.#read(property);
    return guardrails;
  }

  list(): readonly Guardrail[] {
    return [...this.#options.configured, ...this.#stored.values()];
  }

  /** Whether there is none, so that nothing has to be proved. */
  get isEmpty(): boolean {
    return this.#options.configured.length === 0 && this.#stored.size === 0;
  }

  /** Those that did not hold when all that is in force was last looked at. */
  get broken(): readonly BrokenGuardrail[] {
    return this.#broken.filter(({ guardrail }) => this.list().includes(guardrail));
  }

  /** Changes that were refused because too many proofs would have been needed. */
  get tooManySets(): number {
    return this.#tooManySets;
  }

  /** Proves the property over the set. Throws `policies.invalid_request` for one that cannot be read. */
  prove(set: AttachedSet, property: WrittenProperty | EqualTo): Promise<Proof> {
    return this.#options.prover.prove(set, this.#read(property));
  }

  /**
   * Throws `policies.guardrail_broken` with the counter-example, or `policies.guardrail_undecided`. Where a guard rail does not
   * hold before the change either, the change is let through if it is proved to allow nothing more: otherwise nothing could be
   * mended step by step.
   */
  async assertKept(changes: readonly SetChange[]): Promise<void> {
    const sets = changes.map(({ after }) => after);
    this.#assertFew(sets, this.list());
    for (const change of changes) {
      for (const guardrail of this.list()) {
        if (!isAbout(guardrail, change.after)) continue;
        const found = await this.#findBreach(guardrail, change.after);
        if (found !== undefined && !(await this.#isNoWorse(guardrail, change))) throw found;
      }
    }
  }

  /** Looks at all that is in force, and tells the trail what it did not tell before. */
  async findBroken(sets: readonly AttachedSet[]): Promise<readonly BrokenGuardrail[]> {
    const broken: BrokenGuardrail[] = [];
    for (const guardrail of this.list()) {
      const found = await this.#breachesOf(guardrail, sets);
      if (found.length > 0)
        broken.push({ guardrail, sets: found.length, findings: found.slice(0, findingsKept) });
    }
    const known = new Set(this.#broken.map(({ guardrail }) => guardrail));
    const news = broken.filter(({ guardrail }) => !known.has(guardrail));
    this.#broken = broken;
    for (const each of news) await this.#tell(each);
    return news;
  }

  /** Requires a proof from now on; `sets` are all that are in force. Throws as `assertKept`, or `policies.guardrail_exists`. */
  async create(
    wanted: Omit<Guardrail, 'createdAtMs'>,
    sets: readonly AttachedSet[],
    actor: Actor,
  ): Promise<Guardrail> {
    const { store, transactor, trail, clock } = this.#options;
    if (this.list().some(({ name }) => name === wanted.name))
      throw new PoliciesError(
        'policies.guardrail_exists',
        `there is a guard rail \`${wanted.name}\` already`,
      );
    const guardrail = { ...wanted, createdAtMs: clock.now() };
    this.#assertFew(sets, [guardrail]);
    for (const set of sets) {
      const found = isAbout(guardrail, set) ? await this.#findBreach(guardrail, set) : undefined;
      if (found !== undefined) throw found;
    }
    await transactor.transact(async (tx) => {
      await store.addGuardrail(tx, toRecord(guardrail));
      await trail.append(tx, { kind: 'guardrail.created', actor, payload: payloadOf(guardrail) });
      tx.afterCommit(() => this.#stored.set(guardrail.name, guardrail));
    });
    return guardrail;
  }

  /** Throws `policies.guardrail_not_found`, or `policies.guardrail_configured` for one from the settings. */
  async remove(name: string, actor: Actor): Promise<void> {
    const { store, transactor, trail, configured } = this.#options;
    if (configured.some((guardrail) => guardrail.name === name))
      throw new PoliciesError(
        'policies.guardrail_configured',
        `guard rail \`${name}\` is from the settings: remove it there`,
      );
    await transactor.transact(async (tx) => {
      if (!(await store.removeGuardrail(tx, name)))
        throw new PoliciesError('policies.guardrail_not_found', `there is no guard rail \`${name}\``);
      await trail.append(tx, { kind: 'guardrail.removed', actor, payload: { guardrailName: name } });
      tx.afterCommit(() => this.#stored.delete(name));
    });
  }

  #assertFew(sets: readonly AttachedSet[], guardrails: readonly Guardrail[]): void {
    const { setsMax } = this.#options.limits;
    const wanted = sets.flatMap((set) => guardrails.filter((guardrail) => isAbout(guardrail, set))).length;
    if (wanted <= setsMax) return;
    this.#tooManySets++;
    throw new PoliciesError(
      'policies.guardrail_undecided',
      `${wanted} combinations of guard rails and policies would have to be proved, and at most ${setsMax} are (\`proofLimits.setsMax\`)`,
    );
  }

  async #breachesOf(guardrail: Guardrail, sets: readonly AttachedSet[]): Promise<readonly PoliciesError[]> {
    const found: PoliciesError[] = [];
    try {
      this.#assertFew(sets, [guardrail]);
      for (const set of sets) {
        const breach = isAbout(guardrail, set) ? await this.#findBreach(guardrail, set) : undefined;
        if (breach !== undefined) found.push(breach);
      }
    } catch (error) {
      if (!(error instanceof PoliciesError) || error.code !== 'policies.guardrail_undecided') throw error;
      found.push(error);
    }
    return found;
  }

  /** Nothing when it is proved. */
  async #findBreach(guardrail: Guardrail, set: AttachedSet): Promise<PoliciesError | undefined> {
    const key = keyOf(guardrail, set);
    if (this.#kept.has(key)) return undefined;
    const proof = await this.prove(set, guardrail.property);
    if (proof.verdict !== 'yes') return broken(guardrail, set, proof);
    if (this.#kept.size >= keptMax) this.#kept.clear();
    this.#kept.add(key);
    return undefined;
  }

  /** Whether it was broken before, and the change allows nothing that was not allowed. */
  async #isNoWorse(guardrail: Guardrail, { before, after }: SetChange): Promise<boolean> {
    if (before === undefined || !isAbout(guardrail, before)) return false;
    if ((await this.#findBreach(guardrail, before)) === undefined) return false;
    const { verdict } = await this.#options.prover.prove(after, { kind: 'at-most', others: before });
    return verdict === 'yes';
  }

  #tell({ guardrail, sets, findings }: BrokenGuardrail): Promise<void> {
    const { transactor, trail } = this.#options;
    const payload = {
      guardrailName: guardrail.name,
      sets,
      findings: findings.map(({ code, message }) => ({ code, message })),
    };
    return transactor.transact(async (tx) => {
      await trail.append(tx, { kind: 'guardrail.broken', actor: { kind: 'system' }, payload });
    });
  }

  #read(property: WrittenProperty | EqualTo): Property {
    if (property.kind !== 'at-most' && property.kind !== 'equal') return property;
    const document = this.#options.parse(property.document);
    return { kind: property.kind, others: [{ name: 'limit', versionId: 1, via: 'certificate', document }] };
  }
}

function isAbout({ policyName }: Guardrail, set: AttachedSet): boolean {
  return set.length > 0 && (policyName === undefined || set.some(({ name }) => name === policyName));
}

function keyOf({ name, property }: Guardrail, set: AttachedSet): string {
  return JSON.stringify([name, property, keyOfSet(set)]);
}

function broken(
  { name, property }: Guardrail,
  set: AttachedSet,
  { verdict, summary, counterExample }: Proof,
): PoliciesError {
  const together = set.map(namedVersion).join(' with ');
  const code = verdict === 'no' ? 'policies.guardrail_broken' : 'policies.guardrail_undecided';
  const errors = counterExample?.requests
    .slice(0, errorsShown)
    .map(({ by, action, resource, context, decision }, index) => ({
      path: `/counterExample/requests/${index}`,
      message: `${by === 'this' ? '' : `${by}: `}${decision}: ${JSON.stringify({ action, resource, context })}`,
      expected: `what guard rail \`${name}\` (${property.kind}) asks for`,
    }));
  return new PoliciesError(code, `guard rail \`${name}\` of ${together}: ${summary}`, {
    details: { errors },
  });
}

/** A version that is about to be stored has no number yet: it is 0. */
function namedVersion({ name, versionId }: AttachedSet[number]): string {
  return versionId === 0 ? `the new version of \`${name}\`` : `\`${name}\` version ${versionId}`;
}

function payloadOf({ name, policyName, property }: Guardrail) {
  return {
    guardrailName: name,
    ...(policyName === undefined ? {} : { policyName }),
    property: JSON.stringify(property),
  };
}

function toRecord({ name, policyName, property, createdAtMs = 0 }: Guardrail): GuardrailRecord {
  return {
    name,
    ...(policyName === undefined ? {} : { policyName }),
    property: JSON.stringify(property),
    createdAtMs,
  };
}

function fromRecord({ property, ...record }: GuardrailRecord): Guardrail {
  // Written by this class, after the API's schema was checked.
  return { ...record, property: JSON.parse(property) as WrittenProperty };
}
