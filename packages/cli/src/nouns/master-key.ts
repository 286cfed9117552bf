import { counted } from '@fleetward/core';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { onFolder } from '../own-folder.ts';
import type { Shell } from '../shell.ts';
import { addSettingsFlags, type SettingsFlags, settingsSources } from './platform-settings.ts';

/** `fleetward master-key …`: the key that encrypts all others at rest. */
export function addMasterKey(noun: Command, shell: Shell): void {
  const rotate = addVerb(noun, 'rotate', {
    summary: 'seal every stored key under the current master key',
    description:
      'Opens with `previousMasterKeys` of the settings what is under an earlier master key, and seals it under `masterKey`. ' +
      'The platform must be stopped. Interrupted, it is run again; afterwards the previous keys can leave the settings.',
    examples: ['fleetward master-key rotate --config /etc/fleetward/fleetward.yaml'],
  });
  addSettingsFlags(rotate).action(async (flags: SettingsFlags) => {
    const { loadConfig, rotateMasterKey, systemClock, systemRandom } = await import('@fleetward/server');
    const { environment } = shell.terminal;
    const config = loadConfig(settingsSources(flags, environment));
    const ports = { clock: systemClock, random: systemRandom, environment };
    const rotated = await onFolder(config.folder, () => rotateMasterKey(config, ports));
    const { masterKeyId, rewrapped } = rotated;
    shell.output.done(
      { masterKeyId, rewrapped },
      `${counted(rewrapped, 'key')} sealed anew, under master key ${masterKeyId}`,
    );
  });
}
