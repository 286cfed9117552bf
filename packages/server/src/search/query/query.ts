export type Operator = ':' | '<' | '<=' | '>' | '>=';

/** One condition on one field. */
export interface Term {
  readonly kind: 'term';
  /** As it was written; `fields.ts` knows which there are. */
  readonly field: string;
  readonly operator: Operator;
  readonly value: Value;
  /** Where it begins in the query, from 1. */
  readonly position: number;
}

export interface Value {
  readonly text: string;
  /** In quotes a `*` is a `*`. */
  readonly isQuoted: boolean;
  readonly position: number;
}

export type Query =
  | Term
  | { readonly kind: 'not'; readonly item: Query }
  | { readonly kind: 'and' | 'or'; readonly items: readonly Query[] };
