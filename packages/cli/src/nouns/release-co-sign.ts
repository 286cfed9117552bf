import { describeChange, openReleaseFolder, signRelease, steadyFolder } from '@fleetward/updates';
import type { Command } from 'commander';
import { confirm, type Question } from '../confirm.ts';
import { addVerb, repeatable } from '../define.ts';
import { type CliError, usage } from '../errors.ts';
import type { Shell } from '../shell.ts';
import { showChange } from './release-changes.ts';
import { passphraseFiles } from './release-keys.ts';
import { openSigners, type SignFlags, showStatus } from './release-sign.ts';
import { readRootFile } from './release-verify-folder.ts';
import { pinFile } from './token-key.ts';

interface CoSignFlags extends SignFlags {
  readonly root?: string;
  readonly yes?: boolean;
}

/** `fleetward release co-sign`: the second person looks at what the first one prepared, and signs that. */
export function addReleaseCoSign(noun: Command, shell: Shell): void {
  addVerb(noun, 'co-sign <folder>', {
    summary: 'look at what another engineer prepared and signed, and sign it too',
    description:
      'Shows which releases the next list adds, removes and changes and which keys a new root changes, asks, and adds a signature. Everything in the folder was ' +
      'chosen by whoever prepared it: give with `--root` the root you keep yourself (the `1.root.json` of your devices, or a later one), and only what is ' +
      'new since the last complete list is shown; without it, all of it is. What is signed is what was shown, though the folder changes meanwhile.',
    examples: [
      'fleetward release co-sign releases --key bob.key --root my-root.json',
      'fleetward release co-sign releases --key ci.key --root my-root.json --yes --passphrase-file ci.pass',
    ],
  })
    .addOption(
      repeatable(
        '--key <file>',
        'a release key, encrypted or in a token, or `command:PROGRAM`',
      ).makeOptionMandatory(),
    )
    .addOption(passphraseFiles())
    .addOption(pinFile())
    .option('--root <file>', 'your own copy of a root of these releases')
    .option('--yes', 'do not ask: needed where nobody can be asked')
    .action(async (folder: string, flags: CoSignFlags) => {
      const releases = steadyFolder(await openReleaseFolder(folder));
      const trusted = flags.root === undefined ? undefined : await readRootFile(flags.root, shell.terminal);
      const { root, targets, delegated } = await signRelease(releases, []);
      const drafts = [root, targets, ...(delegated?.values() ?? [])];
      if (drafts.every(({ valid }) => valid === 0)) throw nobodySigned(folder);
      const change = await describeChange(releases, trusted);
      if (!shell.output.json) showChange(change, shell);
      if (flags.yes !== true) await confirm(question, shell.terminal);
      const status = await signRelease(releases, await openSigners(flags, shell));
      showStatus(status, { shell, folder, more: { change } });
    });
}

const question: Question = {
  message: 'Sign this?',
  refused: 'nothing was signed',
  unasked: 'nobody can be asked here whether this is to be signed: give `--yes` once you have looked',
};

function nobodySigned(folder: string): CliError {
  return usage(
    `nobody has signed what is in \`${folder}\` yet: there is nothing to co-sign`,
    'who prepared it signs first: `fleetward release sign`',
  );
}
