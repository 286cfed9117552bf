import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { configDefaults, defineConfig } from 'vitest/config';
import { SlowestFirst } from './tools/slowest-first.ts';
import { filesThatNeedOpenssl, noteNotRun } from './tools/without-openssl.ts';

// The packages run from source: the custom condition picks `src/index.ts` in every `exports` map.
const sourceCondition = 'fleetward-source';

const include = ['packages/*/test/**/*.test.ts', 'tools/test/**/*.test.ts', 'bench/test/**/*.test.ts'];

/** In CI a missing program is a failure; elsewhere what needs it is named and left out. */
function leftOut(): readonly string[] {
  const isThere = spawnSync('openssl', ['version']).status === 0;
  if (isThere || process.env.CI === 'true') return [];
  const files = filesThatNeedOpenssl(import.meta.dirname, include);
  noteNotRun(files, process.env.FLEETWARD_NOT_RUN);
  return files;
}

export default defineConfig({
  resolve: { conditions: [sourceCondition] },
  ssr: {
    resolve: {
      conditions: [sourceCondition, 'node'],
      externalConditions: [sourceCondition, 'node'],
    },
  },
  test: {
    include,
    exclude: [...configDefaults.exclude, ...leftOut()],
    // Tests start real servers and child processes: forks keep native modules and signals honest.
    pool: 'forks',
    // Tests wait for fsync, child processes and sockets: one more than there are cores keeps the cores busy.
    maxWorkers: availableParallelism() + 1,
    // No test leaves anything behind in its process, so that the files of a worker share its modules.
    isolate: false,
    sequence: { sequencer: SlowestFirst },
    execArgv: ['--conditions=fleetward-source'],
    // For what hangs: on a machine that others load, what starts six platforms takes a minute.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 60_000 } },
  },
});
