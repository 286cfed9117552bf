import type { AttachedPolicy } from '../attached-policy.ts';
import type { PolicyDocument, PolicyStatement, ResourceEntry } from '../document.ts';
import { findMatched } from '../prove/dead.ts';
import { proveNever } from '../prove/never.ts';
import type { Proof } from '../prove/proof.ts';

/** A tenth of a second, for all rules of one document together: a platform lints what it saves between packets. */
const STATES_MAX = 20_000;

/** Questions about sets of names, put to the automata of the proofs. What they cannot say within the budget is not known, and no finding rests on it. */
export class Automata {
  readonly #document: PolicyDocument;
  #left: number;

  constructor(document: PolicyDocument, statesMax = STATES_MAX) {
    this.#document = document;
    this.#left = statesMax;
  }

  /** Whether nothing can ever arrive through this entry of a statement about `iot:Subscribe`; undefined when that is not known. */
  bringsNothing(statement: PolicyStatement, entry: ResourceEntry): boolean | undefined {
    const alone = {
      ...statement,
      actions: ['iot:Subscribe'] as const,
      scope: { kind: 'only', entries: [entry] } as const,
    };
    const others = this.#document.statements.flatMap((other) => {
      if (other.effect === 'Deny') return [other];
      return other.actions.includes('iot:Receive') ? [{ ...other, actions: ['iot:Receive'] as const }] : [];
    });
    const { verdict } = this.#neverReceives('*', [alone, ...others]);
    return verdict === 'undecided' ? undefined : verdict === 'yes';
  }

  /** How a topic that the pattern names may arrive: the filter that brings it. Undefined when none does, or that is not known. */
  filterThatBrings(pattern: string): { readonly filter: string; readonly topic: string } | undefined {
    const { counterExample } = this.#neverReceives(pattern, this.#document.statements);
    const [subscribe, receive] = counterExample?.requests ?? [];
    if (subscribe === undefined || receive === undefined) return undefined;
    return { filter: nameIn(subscribe.resource), topic: nameIn(receive.resource) };
  }

  /** Whether it is known that no request matches, of each statement as if it stood alone. */
  areUnmatchable(statements: readonly PolicyStatement[]): readonly boolean[] {
    const { matched, states } = findMatched([this.#policyOf(statements)], { statesMax: this.#left });
    this.#left = Math.max(0, this.#left - states);
    return matched.map((is) => !is);
  }

  #neverReceives(resource: string, statements: readonly PolicyStatement[]): Proof {
    const question = { action: 'iot:Receive', resource };
    const proof = proveNever([this.#policyOf(statements)], question, { statesMax: this.#left });
    this.#left = Math.max(0, this.#left - proof.states);
    return proof;
  }

  #policyOf(statements: readonly PolicyStatement[]): AttachedPolicy {
    return { name: 'linted', versionId: 1, via: 'certificate', document: { ...this.#document, statements } };
  }
}

/** What follows the type in an ARN. */
function nameIn(arn: string): string {
  return arn
    .split(':')
    .slice(5)
    .join(':')
    .replace(/^[^/]*\//, '');
}
