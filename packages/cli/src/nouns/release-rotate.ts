import {
  openReleaseFolder,
  type RoleAssignment,
  type RootRoles,
  readRoles,
  rotateRelease,
} from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { parseDurationMs } from '../moment.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { assignKeys, mldsa65Keys, warnOfRoles } from './release-init.ts';
import { readOnlineKeys } from './release-online-keys.ts';

interface RotateFlags {
  readonly rootKey?: readonly string[];
  readonly targetsKey?: readonly string[];
  readonly rootThreshold?: number;
  readonly targetsThreshold?: number;
  readonly mldsa65Key?: readonly string[];
  readonly mldsa65Threshold?: number;
  readonly onlineKeys?: string;
  readonly withoutDirector?: boolean;
  readonly rootExpires: string;
}

/** `fleetward release rotate`: other keys, other thresholds, or a later end of the root. */
export function addReleaseRotate(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'rotate <folder>', {
    summary: 'replace keys or thresholds, or confirm them for another year',
    description:
      'Makes the next root, unsigned until `release sign`: the old and the new root keys must sign it, each to their threshold, and devices follow by themselves. ' +
      'A role whose keys are not given keeps them; keys that are given replace all keys of their role. Where others sign releases now, the list waits to be signed by them.',
    examples: [
      'fleetward release rotate releases --targets-key ada.key.pub --targets-key eve.key.pub --targets-threshold 2',
      'fleetward release rotate releases --root-expires 365d',
    ],
  })
    .addOption(repeatable('--root-key <file>', 'a key (or its `.pub`) that may change keys'))
    .addOption(repeatable('--targets-key <file>', 'a key (or its `.pub`) that may release'))
    .addOption(mldsa65Keys())
    .option('--online-keys <file>', 'what `release online-keys` wrote')
    .option('--without-director', 'name no director: devices choose among all that is released')
    .addOption(
      whole('--root-threshold <count>', { description: 'how many root keys must sign', min: 1, max: 100 }),
    )
    .addOption(
      whole('--targets-threshold <count>', {
        description: 'how many targets keys must sign',
        min: 1,
        max: 100,
      }),
    )
    .addOption(
      whole('--mldsa65-threshold <count>', {
        description: 'how many ML-DSA-65 keys must sign',
        min: 1,
        max: 100,
      }),
    )
    .option('--root-expires <duration>', 'when the keys must be confirmed anew', '365d')
    .action(async (folder: string, flags: RotateFlags) => {
      const releases = await openReleaseFolder(folder);
      const roles = await rolesOf(flags, { before: await readRoles(releases), terminal });
      const expiresMs = terminal.clock.now() + parseDurationMs(flags.rootExpires, '--root-expires');
      await rotateRelease(releases, { roles, expiresMs });
      const count = ({ publicKeys, threshold }: RoleAssignment) => `${threshold} of ${publicKeys.length}`;
      const shown = { root: count(roles.root), targets: count(roles.targets) };
      output.record(
        { ...shown, expiresMs, warnings: warnOfRoles(roles, output) },
        { ...shown, expires: { atMs: expiresMs }, next: `fleetward release sign ${folder} --key FILE` },
      );
    });
}

/** A file of online keys without a director, from an older platform, takes none away. */
function directorRole(
  key: Uint8Array | undefined,
  { before: { director }, flags }: { readonly before: RootRoles; readonly flags: RotateFlags },
): Pick<RootRoles, 'director'> {
  if (flags.withoutDirector === true) return {};
  if (key !== undefined) return { director: { publicKeys: [key], threshold: 1 } };
  return director === undefined ? {} : { director };
}

async function rolesOf(
  flags: RotateFlags,
  {
    before,
    terminal,
  }: { readonly before: Awaited<ReturnType<typeof readRoles>>; readonly terminal: Terminal },
) {
  const online =
    flags.onlineKeys === undefined ? undefined : await readOnlineKeys(flags.onlineKeys, terminal);
  const onlineRole = (key: Uint8Array | undefined, role: RoleAssignment) =>
    key === undefined ? role : { publicKeys: [key], threshold: 1 };
  const offlineRole = (
    role: RoleAssignment,
    given: {
      readonly files: readonly string[] | undefined;
      readonly threshold: number | undefined;
      readonly flag: string;
    },
  ) =>
    assignKeys(given.files ?? role.publicKeys, {
      threshold: given.threshold ?? role.threshold,
      flag: given.flag,
      terminal,
    });
  return {
    root: await offlineRole(before.root, {
      files: flags.rootKey,
      threshold: flags.rootThreshold,
      flag: '--root-threshold',
    }),
    targets: await offlineRole(before.targets, {
      files: flags.targetsKey,
      threshold: flags.targetsThreshold,
      flag: '--targets-threshold',
    }),
    snapshot: onlineRole(online?.snapshot, before.snapshot),
    timestamp: onlineRole(online?.timestamp, before.timestamp),
    ...directorRole(online?.director, { before, flags }),
    ...((flags.mldsa65Key ?? before.mldsa65) && {
      mldsa65: await offlineRole(before.mldsa65 ?? { publicKeys: [], threshold: 1 }, {
        files: flags.mldsa65Key,
        threshold: flags.mldsa65Threshold,
        flag: '--mldsa65-threshold',
      }),
    }),
  };
}
