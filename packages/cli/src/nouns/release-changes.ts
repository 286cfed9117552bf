import {
  parseRelease,
  type ReleaseChange,
  type RootChange,
  type Target,
  type TargetsChange,
} from '@fleetward/updates';
import { printable } from '../printable.ts';
import type { Shell } from '../shell.ts';

/** Shows people what a signature would vouch for anew. */
export function showChange({ root, targets }: ReleaseChange, shell: Shell): void {
  if (root !== undefined) showRoot(root, shell);
  if (targets !== undefined) showTargets(targets, shell);
  if (root === undefined && targets === undefined)
    shell.output.line('nothing is new: all of it was signed before');
}

function showRoot({ version, expires, roles }: RootChange, { output }: Shell): void {
  output.line(output.bold(`root ${version}, good until ${expires}`));
  output.list(
    roles.flatMap(({ role, added, removed, threshold, thresholdBefore }) => [
      ...(threshold === thresholdBefore ? [] : [{ role, change: 'threshold', to: String(threshold) }]),
      ...added.map((to) => ({ role, change: 'new key', to })),
      ...removed.map((to) => ({ role, change: 'key removed', to })),
    ]),
    { role: (row) => row.role, change: (row) => row.change, what: (row) => row.to },
    'the same keys and thresholds, with a new end',
  );
}

function showTargets(
  { version, versionBefore, expires, added, removed, changed, others }: TargetsChange,
  { output }: Shell,
): void {
  output.line(output.bold(`list of releases ${version}, good until ${expires}`));
  if (versionBefore !== undefined)
    output.line(
      `compared with list ${versionBefore}; unless that is the last one that was complete, releases withdrawn since may be back unseen`,
    );
  for (const { member, after } of others)
    output.line(
      printable(
        `beside its releases, \`${member}\` ${after === undefined ? 'is gone' : `is now ${JSON.stringify(after)}`}`,
      ),
    );
  output.list(
    [
      ...added.map((target) => ({ change: 'added', target })),
      ...removed.map((target) => ({ change: 'removed', target })),
      ...changed.flatMap(({ before, after }) => [
        { change: 'changed from', target: before },
        { change: 'changed to', target: after },
      ]),
    ].map(({ change, target }) => ({ change, target, release: parseRelease(target.custom) })),
    {
      change: (row) => row.change,
      path: (row) => row.target.path,
      component: (row) => row.release && (row.release.component ?? 'firmware'),
      product: (row) => row.release?.product,
      version: (row) => row.release?.version,
      security: (row) => row.release?.securityVersion,
      hardware: (row) => row.release?.hardware.join(' '),
      ...custom,
    },
    'the same releases, with a new end',
  );
}

const custom = {
  bytes: ({ target }: { readonly target: Target }) => target.length,
  'SHA-256': ({ target }: { readonly target: Target }) => target.sha256,
};
