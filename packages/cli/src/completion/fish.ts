import type { Option } from 'commander';
import { type CommandNode, everyNode, takesValue } from './tree.ts';

/** A completion script for fish: one `complete` line a word, each with the place where it may stand. */
export function fishCompletion(root: CommandNode): string {
  const nodes = everyNode(root);
  return `# fish completion of fleetward; put it into ~/.config/fish/completions/fleetward.fish
function __fleetward_path
  set -l path
  for word in (commandline -opc)[2..-1]
    switch "$path/$word"
${nodes.flatMap(descents).join('\n')}
    end
  end
  echo "$path"
end
${root.options.map((option) => optionLine(option, '')).join('\n')}
${nodes.flatMap(lines).join('\n')}
`;
}

function descents({ path, children }: CommandNode): readonly string[] {
  return children.map(
    (child) => `      case ${quote(`${path}/${child.name}`)}\n        set path ${quote(child.path)}`,
  );
}

function lines(node: CommandNode): readonly string[] {
  const here = ` -n ${quote(`test "$(__fleetward_path)" = "${node.path}"`)}`;
  const verbs = node.children.map(
    ({ name, command }) => `complete -c fleetward${here} -f -a ${quote(name)} -d ${quote(command.summary())}`,
  );
  const choices = node.arguments.flatMap((argument) => argument.argChoices ?? []);
  const words = choices.map((word) => `complete -c fleetward${here} -f -a ${quote(word)}`);
  const options = node.path === '' ? [] : node.options.map((option) => optionLine(option, here));
  return [...verbs, ...words, ...options];
}

function optionLine(option: Option, here: string): string {
  const long = option.long === undefined || option.long === null ? '' : ` -l ${option.long.slice(2)}`;
  const choices = option.argChoices === undefined ? '' : ` -x -a ${quote(option.argChoices.join(' '))}`;
  const value = takesValue(option) ? ' -r' : '';
  return `complete -c fleetward${here}${long}${value}${choices} -d ${quote(option.description)}`;
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}
