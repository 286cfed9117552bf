import { createReleaseFolder, initRelease, type RoleAssignment, type RootRoles } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import type { Output } from '../output.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { readReleaseKey } from './release-keys.ts';
import { readOnlineKeys } from './release-online-keys.ts';

interface InitFlags {
  readonly rootKey?: readonly string[];
  readonly targetsKey?: readonly string[];
  readonly rootThreshold: number;
  readonly targetsThreshold: number;
  readonly mldsa65Key?: readonly string[];
  readonly mldsa65Threshold: number;
  readonly onlineKeys: string;
  readonly rootExpires: string;
  readonly targetsExpires: string;
}

/** `fleetward release init`: who may sign what. */
export function addReleaseInit(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'init <folder>', {
    summary: 'start a folder of releases: who may sign what',
    description:
      'Starts the folder that release engineers carry around: version 1 of the root, which names every key and how many must sign, and of ' +
      'the empty list of releases. Both are unsigned until `release sign`. Needs no platform, only its online keys in a file. In production two people sign: ' +
      'with a threshold of 1 whoever has one key and its passphrase owns every device.',
    examples: [
      'fleetward release init releases --root-key ada.key.pub --root-key bob.key.pub --root-threshold 2 --targets-threshold 2 --online-keys online-keys.json',
    ],
  })
    .addOption(
      repeatable('--root-key <file>', 'a key (or its `.pub`) that may change keys').makeOptionMandatory(),
    )
    .addOption(
      repeatable(
        '--targets-key <file>',
        'a key (or its `.pub`) that may release; the root keys if not given',
      ),
    )
    .addOption(mldsa65Keys())
    .requiredOption('--online-keys <file>', 'what `release online-keys` wrote')
    .addOption(threshold('--root-threshold <count>', 'how many root keys must sign'))
    .addOption(threshold('--targets-threshold <count>', 'how many targets keys must sign'))
    .addOption(threshold('--mldsa65-threshold <count>', 'how many ML-DSA-65 keys must sign'))
    .option('--root-expires <duration>', 'when the keys must be confirmed anew', '365d')
    .option('--targets-expires <duration>', 'when the list of releases must be signed anew', '90d')
    .action(async (folder: string, flags: InitFlags) => {
      const nowMs = terminal.clock.now();
      const roles = await rolesOf(flags, terminal);
      await initRelease(await createReleaseFolder(folder), {
        roles,
        rootExpiresMs: nowMs + parseDurationMs(flags.rootExpires, '--root-expires'),
        targetsExpiresMs: nowMs + parseDurationMs(flags.targetsExpires, '--targets-expires'),
      });
      output.done(
        { folder, outcome: 'initialised', warnings: warnOfRoles(roles, output) },
        `\`${folder}\` is ready; next: \`fleetward release add\`, then \`release sign\``,
      );
    });
}

/** Tells people, and answers for programs, where one person alone can sign, and where nobody directs. */
export function warnOfRoles({ root, targets, director }: RootRoles, output: Output): readonly string[] {
  const alone = Object.entries({ root, targets }).filter(([, role]) => role.threshold === 1);
  const warnings = alone.map(
    ([role]) =>
      `one key alone signs \`${role}\`: in production give \`--${role}-threshold 2\` and keys of two people`,
  );
  if (director === undefined) warnings.push(noDirector);
  for (const warning of warnings) output.note(`warning: ${warning}`);
  return warnings;
}

/** `--mldsa65-key` of commands that make a root. */
export function mldsa65Keys() {
  return repeatable(
    '--mldsa65-key <file>',
    'a key (or its `.pub`) of ML-DSA-65 that must sign root and list a second time, as devices then demand',
  );
}

/** What is said of a root that leaves the choice to the devices. */
export const noDirector =
  'the root names no director: every device takes the newest release that fits it, whatever a campaign says; ' +
  'get `--online-keys` anew with `fleetward release online-keys`';

function threshold(flags: string, description: string) {
  return whole(flags, { description, min: 1, max: 100 }).default(1);
}

async function rolesOf(flags: InitFlags, terminal: Terminal) {
  const { rootKey = [], targetsKey = rootKey, mldsa65Key, rootThreshold, targetsThreshold } = flags;
  const threshold = flags.mldsa65Threshold;
  const online = await readOnlineKeys(flags.onlineKeys, terminal);
  return {
    root: await assignKeys(rootKey, { threshold: rootThreshold, flag: '--root-threshold', terminal }),
    targets: await assignKeys(targetsKey, {
      threshold: targetsThreshold,
      flag: '--targets-threshold',
      terminal,
    }),
    snapshot: { publicKeys: [online.snapshot], threshold: 1 },
    timestamp: { publicKeys: [online.timestamp], threshold: 1 },
    ...(mldsa65Key && {
      mldsa65: await assignKeys(mldsa65Key, { threshold, flag: '--mldsa65-threshold', terminal }),
    }),
    ...(online.director && { director: { publicKeys: [online.director], threshold: 1 } }),
  };
}

/** A role of key files (or of keys as they were); a threshold that nobody could meet is refused by its flag. */
export async function assignKeys(
  keys: readonly (string | Uint8Array)[],
  {
    threshold,
    flag,
    terminal,
  }: { readonly threshold: number; readonly flag: string; readonly terminal: Terminal },
): Promise<RoleAssignment> {
  if (threshold > keys.length)
    throw usage(`\`${flag} ${threshold}\` is more than the ${keys.length} keys given`);
  const read = (key: string | Uint8Array) => (typeof key === 'string' ? readReleaseKey(key, terminal) : key);
  return { threshold, publicKeys: await Promise.all(keys.map(read)) };
}
