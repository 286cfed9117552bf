import { type PolicyAction, type ResourceType, resourceTypeOf } from '../actions.ts';
import type { PolicyDocument, PolicyStatement, ResourceEntry } from '../document.ts';
import type { GlobPart } from '../glob.ts';
import { afterPrefix } from '../glob-remainder.ts';

/** The statements of one effect that name the action. */
export function statementsFor(
  { statements }: PolicyDocument,
  about: { readonly effect: 'Allow' | 'Deny'; readonly action: PolicyAction },
): readonly PolicyStatement[] {
  return statements.filter(
    ({ effect, actions }) => effect === about.effect && actions.includes(about.action),
  );
}

/** What an entry can be as the name of an action's resource, whatever its variables turn out to be. */
export function widestPatterns(entry: ResourceEntry, action: PolicyAction): readonly (readonly GlobPart[])[] {
  const parts = entry.tail.map((token): GlobPart => (token.kind === 'variable' ? { kind: 'star' } : token));
  return afterPrefix(parts, typePrefix(resourceTypeOf(action)));
}

function typePrefix(type: ResourceType): string {
  return type === 'none' ? '' : `${type}/`;
}

/** Whether every name matches. */
export function isUniversal(parts: readonly GlobPart[]): boolean {
  return parts.length > 0 && parts.every(({ kind }) => kind === 'star');
}
