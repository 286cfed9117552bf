import { createPublicKey } from 'node:crypto';
import { isTokenKeyFile, signPlainWithReleaseKey, verifyPlainSignature } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import { readInput, streamInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { passphraseFiles, readKeyFile, readPassphrase } from './release-keys.ts';
import { verifyFolder } from './release-verify-folder.ts';

const smallBytesMax = 16_384;

interface VerifyFlags {
  readonly signature?: string;
  readonly key?: string;
  readonly root?: string;
  readonly artifacts: boolean;
}

/** `fleetward release verify`: a whole folder as a device would, or the signature of one file as people make it by hand. */
export function addReleaseVerify(noun: Command, shell: Shell): void {
  addVerb(noun, 'verify <path>', {
    summary: 'verify a folder of releases, or the signature of one file, without a platform',
    description:
      'With `--root`, verifies a folder of releases as a device that trusts this root would: the chain of roots, thresholds, ends, the artifacts, their documents, and patches whose old image is in the folder; each problem is shown ' +
      'with its clause of TUF 1.0.34. With `--signature` and `--key`, verifies a signature of one file: RSA-PSS with SHA-256 and the longest salt, as ' +
      '`openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt rsa_pss_saltlen:max -sign` makes it, or Ed25519. Nothing else is accepted. Exit code 0: ' +
      'accepted; 1: refused, with the reason; 2: a file cannot be read.',
    examples: [
      'fleetward release verify releases --root my-root.json',
      'fleetward release verify firmware.img --signature firmware.sig --key release.pub',
    ],
  })
    .option('--root <file>', 'of a folder: the root to trust, your own copy or that of a device')
    .option('--no-artifacts', 'of a folder: look at what is signed, not at the artifacts themselves')
    .option('--signature <file>', 'of one file: the signature, as bytes')
    .option('--key <file>', 'of one file: the public key, PEM or DER')
    .action(async (path: string, { root, artifacts, signature, key }: VerifyFlags) => {
      const isFolder = root !== undefined && signature === undefined && key === undefined;
      if (isFolder) return verifyFolder(path, { root, artifacts }, shell);
      if (root !== undefined || signature === undefined || key === undefined)
        throw usage('give `--root` for a folder of releases, or `--signature` and `--key` for one file');
      return verifyFile(path, { signature, key }, shell);
    });
}

async function verifyFile(
  file: string,
  flags: { readonly signature: string; readonly key: string },
  { terminal, output, exitWith }: Shell,
): Promise<void> {
  const signature = await readInput(flags.signature, { terminal, bytesMax: smallBytesMax });
  const publicKey = await readInput(flags.key, { terminal, bytesMax: smallBytesMax });
  assertPublicKey(publicKey, flags.key);
  const outcome = await verifyPlainSignature({ file: streamInput(file, terminal), signature, publicKey });
  if (outcome.kind === 'accepted') {
    output.record(outcome, { signature: output.mark('accepted', 'green'), scheme: outcome.scheme });
    return;
  }
  const { reason, explanation } = outcome;
  output.record(outcome, { signature: output.mark('refused', 'red'), reason, why: explanation });
  exitWith(1);
}

/** Tells a file that is no public key (unreadable) from a key that this scheme does not take (refused). */
function assertPublicKey(bytes: Uint8Array, file: string): void {
  const text = Buffer.from(bytes).toString('latin1');
  try {
    if (text.includes('-----BEGIN PUBLIC KEY-----')) createPublicKey(text);
    else createPublicKey({ key: Buffer.from(bytes), format: 'der', type: 'spki' });
  } catch (cause) {
    throw new CliError('cli.unreadable', `\`${file}\` is not a public key in PEM or DER (\`--key\`)`, {
      cause,
      hint: '`openssl pkey -in PRIVATE.pem -pubout` prints the public key of a private one',
    });
  }
}

/** `fleetward release sign-file`: the counterpart of `release verify`. */
export function addReleaseSignFile(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'sign-file <file>', {
    summary: 'sign one file by itself, for `release verify`',
    description:
      'Signs one file with a release key, RSA or Ed25519, and writes the signature into a new file: what `release verify` accepts.',
    examples: ['fleetward release sign-file firmware.img --key ada.key --out firmware.sig'],
  })
    .requiredOption('--key <file>', 'an encrypted release key')
    .requiredOption('--out <file>', 'a new file for the signature')
    .addOption(passphraseFiles())
    .action(async (file: string, flags: { key: string; out: string; passphraseFile?: readonly string[] }) => {
      const keyFile = await readKeyFile(flags.key, terminal);
      if (isTokenKeyFile(keyFile))
        throw usage(
          `the key of \`${flags.key}\` is in a token: it signs lists, single files only a key in a file`,
        );
      const passphrase = await readPassphrase(flags.key, {
        files: flags.passphraseFile ?? [],
        index: 0,
        terminal,
      });
      const signature = await signPlainWithReleaseKey(streamInput(file, terminal), { keyFile, passphrase });
      writeNewFile(flags.out, signature);
      output.done({ file, signatureFile: flags.out }, `the signature is in \`${flags.out}\``);
    });
}
