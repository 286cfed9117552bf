import { CliError, usage } from './errors.ts';
import { printable } from './printable.ts';
import { isInteractive, type Terminal } from './terminal.ts';

/** What is asked, and what is said where the answer is no, or where nobody can be asked. */
export interface Question {
  readonly message: string;
  readonly refused: string;
  readonly unasked: string;
}

/** Asks before what cannot be taken back. Throws `cli.cancelled` unless the answer is yes, and `cli.usage` where nobody can be asked. */
export async function confirm({ message, refused, unasked }: Question, terminal: Terminal): Promise<void> {
  if (!isInteractive(terminal)) throw usage(unasked);
  const prompts = await import('@clack/prompts');
  const { stdin: input, stderr: output } = terminal;
  const answer = await prompts.confirm({ message: printable(message), initialValue: false, input, output });
  if (answer !== true) throw new CliError('cli.cancelled', `cancelled: ${refused}`);
}
