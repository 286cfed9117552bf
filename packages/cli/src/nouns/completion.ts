import { Argument, type Command } from 'commander';
import { bashCompletion } from '../completion/bash.ts';
import { fishCompletion } from '../completion/fish.ts';
import { type CommandNode, commandTree } from '../completion/tree.ts';
import { zshCompletion } from '../completion/zsh.ts';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

const scripts: Readonly<Record<'bash' | 'zsh' | 'fish', (root: CommandNode) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `fleetward completion`: what the shell needs to complete nouns, verbs and flags. */
export function addCompletion(parent: Command, { output, terminal }: Shell): void {
  addVerb(parent, 'completion', {
    summary: 'print the completion script of a shell',
    description: 'Prints a script that lets a shell complete nouns, verbs, flags and their choices.',
    examples: [
      'source <(fleetward completion bash)',
      'fleetward completion zsh > "${fpath[1]}/_fleetward"',
      'fleetward completion fish > ~/.config/fish/completions/fleetward.fish',
    ],
  })
    .addArgument(new Argument('<shell>', 'the shell').choices(Object.keys(scripts)))
    .action(async (shell: keyof typeof scripts) => {
      const { createProgram } = await import('../program.ts');
      const { program } = await createProgram(terminal);
      const script = scripts[shell](commandTree(program));
      if (output.json) output.done({ shell, script }, '');
      else output.line(script.trimEnd());
    });
}
