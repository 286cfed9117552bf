import { type CommandNode, everyNode, flagsOf, takesValue } from './tree.ts';

/** A completion script for zsh, with the summaries beside the words. */
export function zshCompletion(root: CommandNode): string {
  const nodes = everyNode(root);
  return `#compdef fleetward
# zsh completion of fleetward; put it into a folder of $fpath as _fleetward
_fleetward() {
  local place="" word previous="\${words[CURRENT-1]}"
  local -a offered
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$place/$word" in
${nodes.flatMap(descents).join('\n')}
    esac
  done
  case "$place $previous" in
${nodes.flatMap((node) => valueCases(node, root)).join('\n')}
  esac
  case "$place" in
${nodes.map((node) => offerCase(node, root)).join('\n')}
  esac
  _describe 'fleetward' offered
  _files
}
_fleetward "$@"
`;
}

function descents({ path, children }: CommandNode): readonly string[] {
  return children.map((child) => `      ${quote(`${path}/${child.name}`)}) place=${quote(child.path)} ;;`);
}

function valueCases({ path, options }: CommandNode, root: CommandNode): readonly string[] {
  const inherited = path === '' ? [] : root.options;
  return [...options, ...inherited].filter(takesValue).map((option) => {
    const patterns = flagsOf(option).map((flag) => quote(`${path} ${flag}`));
    const choices = (option.argChoices ?? []).map(quote).join(' ');
    return `    ${patterns.join(' | ')}) ${choices === '' ? '_files' : `compadd -- ${choices}`}; return ;;`;
  });
}

function offerCase(node: CommandNode, root: CommandNode): string {
  const verbs = node.children.map(({ name, command }) => describe(name, command.summary()));
  const options = [...node.options, ...(node === root ? [] : root.options)];
  const flags = options.flatMap((option) =>
    flagsOf(option).map((flag) => describe(flag, option.description)),
  );
  const choices = node.arguments
    .flatMap((argument) => argument.argChoices ?? [])
    .map((word) => describe(word, ''));
  return `    ${quote(node.path)}) offered=(${[...verbs, ...choices, ...flags].join(' ')}) ;;`;
}

function describe(word: string, text: string): string {
  return quote(text === '' ? word : `${word.replaceAll(':', '\\:')}:${text}`);
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
