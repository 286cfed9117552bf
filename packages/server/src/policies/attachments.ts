import type { PolicyName } from '@fleetward/core';

const none: ReadonlySet<never> = new Set<never>();

/** Which policies are attached to which targets of one kind, looked up from either end. */
export class Attachments<Target extends string> {
  readonly #byTarget = new Map<Target, ReadonlySet<PolicyName>>();
  readonly #byPolicy = new Map<PolicyName, Set<Target>>();

  attach(policyName: PolicyName, target: Target): void {
    this.#byTarget.set(target, new Set(this.policiesOf(target)).add(policyName));
    this.#byPolicy.set(policyName, (this.#byPolicy.get(policyName) ?? new Set()).add(target));
  }

  detach(policyName: PolicyName, target: Target): void {
    const names = new Set(this.policiesOf(target));
    names.delete(policyName);
    if (names.size === 0) this.#byTarget.delete(target);
    else this.#byTarget.set(target, names);
    this.#byPolicy.get(policyName)?.delete(target);
  }

  /** Forgets a policy with all its attachments. */
  remove(policyName: PolicyName): void {
    for (const target of [...this.targetsOf(policyName)]) this.detach(policyName, target);
    this.#byPolicy.delete(policyName);
  }

  policiesOf(target: Target): ReadonlySet<PolicyName> {
    return this.#byTarget.get(target) ?? none;
  }

  targetsOf(policyName: PolicyName): ReadonlySet<Target> {
    return this.#byPolicy.get(policyName) ?? none;
  }
}
