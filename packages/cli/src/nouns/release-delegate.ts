import { delegateRelease, openReleaseFolder, type RoleAssignment } from '@fleetward/updates';
import { type Command, Option } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import type { Shell } from '../shell.ts';
import { assignKeys } from './release-init.ts';

interface DelegateFlags {
  readonly product: string;
  readonly key?: readonly string[];
  readonly threshold?: number;
  readonly remove?: boolean;
  readonly expires: string;
}

/** `fleetward release delegate`: another team signs the releases of a product, and of no other. */
export function addReleaseDelegate(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'delegate <folder>', {
    summary: 'let other keys sign the releases of one product, or end that',
    description:
      'Makes the next list of releases, unsigned until `release sign`: paths of the product, `PRODUCT/FILE` and `PRODUCT/VERSION/FILE`, are for the given keys to sign, in a list of ' +
      'their own that `release add` and `release expire` then change. Whoever signs the list of releases signs the delegation once; after that the team releases without them. ' +
      'Given again, the keys replace the ones before. With `--remove` nobody gets what that list has any more. Not with a root that demands ML-DSA-65 as well.',
    examples: [
      'fleetward release delegate releases --product lock --key eve.key.pub --key dan.key.pub --threshold 2',
      'fleetward release delegate releases --product lock --remove',
    ],
  })
    .requiredOption('--product <name>', 'the product: 1 to 64 of a-z 0-9 _ -')
    .addOption(repeatable('--key <file>', 'a key (or its `.pub`) that may release the product'))
    .addOption(
      whole('--threshold <count>', {
        description: 'how many of them must sign; 1 if not given',
        min: 1,
        max: 100,
      }),
    )
    .addOption(new Option('--remove', 'end the delegation').conflicts(['key', 'threshold']))
    .option('--expires <duration>', 'when both lists must be signed anew', '90d')
    .action(async (folder: string, flags: DelegateFlags) => {
      const { product, key = [], threshold = 1, remove = false } = flags;
      if (!remove && key.length === 0)
        throw usage('who is to sign? give `--key` for each of the team, or `--remove`');
      const role: RoleAssignment | undefined = remove
        ? undefined
        : await assignKeys(key, { threshold, flag: '--threshold', terminal });
      const expiresMs = terminal.clock.now() + parseDurationMs(flags.expires, '--expires');
      await delegateRelease(await openReleaseFolder(folder), { product, role, expiresMs });
      const outcome = role === undefined ? 'removed' : 'delegated';
      output.record(
        { product, outcome, ...(role && { keys: key.length, threshold }), expiresMs },
        {
          product,
          outcome,
          signs: role && `${threshold} of ${key.length}`,
          expires: { atMs: expiresMs },
          next: `fleetward release sign ${folder}`,
        },
      );
    });
}
