import { parseArgs } from 'node:util';
import { isWorkloadName, type WorkloadName, workloadNames } from './workloads.ts';

/** What the command line asks for. */
export interface BenchOptions {
  readonly workloads: readonly WorkloadName[];
  readonly isJson: boolean;
  /** Measured time of one run, warm-up and connecting not counted. */
  readonly seconds: number;
  /** Runs of each broker under each workload; medians are taken over them. */
  readonly rounds: number;
  /** Folder for a CPU profile of Fleetward's process. */
  readonly profileFolder: string | undefined;
}

const usage = `npm run bench -- [--only ${workloadNames.join('|')}] [--json] [--seconds S] [--rounds N] [--profile FOLDER]`;

/** Parses the arguments after the program's name. Throws with the usage for what it does not know. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = parsedArgs(args);
  return {
    workloads: (values.only ?? workloadNames).map(workloadName),
    isJson: values.json,
    seconds: within('seconds', Number(values.seconds), { least: 0.1, most: 10 }),
    rounds: Math.round(within('rounds', Number(values.rounds), { least: 1, most: 9 })),
    profileFolder: values.profile,
  };
}

function parsedArgs(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        only: { type: 'string', multiple: true },
        json: { type: 'boolean', default: false },
        seconds: { type: 'string', default: '2.5' },
        rounds: { type: 'string', default: '3' },
        profile: { type: 'string' },
      },
    }).values;
  } catch {
    // What node:util says of an unknown option is longer and knows nothing of ours.
    throw new Error(`usage: ${usage}`);
  }
}

function workloadName(text: string): WorkloadName {
  if (isWorkloadName(text)) return text;
  throw new Error(`there is no bench \`${text}\`: ${usage}`);
}

function within(
  name: string,
  value: number,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  if (value >= least && value <= most) return value;
  throw new Error(`\`--${name}\` must be between ${least} and ${most}: ${usage}`);
}
