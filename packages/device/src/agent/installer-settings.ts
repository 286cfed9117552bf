import type { Json } from '@fleetward/core';
import type { CommandInstallerSettings } from '../installer/command.ts';
import { invalid, isCommand, objectAt, stringAt, wholeAt } from './read-settings.ts';

/** How images are made to run. Times in milliseconds. */
export interface InstallerSettings extends CommandInstallerSettings {
  /** Passes in which one image may be tried: a switch that restarts the device ends one. */
  readonly attemptsMax: number;
  /** Where the installer service listens, which runs the command in place of the agent. */
  readonly socket?: string;
}

const defaults = { installWithinMs: 900_000, stepWithinMs: 60_000, attemptsMax: 3 } as const;

export function parseInstaller(value: Json): InstallerSettings {
  const names = ['command', 'socket', ...Object.keys(defaults)];
  const settings = objectAt('installer', { value, names });
  const { command } = settings;
  if (!isCommand(command)) throw invalid('installer.command', 'a list: the program and its arguments');
  const number = (name: keyof typeof defaults) =>
    wholeAt(`installer.${name}`, settings[name] ?? defaults[name]);
  return {
    command,
    installWithinMs: number('installWithinMs'),
    stepWithinMs: number('stepWithinMs'),
    attemptsMax: number('attemptsMax'),
    ...(settings.socket !== undefined && {
      socket: stringAt(settings, { path: 'installer.', name: 'socket', pattern: /^\/.{1,100}$/ }),
    }),
  };
}
