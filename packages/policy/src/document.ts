import type { PolicyAction } from './actions.ts';
import type { Network } from './addresses.ts';
import type { Operator } from './operators.ts';
import type { Token } from './template.ts';
import type { Variable } from './variables.ts';

/** The region and account that this platform's ARNs carry. */
export interface PolicyBinding {
  readonly region: string;
  readonly accountId: string;
}

/** A validated policy document: every element is supported and understood. */
export interface PolicyDocument {
  /** `unbound`: parsed without a server; the request's ARN gives region and account when it is compiled. */
  readonly binding: PolicyBinding | 'unbound';
  readonly statements: readonly PolicyStatement[];
}

export interface PolicyStatement {
  readonly index: number;
  readonly path: string;
  readonly sid?: string;
  readonly effect: 'Allow' | 'Deny';
  /** What `Action` stands for, wildcards expanded. */
  readonly actions: readonly PolicyAction[];
  readonly actionSources: readonly string[];
  /** `except` is `NotResource`: the statement is about everything but its entries. */
  readonly scope: { readonly kind: 'only' | 'except'; readonly entries: readonly ResourceEntry[] };
  readonly conditions: readonly Condition[];
}

/** One ARN of `Resource` or `NotResource`; `*` alone is the same as an ARN of `*` everywhere. */
export interface ResourceEntry {
  readonly source: string;
  readonly path: string;
  /** A region, or `*`. */
  readonly region: string;
  /** An account id, or `*`. */
  readonly accountId: string;
  /** `type/name`. */
  readonly tail: readonly Token[];
}

/** One key below one operator; several conditions of a statement must all hold. */
export interface Condition {
  readonly path: string;
  readonly operator: Operator;
  readonly key: Variable;
  /** Alternatives: one that matches is enough (for a negated operator, one that matches fails it). */
  readonly values: readonly ConditionValue[];
}

export type ConditionValue = { readonly source: string } & (
  | { readonly kind: 'text'; readonly tokens: readonly Token[] }
  | { readonly kind: 'arn'; readonly parts: readonly (readonly Token[])[] }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'instant'; readonly epochMs: number }
  | { readonly kind: 'boolean'; readonly value: boolean }
  | { readonly kind: 'network'; readonly network: Network }
);
