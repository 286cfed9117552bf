import type { Target } from '../client/target.ts';
import { UpdatesError } from '../errors.ts';
import { parseRelease } from '../release.ts';
import { compareVersions } from '../version-order.ts';
import type { NewTarget } from './draft.ts';
import { readTargets } from './read-targets.ts';

/**
 * Throws `updates.target_invalid` for a path that the list has, unless it is to be replaced, and for a version that devices could not tell from
 * one of the list, such as 1.0 beside 1.0.0: they would stay with whichever they have.
 */
export function assertAddable(
  target: NewTarget,
  { list, isReplaced }: { readonly list: Uint8Array; readonly isReplaced: boolean },
): void {
  for (const listed of readTargets(list)) {
    if (listed.path === target.path) {
      if (isReplaced || listed.sha256 === target.sha256) continue;
      throw invalid(`the list has other bytes at \`${target.path}\`: replace them, or withdraw them first`);
    }
    if (isSameVersion(listed, target))
      throw invalid(
        `\`${listed.path}\` is the same version for the same hardware: give this one a higher version`,
      );
  }
}

function isSameVersion(listed: Target, target: NewTarget): boolean {
  const [a, b] = [parseRelease(listed.custom), parseRelease(target.custom)];
  if (a === undefined || b === undefined) return false;
  return (
    a.product === b.product &&
    (a.component ?? 'firmware') === (b.component ?? 'firmware') &&
    compareVersions(a.version, b.version) === 0 &&
    a.hardware.some((name) => b.hardware.includes(name))
  );
}

function invalid(message: string): UpdatesError {
  return new UpdatesError('updates.target_invalid', message);
}
