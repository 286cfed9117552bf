import type { PolicyAction } from './actions.ts';
import type { StatementRef } from './statement-ref.ts';

/** A variable of the statement as this principal has it; without `value` it is unresolved. */
export interface ResolvedVariable {
  readonly name: string;
  readonly value?: string;
}

/** What was decided, and why. */
export type Decision = AllowDecision | ExplicitDenyDecision | ImplicitDenyDecision;

interface AllowDecision {
  readonly kind: 'allow';
  readonly action: PolicyAction;
  readonly name: string;
  readonly statement: StatementRef;
  /** The resource pattern that matched, variables in place; for `NotResource` the first exception that did not. */
  readonly pattern: string;
  readonly variables: readonly ResolvedVariable[];
}

interface ExplicitDenyDecision {
  readonly kind: 'explicitDeny';
  readonly action: PolicyAction;
  readonly name: string;
  readonly statement: StatementRef;
  readonly pattern: string;
  readonly variables: readonly ResolvedVariable[];
  /** Variables and keys without a value, on which the statement failed closed. */
  readonly unresolved: readonly string[];
}

interface ImplicitDenyDecision {
  readonly kind: 'implicitDeny';
  readonly action: PolicyAction;
  readonly name: string;
  /** The Allow that came closest; absent when no statement allows the action at all. */
  readonly nearest?: NearestMiss;
  /** There is no policy at all that could have allowed or denied it. */
  readonly isWithoutPolicy?: true;
}

/** Why the closest Allow does not match, from nearest to farthest. */
export type NearestMiss = { readonly statement: StatementRef } & (
  | {
      /** The resource matches, this condition does not hold. */
      readonly kind: 'condition';
      readonly operator: string;
      readonly key: string;
      readonly expected: readonly string[];
      /** What the request has; absent when it does not have the key. */
      readonly actual?: readonly string[];
    }
  | {
      /** It would match if that variable had the value `needed`. */
      readonly kind: 'variable';
      readonly pattern: string;
      readonly variable: string;
      readonly actual: string;
      readonly needed: string;
    }
  | { readonly kind: 'unresolved'; readonly pattern: string; readonly variables: readonly string[] }
  | { readonly kind: 'resource'; readonly pattern: string }
);
