import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

// The packages run from source: the custom condition picks `src/index.ts` in every `exports` map.
const sourceCondition = 'fleetward-source';

export default defineConfig({
  resolve: { conditions: [sourceCondition] },
  ssr: { resolve: { conditions: [sourceCondition, 'node'], externalConditions: [sourceCondition, 'node'] } },
  test: {
    include: ['packages/*/test/**/*.test.ts', 'tools/test/**/*.test.ts', 'bench/test/**/*.test.ts'],
    // Tests start real servers and child processes: forks keep native modules and signals honest.
    pool: 'forks',
    // Tests wait for fsync, child processes and sockets: one more than there are cores keeps the cores busy.
    maxWorkers: availableParallelism() + 1,
    execArgv: ['--conditions=fleetward-source'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
