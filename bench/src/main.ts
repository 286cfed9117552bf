import { temporaryFolder } from '@fleetward/testkit';
import { runBench } from './bench.ts';
import { type BenchOptions, parseOptions } from './options.ts';

// `npm run bench`: see bench/README.md.
const options = readOptions();
if (options !== undefined) await bench(options);

/** Undefined, with a line that says why and exit code 2, for a command line that cannot be followed. */
function readOptions(): BenchOptions | undefined {
  try {
    return parseOptions(process.argv.slice(2));
  } catch (error) {
    console.error(error instanceof Error ? error.message : error);
    process.exitCode = 2;
    return undefined;
  }
}

async function bench(options: BenchOptions): Promise<void> {
  const aborted = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.on(name, () => aborted.abort());
  using folder = temporaryFolder('fleetward-bench-');
  try {
    await runBench({
      options,
      folder,
      signal: aborted.signal,
      progress: (text) => console.error(`· ${text}`),
      report: ({ figures, text }) => console.log(options.isJson ? JSON.stringify(figures) : text),
    });
  } catch (error) {
    process.exitCode = 1;
    console.error(error instanceof Error ? error.message : error);
  }
}
