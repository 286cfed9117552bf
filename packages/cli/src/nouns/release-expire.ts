import { expireRelease, openReleaseFolder } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { usage } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import type { Shell } from '../shell.ts';

interface ExpireFlags {
  readonly expires: string;
  readonly product?: string;
}

/** `fleetward release expire`: what devices are not to get any more, and until when the list is good. */
export function addReleaseExpire(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'expire <folder> [paths...]', {
    summary: 'withdraw releases, or set a new end of the list',
    description:
      'Makes the next list of releases, unsigned until `release sign`: without the releases of these paths, as `release list` shows them, and good until the new end. ' +
      'Releases of a delegated product are withdrawn from its own list. Without paths the list, or with `--product` that of a delegated product, only has a new end: later, to go on with the same releases, or sooner, so that devices stop to trust the list by themselves. ' +
      'A device that runs a withdrawn release keeps it until it is given a newer one.',
    examples: [
      'fleetward release expire releases lamp/1.4.2/lamp-1.4.2.img',
      'fleetward release expire releases --expires 180d',
    ],
  })
    .option('--expires <duration>', 'when the list of releases must be signed anew', '90d')
    .option('--product <name>', 'without paths: the delegated product whose list has a new end')
    .action(async (folder: string, paths: readonly string[], { expires, product }: ExpireFlags) => {
      if (product !== undefined && paths.length > 0)
        throw usage('`--product` is for no paths: a path tells its product');
      const expiresMs = terminal.clock.now() + parseDurationMs(expires, '--expires');
      await expireRelease(await openReleaseFolder(folder), {
        paths,
        expiresMs,
        ...(product !== undefined && { product }),
      });
      output.record(
        { withdrawn: paths, expiresMs },
        {
          withdrawn: paths.join(' '),
          expires: { atMs: expiresMs },
          next: `fleetward release sign ${folder} --key FILE`,
        },
      );
    });
}
