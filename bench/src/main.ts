import { temporaryFolder } from '@fleetward/testkit';
import { runBench } from './bench.ts';
import { parseOptions } from './options.ts';
import { formatFigures } from './report.ts';

// `npm run bench`: see bench/README.md.
const options = parseOptions(process.argv.slice(2));
const aborted = new AbortController();
for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => aborted.abort());

using folder = temporaryFolder('fleetward-bench-');
try {
  await runBench({
    options,
    folder,
    signal: aborted.signal,
    progress: (text) => console.error(`· ${text}`),
    report: (figures, workload) =>
      console.log(options.isJson ? JSON.stringify(figures) : formatFigures(figures, workload)),
  });
} catch (error) {
  process.exitCode = 1;
  console.error(error instanceof Error ? error.message : error);
}
