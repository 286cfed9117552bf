import type { Argument, Command, Option } from 'commander';

/** What can follow a command's name; what completions and the reference are made from. */
export interface CommandNode {
  /** `''` for the program itself, then `thing`, `thing create`. */
  readonly path: string;
  readonly name: string;
  readonly command: Command;
  readonly children: readonly CommandNode[];
  readonly options: readonly Option[];
  readonly arguments: readonly Argument[];
}

/** The tree below a program, in the order of its help. */
export function commandTree(program: Command): CommandNode {
  return nodeOf(program, '');
}

/** A node and everything below it, parents first. */
export function everyNode(node: CommandNode): readonly CommandNode[] {
  return [node, ...node.children.flatMap(everyNode)];
}

/** The long and short flags of an option as they are typed. */
export function flagsOf(option: Option): readonly string[] {
  return [option.long, option.short].filter((flag): flag is string => typeof flag === 'string');
}

/** Whether an option is followed by a value. */
export function takesValue(option: Option): boolean {
  return option.required || option.optional;
}

function nodeOf(command: Command, path: string): CommandNode {
  const children = command.commands.map((child) =>
    nodeOf(child, path === '' ? child.name() : `${path} ${child.name()}`),
  );
  return {
    path,
    name: command.name(),
    command,
    children,
    options: command.options,
    arguments: command.registeredArguments,
  };
}
