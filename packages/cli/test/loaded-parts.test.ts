import { expect, test } from 'vitest';
import { type CommandNode, commandTree, everyNode } from '../src/completion/tree.ts';
import { createProgram } from '../src/program.ts';
import type { Terminal } from '../src/terminal.ts';

/** Nothing is run, only looked at. */
const terminal: Terminal = {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: {},
  clock: { now: () => 0 },
  random: { bytes: (length) => new Uint8Array(length) },
};

async function nodes(words?: readonly string[]): Promise<readonly CommandNode[]> {
  const { program } = await createProgram(terminal, words === undefined ? {} : { words });
  return everyNode(commandTree(program));
}

const whole = await nodes();
const helpOf = (node: CommandNode | undefined) => node?.command.helpInformation();

test('there are commands to look at', () => {
  expect(whole.length).toBeGreaterThan(70);
});

test.for(whole.map((node) => ({ path: node.path, node })))(
  '`fleetward $path` finds its command as the whole program has it, though little else is loaded',
  async ({ path, node }) => {
    const words = path.split(' ').filter((word) => word !== '');
    const found = (await nodes(words)).find((candidate) => candidate.path === path);
    expect(helpOf(found)).toBe(helpOf(node));
    const asked = (await nodes(['help', ...words])).find((candidate) => candidate.path === path);
    expect(helpOf(asked)).toBe(helpOf(node));
  },
);
