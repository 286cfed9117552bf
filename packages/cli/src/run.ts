import { CommanderError } from 'commander';
import { describeFailure, formatFailure } from './failure.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './terminal.ts';
import { cliVersion } from './version.ts';

/** Runs one command line to its end and returns the exit code: 0 done, 1 refused or failed, 2 not understood or unreadable. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  const { program, shell } = createProgram(terminal);
  // Only as the first word: verbs have a `--version` of their own.
  if (args[0] === '--version' || args[0] === '-V') {
    terminal.stdout.write(`${cliVersion}\n`);
    return 0;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return shell.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // help and version
    if (error instanceof CommanderError && error.code === 'commander.help') return 2; // a noun without its verb
    const failure = describeFailure(error);
    // The flags may not have been understood: look for this one by hand.
    terminal.stderr.write(formatFailure(failure, args.includes('--json')));
    if (terminal.environment.FLEETWARD_DEBUG && error instanceof Error)
      terminal.stderr.write(`${error.stack}\n`);
    return failure.exitCode;
  }
}
