import type { GroupName, PolicyName } from '@fleetward/core';
import type { Expression, Mappings, Tree } from './expression.ts';

/** What becomes of a part of a thing that is there already. */
export type Override = 'DO_NOTHING' | 'REPLACE' | 'FAIL' | 'MERGE';

/** A provisioning template that was read and found sound. */
export interface Template {
  /** By name; a parameter without a default has to come with the request. */
  readonly parameters: ReadonlyMap<string, { readonly defaultText?: string }>;
  readonly mappings: Mappings;
  readonly thing: {
    readonly name: Expression;
    readonly typeName?: Expression;
    readonly attributes: ReadonlyMap<string, Expression>;
    readonly groups: readonly Fixed<GroupName>[];
    readonly overrides: {
      readonly attributes: Override;
      readonly typeName: Exclude<Override, 'MERGE'>;
      readonly groups: 'DO_NOTHING' | 'FAIL';
    };
  };
  readonly certificate: { readonly isActive: boolean; readonly isExclusive: boolean };
  readonly policies: readonly Fixed<PolicyName>[];
  readonly deviceConfiguration: ReadonlyMap<string, Tree>;
}

/** A name that gives rights: never a text of the device's, only one that stands in the template. */
export type Fixed<Name extends string> =
  | { readonly kind: 'name'; readonly name: Name }
  | {
      readonly kind: 'find';
      readonly expression: Extract<Expression, { kind: 'find' }>;
      /** Every name it can be. */
      readonly names: readonly Name[];
    };
