import type { Targets } from '@tufjs/models';
import type { Target } from '../client/target.ts';
import { parseRelease } from '../release.ts';
import type { RoleKeys } from './threshold.ts';

/** A role that a list delegates to: its keys, and the paths it may speak for. */
export type DelegatedRole = NonNullable<NonNullable<Targets['delegations']>['roles']>[string];

/** The keys and threshold that a list gives to a role it delegates to; `undefined` when it delegates to no such role. */
export function delegatedKeys({ delegations }: Targets, name: string): RoleKeys | undefined {
  if (delegations === undefined) return undefined;
  const { keys, roles, succinctRoles } = delegations;
  const named = roles !== undefined && Object.hasOwn(roles, name) ? roles[name] : undefined;
  const role = roles === undefined ? succinctRoles : named;
  return role === undefined ? undefined : { keys, keyIDs: role.keyIDs, threshold: role.threshold };
}

/** The roles that a list delegates to by name, in the order of their trust. */
export function delegatedRoles({ delegations }: Targets): readonly DelegatedRole[] {
  return Object.values(delegations?.roles ?? {});
}

/** Roles of ours are named like their product; none can be taken for another file of the repository. */
export function isProductRoleName(name: string): boolean {
  const reserved = ['root', 'targets', 'snapshot', 'timestamp', 'director', 'mldsa65'];
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(name) && !/^\d+$/.test(name) && !reserved.includes(name);
}

/** What the role of a product may speak for: `PRODUCT/FILE` and `PRODUCT/VERSION/FILE`. */
export function productPaths(product: string): readonly string[] {
  return [`${product}/*`, `${product}/*/*`];
}

/**
 * A path says nothing to a device, which goes by the release's `product`: whoever signs for `lamp/…` could name another one. So
 * in a delegated list a release is of the product that its path begins with, or is none.
 */
export function isOfItsProduct({ path, custom }: Pick<Target, 'path' | 'custom'>): boolean {
  const product = parseRelease(custom)?.product;
  return product === undefined || path.startsWith(`${product}/`);
}
