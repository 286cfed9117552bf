import { encodePem } from '@fleetward/pki';
import { generateReleaseKey, type ReleaseKeyAlgorithm } from '@fleetward/updates';
import { type Command, Option } from 'commander';
import { addVerb } from '../define.ts';
import { readNewSecret } from '../secrets.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { passphraseSource } from './release-keys.ts';

const algorithms: Readonly<Record<string, ReleaseKeyAlgorithm>> = {
  ed25519: 'ed25519',
  'ecdsa-p256': 'ecdsa-p256-sha256',
  'rsa-pss': 'rsa-pss-sha256',
  'ml-dsa-65': 'ml-dsa-65',
};

interface KeygenFlags {
  readonly algorithm: string;
  readonly passphraseFile?: string;
}

/** `fleetward release keygen`: a key of a release engineer, encrypted under a passphrase. */
export function addReleaseKeygen(noun: Command, { terminal, output }: Shell): void {
  addVerb(noun, 'keygen <file>', {
    summary: 'make a key that signs releases, on your own machine',
    description:
      'Makes a key and writes it encrypted under a passphrase (scrypt, AES-256-GCM), and its public half beside it as `FILE.pub`. The passphrase ' +
      'is asked for, or read from a file or FLEETWARD_PASSPHRASE. The key never goes to the platform. An ML-DSA-65 key (FIPS 204) signs beside one of the ' +
      'others, never instead of it: `release init --mldsa65-key`.',
    examples: [
      'fleetward release keygen ada.key',
      'fleetward release keygen ci.key --algorithm rsa-pss --passphrase-file ci.pass',
    ],
  })
    .addOption(
      new Option('--algorithm <name>', 'what it signs with')
        .choices(Object.keys(algorithms))
        .default('ed25519'),
    )
    .option('--passphrase-file <file>', 'file with the passphrase; `-` reads standard input')
    .action(async (file: string, flags: KeygenFlags) => {
      const publicKeyFile = `${file}.pub`;
      for (const path of [file, publicKeyFile]) assertNewFile(path);
      const source = passphraseSource(`new passphrase of ${file}`, flags.passphraseFile);
      const passphrase = await readNewSecret(source, terminal);
      const algorithm = algorithms[flags.algorithm] ?? 'ed25519';
      const key = generateReleaseKey({ algorithm, passphrase, random: terminal.random });
      writeNewFile(file, key.file);
      writeNewFile(publicKeyFile, encodePem('PUBLIC KEY', key.signer.publicKey));
      output.record(
        { keyId: key.keyId, algorithm, file, publicKeyFile },
        { key: key.keyId, algorithm, file: `${file} (encrypted)`, 'public half': publicKeyFile },
      );
    });
}
