import type { Signer, SignerAlgorithm } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { decryptPrivateKey } from '@fleetward/pki';
import type { Command } from 'commander';
import { usage } from '../errors.ts';
import { onFolder } from '../own-folder.ts';
import { readInput } from '../read-input.ts';
import { readSecret } from '../secrets.ts';
import type { Terminal } from '../terminal.ts';
import { mlDsaAlgorithmOf } from './ca-algorithms.ts';
import { type SettingsFlags, settingsSources } from './platform-settings.ts';
import { passphraseSource } from './release-keys.ts';

/** Where the root's key is: an encrypted file, or the folder of a platform with an online root. */
export interface RootFlags extends SettingsFlags {
  readonly root: string;
  readonly key?: string;
  readonly passphraseFile?: string;
}

const keyBytesMax = 65_536;

export function addRootFlags(command: Command): Command {
  return command
    .requiredOption('--root <file>', 'the root’s certificate, PEM')
    .option('--key <file>', 'the root’s encrypted key')
    .option('--passphrase-file <file>', 'file with the passphrase of the key; `-` reads standard input')
    .option('--folder <folder>', 'instead of `--key`: the folder of a platform with an online root')
    .option('--config <file>', 'instead of `--key`: its settings file, YAML');
}

/** Gives `work` the root's key for as long as it runs. */
export async function withRoot<Result>(
  flags: RootFlags,
  { terminal, work }: { readonly terminal: Terminal; readonly work: (root: Signer) => Promise<Result> },
): Promise<Result> {
  const isFolder = flags.folder !== undefined || flags.config !== undefined;
  if (isFolder === (flags.key !== undefined))
    throw usage('the root’s key is in a file or in a folder: give `--key` or else `--folder` or `--config`');
  return flags.key === undefined
    ? onPlatformFolder(flags, { terminal, work })
    : work(await openKeyFile(flags.key, flags.passphraseFile, terminal));
}

async function onPlatformFolder<Result>(
  flags: RootFlags,
  { terminal, work }: { readonly terminal: Terminal; readonly work: (root: Signer) => Promise<Result> },
): Promise<Result> {
  const { loadConfig, systemRandom, withRootKey } = await import('@fleetward/server');
  const { environment } = terminal;
  const config = loadConfig(settingsSources(flags, environment));
  return onFolder(config.folder, () => withRootKey(config, { random: systemRandom, environment }, work));
}

async function openKeyFile(
  file: string,
  passphraseFile: string | undefined,
  terminal: Terminal,
): Promise<Signer> {
  const pem = await readInput(file, { terminal, bytesMax: keyBytesMax });
  const passphrase = await readSecret(passphraseSource(`passphrase of ${file}`, passphraseFile), terminal);
  const key = decryptPrivateKey(pem, passphrase);
  return localSigner(key, algorithmOf(key.asymmetricKeyType, key.asymmetricKeyDetails?.namedCurve));
}

/** `localSigner` refuses what does not fit. */
function algorithmOf(type: string | undefined, curve: string | undefined): SignerAlgorithm {
  if (type === 'rsa') return 'rsa-pkcs1-sha256';
  if (type === 'ed25519') return 'ed25519';
  const mlDsa = mlDsaAlgorithmOf(type);
  if (mlDsa !== undefined) return mlDsa;
  return curve === 'secp384r1' ? 'ecdsa-p384-sha384' : 'ecdsa-p256-sha256';
}
