import type { Command } from 'commander';

/** What the words of a command line name: the innermost command, and the word after it that should name one below it and does not. */
export interface MeantCommand {
  readonly command: Command;
  readonly unknown?: string;
}

export function meantCommand(program: Command, args: readonly string[]): MeantCommand {
  let command = program;
  for (let at = 0; at < args.length && command.commands.length > 0; at++) {
    const word = args[at]!;
    if (word.startsWith('-')) {
      if (takesValue(program, word)) at++;
      continue;
    }
    if (command === program && word === 'help') break;
    const below = command.commands.find((one) => one.name() === word || one.aliases().includes(word));
    if (below === undefined) return { command, unknown: word };
    command = below;
  }
  return { command };
}

/** `fleetward thing list` */
export function fullName(command: Command): string {
  return command.parent === null ? command.name() : `${fullName(command.parent)} ${command.name()}`;
}

function takesValue(program: Command, flag: string): boolean {
  return program.options.some((option) => (option.long === flag || option.short === flag) && option.required);
}
