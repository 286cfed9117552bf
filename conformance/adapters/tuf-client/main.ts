// One command a process: exit code 0, or 1 with the reason on standard error.
import { followCommandLine } from './command-line.ts';

await followCommandLine(process.argv.slice(2)).catch((error: unknown) => {
  process.stderr.write(`tuf-client: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
