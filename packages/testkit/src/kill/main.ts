import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { type Planted, planted } from '../broker/planted.ts';
import { type KillOptions, proveKills } from './prove-kills.ts';

// `npm run testkit:kill`: see CONTRIBUTING.md.
const usage = `npm run testkit:kill -- [--kills N] [--seed S] [--plant ${planted.join('|')}]`;
const options = readOptions();
if (options !== undefined) await prove(options);

/** Undefined, with a line that says why and exit code 2, for a command line that cannot be followed. */
function readOptions(): KillOptions | undefined {
  try {
    const { values } = parseArgs({
      options: {
        kills: { type: 'string', default: '100' },
        seed: { type: 'string', default: String(randomInt(2 ** 31)) },
        plant: { type: 'string' },
      },
    });
    const plant = values.plant === undefined ? {} : { plant: plantNamed(values.plant) };
    return { kills: count(values.kills), seed: count(values.seed), ...plant };
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : error}; usage: ${usage}\n`);
    process.exitCode = 2;
    return undefined;
  }
}

async function prove(given: KillOptions): Promise<void> {
  const progress = (text: string): void => void process.stderr.write(`${text}\n`);
  const report = await proveKills({ ...given, progress });
  process.stdout.write(`${JSON.stringify(report, undefined, 2)}\n`);
  process.exitCode = report.failures.length === 0 ? 0 : 1;
}

function count(text: string): number {
  if (/^\d{1,10}$/.test(text)) return Number(text);
  throw new Error(`\`${text}\` is no number of at most ten digits`);
}

function plantNamed(name: string): Planted {
  const found = planted.find((one) => one === name);
  if (found !== undefined) return found;
  throw new Error(`there is no bug \`${name}\``);
}
