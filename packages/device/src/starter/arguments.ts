import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStarterSettings, type StarterSettings } from './settings.ts';

export interface StarterArguments {
  /** The slot folder. */
  readonly folder: string;
  readonly settings: StarterSettings;
}

export const starterUsage = `usage: fleetward-starter --slots FOLDER [OPTION...] -- PROGRAM [ARGUMENT...]

PROGRAM and its arguments may hold {image} (the path of the image to run) and {slot} (a or b). No shell reads them.

  --factory FILE              what to start when no slot can be started, or what is in them keeps dying
  --attempts-max N            starts of an image before it is confirmed, and deaths in a row before the factory's turn (${defaultStarterSettings.attemptsMax})
  --confirm-within-ms N       how long an image may run unconfirmed (${defaultStarterSettings.confirmWithinMs})
  --stop-within-ms N          how long a program may take to end (${defaultStarterSettings.stopWithinMs})
  --poll-ms N                 how often the slots are looked at (${defaultStarterSettings.pollMs})
  --restart-pause-max-ms N    longest pause before a proven image is started again (${defaultStarterSettings.restartPauseMaxMs})
  --help                      this
`;

const names = [
  'attempts-max',
  'confirm-within-ms',
  'stop-within-ms',
  'poll-ms',
  'restart-pause-max-ms',
] as const;

/** Whether the starter's own arguments, not those of the program after `--`, ask for its usage. */
export function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return (end < 0 ? args : args.slice(0, end)).some((arg) => arg === '--help' || arg === '-h');
}

/** Reads the command line; answers what is wrong with it as text. */
export function parseStarterArguments(args: readonly string[]): StarterArguments | string {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      options: Object.fromEntries(
        ['slots', 'factory', ...names].map((name) => [name, { type: 'string' as const }]),
      ),
      allowPositionals: true,
    });
    if (typeof values.slots !== 'string' || values.slots === '') return '`--slots` is missing';
    if (positionals.length === 0) return 'the program to run is missing';
    const numbers = Object.fromEntries(
      names
        .filter((name) => values[name] !== undefined)
        .map((name) => [camel(name), whole(name, values[name])]),
    );
    return {
      folder: values.slots,
      settings: {
        ...defaultStarterSettings,
        ...numbers,
        ...(typeof values.factory === 'string' && { factoryImage: resolve(values.factory) }),
        command: positionals,
      },
    };
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) return error.message;
    throw error;
  }
}

function whole(name: string, text: unknown): number {
  const value = typeof text === 'string' && /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (value < 1) throw new RangeError(`\`--${name}\` takes a whole number from 1, not \`${text}\``);
  return value;
}

function camel(name: string): string {
  return name.replaceAll(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
