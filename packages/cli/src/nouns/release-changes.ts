import {
  parseRelease,
  type ReleaseChange,
  type RoleChange,
  type RootChange,
  type Target,
  type TargetsChange,
} from '@fleetward/updates';
import { printable } from '../printable.ts';
import type { Shell } from '../shell.ts';

/** Shows people what a signature would vouch for anew. */
export function showChange({ root, targets, delegated = {} }: ReleaseChange, shell: Shell): void {
  if (root !== undefined) showRoot(root, shell);
  if (targets !== undefined) showTargets(targets, 'list of releases', shell);
  for (const [product, change] of Object.entries(delegated)) showTargets(change, `list of ${product}`, shell);
  if (root === undefined && targets === undefined && Object.keys(delegated).length === 0)
    shell.output.line('nothing is new: all of it was signed before');
}

function showRoot({ version, expires, roles }: RootChange, shell: Shell): void {
  shell.output.line(shell.output.bold(`root ${version}, good until ${expires}`));
  showRoles(roles, 'the same keys and thresholds, with a new end', shell);
}

function showRoles(roles: readonly RoleChange[], none: string, { output }: Shell): void {
  output.list(
    roles.flatMap(({ role, added, removed, threshold, thresholdBefore }) => [
      ...(threshold === thresholdBefore ? [] : [{ role, change: 'threshold', to: String(threshold) }]),
      ...added.map((to) => ({ role, change: 'new key', to })),
      ...removed.map((to) => ({ role, change: 'key removed', to })),
    ]),
    { role: (row) => row.role, change: (row) => row.change, what: (row) => row.to },
    none,
  );
}

function showTargets(change: TargetsChange, what: string, shell: Shell): void {
  const { output } = shell;
  const { version, versionBefore, expires, added, removed, changed, delegations, others } = change;
  output.line(output.bold(`${what} ${version}, good until ${expires}`));
  if (versionBefore !== undefined)
    output.line(
      `compared with list ${versionBefore}; unless that is the last one that was complete, releases withdrawn since may be back unseen`,
    );
  if (delegations.length > 0) {
    output.line('delegated products:');
    showRoles(delegations, '', shell);
  }
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
