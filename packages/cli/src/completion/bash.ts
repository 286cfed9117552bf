import { type CommandNode, everyNode, flagsOf, takesValue } from './tree.ts';

/**
 * A completion script for bash: it finds the noun and verb typed so far, then offers their verbs, flags and the choices of
 * a flag or argument. Where a file may stand, bash's own file completion takes over.
 */
export function bashCompletion(root: CommandNode): string {
  const nodes = everyNode(root);
  return `# bash completion of fleetward; load it with: source <(fleetward completion bash)
_fleetward() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}"
  local path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path/$word" in
${nodes.flatMap(descents).join('\n')}
    esac
  done
  case "$path $previous" in
${nodes.flatMap((node) => valueCases(node, root)).join('\n')}
  esac
  case "$path" in
${nodes.map((node) => wordCase(node, root)).join('\n')}
  esac
  COMPREPLY=()
  while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -W "$words" -- "$current")
}
complete -o default -F _fleetward fleetward
`;
}

function descents({ path, children }: CommandNode): readonly string[] {
  return children.map((child) => `      ${quote(`${path}/${child.name}`)}) path=${quote(child.path)} ;;`);
}

/** After a flag that takes a value come its choices, or whatever the user types: a file's name is completed. */
function valueCases({ path, options }: CommandNode, root: CommandNode): readonly string[] {
  const inherited = path === '' ? [] : root.options;
  return [...options, ...inherited].filter(takesValue).map((option) => {
    const patterns = flagsOf(option).map((flag) => quote(`${path} ${flag}`));
    const words = (option.argChoices ?? []).join(' ');
    return `    ${patterns.join(' | ')}) COMPREPLY=($(compgen -W ${quote(words)} -- "$current")); return ;;`;
  });
}

function wordCase(node: CommandNode, root: CommandNode): string {
  const flags = [...node.options, ...(node === root ? [] : root.options)].flatMap(flagsOf);
  const choices = node.arguments.flatMap((argument) => argument.argChoices ?? []);
  const words = [...node.children.map(({ name }) => name), ...choices, ...flags, '--help', '-h'];
  return `    ${quote(node.path)}) words=${quote(words.join(' '))} ;;`;
}

function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
