import { parseArgs } from 'node:util';
import type { Bench, LibraryBench } from './benches/bench.ts';
import { benches } from './benches/index.ts';

/** What the command line asks for. */
export interface BenchOptions {
  readonly benches: readonly (Bench | LibraryBench)[];
  readonly isJson: boolean;
  /** Measured time of one run, warm-up and connecting not counted. */
  readonly seconds: number;
  /** Runs of each broker under each workload; medians are taken over them. */
  readonly rounds: number;
  /** Folder for a CPU profile of Fleetward's process. */
  readonly profileFolder: string | undefined;
  /** Where the plot and its figures go. */
  readonly outFolder: string;
  /** Sizes of the fleet that is searched, each larger than the one before. */
  readonly things: readonly number[];
  /** Files of two releases, for the bench of chunks. */
  readonly releases: Releases | undefined;
}

export interface Releases {
  readonly oldFile: string;
  readonly newFile: string;
}

const names = benches.map(({ name }) => name);
const usage = `npm run bench -- [--only ${names.join('|')}] [--json] [--seconds S] [--rounds N] [--profile FOLDER] [--out FOLDER] [--old FILE --new FILE] [--things N,N,…]`;

/** Parses the arguments after the program's name. Throws with the usage for what it does not know. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const values = parsedArgs(args);
  return {
    benches: (values.only ?? names).map(benchNamed),
    isJson: values.json,
    seconds: within('seconds', Number(values.seconds), { least: 0.1, most: 10 }),
    rounds: Math.round(within('rounds', Number(values.rounds), { least: 1, most: 9 })),
    profileFolder: values.profile,
    outFolder: values.out,
    things: sizesOf(values.things),
    releases: bothOrNone(values),
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
        out: { type: 'string', default: 'bench/results' },
        things: { type: 'string', default: '10000,100000,1000000' },
        old: { type: 'string' },
        new: { type: 'string' },
      },
    }).values;
  } catch {
    // What node:util says of an unknown option is longer and knows nothing of ours.
    throw new Error(`usage: ${usage}`);
  }
}

function sizesOf(text: string): readonly number[] {
  const sizes = text.split(',').map((size) => within('things', Number(size), { least: 1, most: 1e7 }));
  if (sizes.every((size, at) => Number.isInteger(size) && (at === 0 || size > sizes[at - 1]!))) return sizes;
  throw new Error(`\`--things\` takes whole numbers, each larger than the one before: ${usage}`);
}

function bothOrNone(values: {
  readonly old?: string | undefined;
  readonly new?: string | undefined;
}): Releases | undefined {
  const { old: oldFile, new: newFile } = values;
  if (oldFile === undefined && newFile === undefined) return undefined;
  if (oldFile === undefined || newFile === undefined)
    throw new Error(`\`--old\` goes with \`--new\`: ${usage}`);
  return { oldFile, newFile };
}

function benchNamed(name: string): Bench | LibraryBench {
  const found = benches.find((bench) => bench.name === name);
  if (found !== undefined) return found;
  throw new Error(`there is no bench \`${name}\`: ${usage}`);
}

function within(
  name: string,
  value: number,
  { least, most }: { readonly least: number; readonly most: number },
): number {
  if (value >= least && value <= most) return value;
  throw new Error(`\`--${name}\` must be between ${least} and ${most}: ${usage}`);
}
