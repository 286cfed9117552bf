import { defineConfig } from 'vitest/config';

/** For the test of the rule for missing programs alone: the suite here is not one of the repository's. */
export default defineConfig({
  root: import.meta.dirname,
  resolve: { conditions: ['fleetward-source'] },
  ssr: {
    resolve: { conditions: ['fleetward-source', 'node'], externalConditions: ['fleetward-source', 'node'] },
  },
  test: {
    include: ['*.suite.ts'],
    pool: 'forks',
    execArgv: ['--conditions=fleetward-source'],
    reporters: ['json'],
  },
});
