import {
  isComplete,
  isTokenKeyFile,
  openReleaseFolder,
  openReleaseKey,
  type ReleaseSigner,
  type ReleaseStatus,
  signRelease,
} from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import type { Shell } from '../shell.ts';
import { commandOf, openCommandKey } from './command-key.ts';
import { passphraseFiles, readKeyFile, readPassphrase } from './release-keys.ts';
import { openTokenKey, pinFile } from './token-key.ts';

export interface SignFlags {
  readonly key: readonly string[];
  readonly passphraseFile?: readonly string[];
  readonly pinFile?: string;
}

/** `fleetward release sign`: signatures of release engineers, on their own machines. */
export function addReleaseSign(noun: Command, shell: Shell): void {
  addVerb(noun, 'sign <folder>', {
    summary: 'sign what your key may sign in a folder of releases',
    description:
      'Signs the root, the list of releases and those of delegated products, whichever the keys may sign, and tells how many signatures are there and needed. Engineers can sign one ' +
      'after another, each on their own machine. A key may be in a PKCS #11 token, whose PIN is asked for, or read from a file or FLEETWARD_PIN; or in a program: `PROGRAM public-key` prints its public half in PEM, and `PROGRAM sign ALGORITHM` ' +
      'reads the message from standard input and writes the signature, as bytes, to standard output (120 s and 16 KiB at most). What does not verify is not taken.',
    examples: [
      'fleetward release sign releases --key ada.key',
      'fleetward release sign releases --key ci.key --passphrase-file ci.pass',
      'fleetward release sign releases --key command:./sign-in-the-vault',
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
    .action(async (folder: string, flags: SignFlags) => {
      const releases = await openReleaseFolder(folder);
      const before = await signRelease(releases, []);
      const status = await signRelease(releases, await openSigners(flags, shell));
      const hadSigned = isSignedBySame(before, status);
      if (hadSigned) shell.output.note('note: these keys had signed all of this before');
      showStatus(status, { shell, folder, more: { hadSigned } });
    });
}

/** `fleetward release status`: how many signatures are there and needed. */
export function addReleaseStatus(noun: Command, shell: Shell): void {
  addVerb(noun, 'status <folder>', {
    summary: 'show how many signatures are there and needed',
    description:
      'Shows how many valid signatures the root and the list of releases have, and how many they need. Exit code 1: not enough yet.',
    examples: ['fleetward release status releases'],
  }).action(async (folder: string) => {
    const status = await signRelease(await openReleaseFolder(folder), []);
    showStatus(status, { shell, folder });
    if (!isComplete(status)) shell.exitWith(1);
  });
}

/** The keys of `--key`, opened one after the other. */
export async function openSigners(
  { key, passphraseFile = [], pinFile }: SignFlags,
  { terminal }: Shell,
): Promise<readonly ReleaseSigner[]> {
  const signers: ReleaseSigner[] = [];
  for (const [index, file] of key.entries()) {
    const program = commandOf(file);
    if (program !== undefined) {
      signers.push(await openCommandKey(program));
      continue;
    }
    const bytes = await readKeyFile(file, terminal);
    if (isTokenKeyFile(bytes)) {
      signers.push(
        await openTokenKey(bytes, { name: file, flags: { ...(pinFile && { pinFile }) }, terminal }),
      );
      continue;
    }
    const passphrase = await readPassphrase(file, { files: passphraseFile, index, terminal });
    signers.push(openReleaseKey(bytes, passphrase).signer);
  }
  return signers;
}

/** Whether every file has the signers that it had: an RSA or ECDSA signature is another each time, and no news. */
function isSignedBySame(before: ReleaseStatus, after: ReleaseStatus): boolean {
  const signersOf = ({ root, targets, second, delegated }: ReleaseStatus) =>
    JSON.stringify([
      ...[root, targets, ...(delegated?.values() ?? [])].map(({ signers }) => signers),
      [second?.root?.valid, second?.targets?.valid],
    ]);
  return signersOf(before) === signersOf(after);
}

/** Who co-signs looks at what somebody signed before. */
function isBegun({ root, targets }: ReleaseStatus): boolean {
  return [root, targets].every(({ valid }) => valid > 0);
}

type Count = Pick<ReleaseStatus['root'], 'valid' | 'threshold'>;

/** `more` goes into the JSON document beside the counts. */
export function showStatus(
  status: ReleaseStatus,
  { shell, folder, more = {} }: { readonly shell: Shell; readonly folder: string; readonly more?: object },
): void {
  const { root, targets, second, delegated = new Map() } = status;
  const lists = [...delegated];
  const count = ({ valid, threshold }: Count) => ({ valid, threshold });
  const text = ({ valid, threshold }: Count) => `${valid} of ${threshold} signatures`;
  const complete = isComplete(status);
  const next = complete
    ? `fleetward release publish ${folder}`
    : `more signatures: fleetward release ${isBegun(status) ? 'co-sign' : 'sign'} ${folder} --key FILE`;
  shell.output.record(
    {
      ...more,
      root: count(root),
      targets: count(targets),
      ...(second && {
        mldsa65: {
          root: second.root && count(second.root),
          targets: second.targets && count(second.targets),
        },
      }),
      ...(lists.length > 0 && {
        delegated: Object.fromEntries(lists.map(([product, draft]) => [product, count(draft)])),
      }),
      complete,
    },
    {
      root: text(root),
      targets: text(targets),
      ...(second?.root && { 'root, ML-DSA-65': text(second.root) }),
      ...(second?.targets && { 'targets, ML-DSA-65': text(second.targets) }),
      ...Object.fromEntries(lists.map(([product, draft]) => [`list of ${product}`, text(draft)])),
      next,
    },
  );
}
