// `npm run fuzz -- [TARGET…] [--runs N] [--seed S] [--targets GLOB]`: mutates each target's seeds; a target returns for input it accepts or refuses with
// its own error, anything else it throws is a finding. Targets: packages/*/fuzz/*.fuzz.ts, exporting `seeds` and `fuzz`.
import { globSync } from 'node:fs';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';

interface FuzzTarget {
  readonly seeds: readonly Uint8Array[];
  fuzz(input: Uint8Array): void | Promise<void>;
}

const usage = 'npm run fuzz -- [TARGET…] [--runs N] [--seed S] [--targets GLOB]';
const options = readOptions();
if (options !== undefined) process.exitCode = await runTargets(options);

interface FuzzOptions {
  readonly targets: ReadonlyMap<string, string>;
  readonly runs: number;
  readonly seed: number;
}

/** Undefined, with a line that says why and exit code 2, for a command line that cannot be followed. */
function readOptions(): FuzzOptions | undefined {
  try {
    return parseOptions();
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}; usage: ${usage}`);
    process.exitCode = 2;
    return undefined;
  }
}

function parseOptions(): FuzzOptions {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      runs: { type: 'string', default: '20000' },
      targets: { type: 'string', default: join(import.meta.dirname, '../packages/*/fuzz/*.fuzz.ts') },
      seed: { type: 'string', default: String(Date.now() % 2 ** 31) },
    },
  });
  const files = globSync(values.targets).sort();
  const all = new Map(files.map((file) => [basename(file, '.fuzz.ts'), file]));
  const strange = positionals.find((name) => !all.has(name));
  if (strange !== undefined)
    throw new Error(`there is no target \`${strange}\`, only ${[...all.keys()].join(', ')}`);
  const isChosen = ([name]: readonly [string, string]): boolean =>
    positionals.length === 0 || positionals.includes(name);
  return {
    targets: new Map([...all].filter(isChosen)),
    runs: count('runs', values.runs),
    seed: count('seed', values.seed),
  };
}

function count(name: string, text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`\`--${name}\` is a number of at most ten digits, not \`${text}\``);
}

async function runTargets({ targets, ...how }: FuzzOptions): Promise<number> {
  let failed = false;
  for (const [name, file] of targets) {
    failed = !(await runTarget(name, { ...how, target: (await import(file)) as FuzzTarget })) || failed;
  }
  return failed ? 1 : 0;
}

interface TargetRun {
  readonly target: FuzzTarget;
  readonly runs: number;
  readonly seed: number;
}

async function runTarget(name: string, { target, runs, seed }: TargetRun): Promise<boolean> {
  const random = xorshift(seed);
  const started = performance.now();
  for (let run = 0; run < runs; run++) {
    const input = mutate(target.seeds, random);
    try {
      const running = target.fuzz(input);
      if (running !== undefined) await running; // most are done: millions of them need not wait for a turn
    } catch (error) {
      console.error(
        `${name}: finding in run ${run} of seed ${seed}, input ${Buffer.from(input).toString('base64')}\n`,
        error,
      );
      return false;
    }
  }
  const rate = Math.round((runs / (performance.now() - started)) * 1000);
  console.log(`${name}: ${runs} inputs, seed ${seed}, no finding (${rate}/s)`);
  return true;
}

function mutate(seeds: readonly Uint8Array[], random: (below: number) => number): Uint8Array {
  let bytes: Uint8Array = Uint8Array.from(seeds[random(seeds.length)] ?? []);
  for (let change = random(6); change >= 0; change--) bytes = mutateOnce(bytes, seeds, random);
  return bytes;
}

function mutateOnce(
  bytes: Uint8Array,
  seeds: readonly Uint8Array[],
  random: (below: number) => number,
): Uint8Array {
  const at = random(bytes.length + 1);
  switch (random(6)) {
    case 0: // flip a bit
      if (at < bytes.length) bytes[at] = bytes[at]! ^ (1 << random(8));
      return bytes;
    case 1: // an interesting byte
      if (at < bytes.length) bytes[at] = [0, 1, 0x7f, 0x80, 0xff, 0x30, 0x22, 0x7b][random(8)]!;
      return bytes;
    case 2: // cut a run out
      return Uint8Array.from([
        ...bytes.subarray(0, at),
        ...bytes.subarray(Math.min(bytes.length, at + random(16))),
      ]);
    case 3: // double a run
      return Uint8Array.from([
        ...bytes.subarray(0, at),
        ...bytes.subarray(at, at + random(32)),
        ...bytes.subarray(at),
      ]);
    case 4: // insert random bytes
      return Uint8Array.from([
        ...bytes.subarray(0, at),
        ...Array.from({ length: random(8) }, () => random(256)),
        ...bytes.subarray(at),
      ]);
    default: {
      // splice with another seed
      const other = seeds[random(seeds.length)] ?? bytes;
      return Uint8Array.from([...bytes.subarray(0, at), ...other.subarray(random(other.length + 1))]);
    }
  }
}

function xorshift(seed: number): (below: number) => number {
  let state = seed || 1;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % Math.max(below, 1);
  };
}
