import { join } from 'node:path';
import type { Config, Initialised } from '@fleetward/server';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { onFolder } from '../own-folder.ts';
import type { Shell } from '../shell.ts';
import { writeFileOver } from '../write-file.ts';
import {
  type CaAlgorithm,
  caAlgorithmOption,
  caAlgorithms,
  keyStoreOption,
  noteExperimental,
} from './ca-algorithms.ts';
import { addSettingsFlags, type SettingsFlags, settingsSources } from './platform-settings.ts';

/** `fleetward init`: makes the keys, the authorities and the setup token of a new platform. */
export function addInit(program: Command, shell: Shell): void {
  const init = addVerb(program, 'init', {
    summary: 'make a new platform: keys, authorities and a one-time setup token',
    description:
      'Makes the master key, the root and the issuing CA, the signing keys and a one-time setup token that is valid for a day. ' +
      'Writes `root-ca.pem`, `trail-public-key.pem` and `issuance-log-public-key.pem` into the folder; keep copies elsewhere. No password exists. ' +
      'When the setup token or every operator token is lost, `--new-setup-token` makes another for whoever has the folder and the master key.',
    examples: [
      'fleetward init --folder fleetward-data',
      'fleetward init --config /etc/fleetward.yaml --json',
      'fleetward init --folder fleetward-data --new-setup-token',
    ],
  });
  addSettingsFlags(init)
    .option(
      '--new-setup-token',
      'make only another setup token, for a platform that is initialised and stopped',
    )
    .addOption(caAlgorithmOption('what the root and the issuing CA sign with'))
    .addOption(keyStoreOption())
    .action(async (flags: InitFlags) => {
      noteExperimental(flags.algorithm, shell.output);
      const { initialise, loadConfig, systemClock, systemRandom } = await import('@fleetward/server');
      const { environment } = shell.terminal;
      const config = loadConfig(settingsSources(flags, environment));
      const ports = { clock: systemClock, random: systemRandom, environment };
      const options = {
        newSetupToken: flags.newSetupToken === true,
        caAlgorithm: caAlgorithms[flags.algorithm],
        caKeyStore: flags.keyStore,
      };
      const made = await onFolder(config.folder, () => initialise(config, ports, options));
      const files = await writePublicFiles(made);
      show(shell, { config, flags, made, files });
    });
}

interface InitFlags extends SettingsFlags {
  readonly newSetupToken?: boolean;
  readonly algorithm: CaAlgorithm;
  readonly keyStore: 'file' | 'hsm';
}

interface PublicFiles {
  readonly rootCaFile: string;
  readonly trailPublicKeyFile: string;
  readonly issuanceLogPublicKeyFile: string;
}

async function writePublicFiles(made: Initialised): Promise<PublicFiles> {
  const { folder, root, trailPublicKey, issuanceLogPublicKey } = made;
  const { encodePem } = await import('@fleetward/pki');
  const rootCaFile = join(folder, 'root-ca.pem');
  const trailPublicKeyFile = join(folder, 'trail-public-key.pem');
  writeFileOver(rootCaFile, encodePem('CERTIFICATE', root.der));
  const issuanceLogPublicKeyFile = join(folder, 'issuance-log-public-key.pem');
  writeFileOver(trailPublicKeyFile, encodePem('PUBLIC KEY', trailPublicKey));
  writeFileOver(issuanceLogPublicKeyFile, encodePem('PUBLIC KEY', issuanceLogPublicKey));
  return { rootCaFile, trailPublicKeyFile, issuanceLogPublicKeyFile };
}

function show(
  { output }: Shell,
  parts: {
    readonly config: Config;
    readonly flags: SettingsFlags;
    readonly made: Initialised;
    readonly files: PublicFiles;
  },
): void {
  const { config, flags, made, files } = parts;
  const { folder, setupToken } = made;
  const trailPublicKey = Buffer.from(made.trailPublicKey).toString('base64');
  const fingerprint = made.root.id;
  output.record(
    { folder, setupToken, rootFingerprint: fingerprint, trailPublicKey, ...files },
    {
      folder,
      'root certificate': files.rootCaFile,
      'root fingerprint': `SHA-256 ${fingerprint.match(/../g)?.join(':').toUpperCase()}`,
      'trail public key': `${trailPublicKey} (${files.trailPublicKeyFile})`,
      'issuance log public key': files.issuanceLogPublicKeyFile,
      'setup token': `${setupToken} (shown this once; works once, within a day)`,
    },
  );
  const settings = flags.config === undefined ? '' : ` --config ${flags.config}`;
  const url = `https://${config.serverNames[0]}:${config.listeners.operators.port || 'PORT'}`;
  output.note(`\nNext, start it:\n  fleetward serve${settings} --folder ${folder}`);
  output.note(`and in another terminal become an operator of it; it asks for the setup token:`);
  output.note(`  fleetward operator setup YOUR_NAME --url ${url} --ca ${files.rootCaFile}`);
}
