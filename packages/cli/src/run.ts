import { type Command, CommanderError } from 'commander';
import { describeFailure, type Failure, formatFailure } from './failure.ts';
import { fullName, meantCommand } from './meant-command.ts';
import { createProgram } from './program.ts';
import type { Terminal } from './terminal.ts';
import { cliVersion } from './version.ts';

/** Runs one command line to its end and returns the exit code: 0 done, 1 refused or failed, 2 not understood or unreadable. */
export async function run(args: readonly string[], terminal: Terminal): Promise<number> {
  // The flags may not be understood: this one is looked for by hand.
  const asJson = args.includes('--json');
  const { program, shell } = await createProgram(terminal, { quiet: asJson, words: args });
  // Only as the first word: verbs have a `--version` of their own.
  if (args[0] === '--version' || args[0] === '-V') {
    terminal.stdout.write(`${cliVersion}\n`);
    return 0;
  }
  const { command, unknown } = meantCommand(program, args);
  // The help of what is around it would hide that there is no such command.
  const parsed = unknown === undefined ? args : args.filter((word) => word !== '--help' && word !== '-h');
  try {
    await program.parseAsync(parsed, { from: 'user' });
    return shell.exitCode;
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) return 0; // help and version
    const withoutVerb = error instanceof CommanderError && error.code === 'commander.help';
    if (withoutVerb && !asJson) return 2; // its help was shown
    const failure = withoutVerb ? verbMissing : describeFailure(error, helpOf(command, unknown));
    terminal.stderr.write(formatFailure(failure, asJson));
    if (terminal.environment.FLEETWARD_DEBUG && error instanceof Error)
      terminal.stderr.write(`${error.stack}\n`);
    return failure.exitCode;
  }
}

/** What to do about a command line that is not understood. */
function helpOf(command: Command, unknown: string | undefined): string {
  if (unknown === undefined || command.parent === null)
    return `\`${fullName(command)} --help\` shows what there is`;
  const verbs = command.commands.map((verb) => `\`${verb.name()}\``);
  return `\`${fullName(command)}\` takes ${verbs.join(', ')}`;
}

const verbMissing: Failure = {
  code: 'cli.usage',
  message: 'a command is missing: expected `fleetward <noun> <verb>`',
  hint: '`--help` shows what there is',
  exitCode: 2,
};
