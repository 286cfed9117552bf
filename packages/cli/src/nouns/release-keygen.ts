import { basename } from 'node:path';
import { encodePem } from '@fleetward/pki';
import { generateReleaseKey, type ReleaseKeyAlgorithm, readReleasePublicKey } from '@fleetward/updates';
import { type Command, Option } from 'commander';
import { addVerb } from '../define.ts';
import { readNewSecret } from '../secrets.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { passphraseSource } from './release-keys.ts';
import { makeTokenKey, pinFile } from './token-key.ts';

const algorithms: Readonly<Record<string, ReleaseKeyAlgorithm>> = {
  ed25519: 'ed25519',
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'rsa-pss': 'rsa-pss-sha256',
  'ml-dsa-65': 'ml-dsa-65',
};

interface KeygenFlags {
  readonly algorithm: string;
  readonly passphraseFile?: string;
  readonly token?: string;
  readonly pinFile?: string;
}

/** `fleetward release keygen`: a key of a release engineer, encrypted under a passphrase. */
export function addReleaseKeygen(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'keygen <file>', {
    summary: 'make a key that signs releases, on your own machine',
    description:
      'Makes a key and writes it encrypted under a passphrase (scrypt, AES-256-GCM), and its public half beside it as `FILE.pub`. The passphrase ' +
      'is asked for, or read from a file or FLEETWARD_PASSPHRASE. The key never goes to the platform. An ML-DSA-65 key (FIPS 204) signs beside one of the ' +
      'others, never instead of it: `release init --mldsa65-key`. With `--token` the key is made inside a PKCS #11 token, such as a smart card, and never leaves it; the file ' +
      'then says where it is, and is used as any other (docs/how-to/keys-in-an-hsm.md).',
    examples: [
      'fleetward release keygen ada.key',
      'fleetward release keygen ada.key --token ada --algorithm ecdsa-p256',
      'fleetward release keygen ci.key --algorithm rsa-pss --passphrase-file ci.pass',
    ],
  })
    .addOption(
      new Option('--algorithm <name>', 'what it signs with')
        .choices(Object.keys(algorithms))
        .default('ed25519'),
    )
    .option('--passphrase-file <file>', 'file with the passphrase; `-` reads standard input')
    .addOption(
      new Option('--token <label>', 'make it inside the PKCS #11 token of this label').conflicts(
        'passphraseFile',
      ),
    )
    .addOption(pinFile())
    .action(async (file: string, flags: KeygenFlags) => {
      const publicKeyFile = `${file}.pub`;
      for (const path of [file, publicKeyFile]) assertNewFile(path);
      const algorithm = algorithms[flags.algorithm] ?? 'ed25519';
      const made = await makeKey(file, { algorithm, flags, terminal });
      writeNewFile(file, made.file);
      writeNewFile(publicKeyFile, encodePem('PUBLIC KEY', made.publicKey));
      const { keyId } = readReleasePublicKey(made.file);
      const place = flags.token === undefined ? 'encrypted' : `in the token ${flags.token}`;
      output.record(
        { keyId, algorithm, file, publicKeyFile, ...(flags.token && { token: flags.token }) },
        { key: keyId, algorithm, file: `${file} (${place})`, 'public half': publicKeyFile },
      );
    });
}

async function makeKey(
  file: string,
  {
    algorithm,
    flags,
    terminal,
  }: {
    readonly algorithm: ReleaseKeyAlgorithm;
    readonly flags: KeygenFlags;
    readonly terminal: Terminal;
  },
) {
  if (flags.token !== undefined)
    return makeTokenKey({ name: basename(file), tokenLabel: flags.token, algorithm }, flags, terminal);
  const source = passphraseSource(`new passphrase of ${file}`, flags.passphraseFile);
  const passphrase = await readNewSecret(source, terminal);
  const made = generateReleaseKey({ algorithm, passphrase, random: terminal.random });
  return { file: made.file, publicKey: made.signer.publicKey };
}
