import { Command, type Option } from 'commander';
import { addActivity } from './nouns/activity.ts';
import { addAuthority } from './nouns/authority.ts';
import { addCert } from './nouns/cert.ts';
import { addCompletion } from './nouns/completion.ts';
import { addConnection } from './nouns/connection.ts';
import { addDemo } from './nouns/demo.ts';
import { addDenial } from './nouns/denial.ts';
import { addEnrollment } from './nouns/enrollment.ts';
import { addGroup } from './nouns/group.ts';
import { addGuardrail } from './nouns/guardrail.ts';
import { addInit } from './nouns/init.ts';
import { addJoinToken } from './nouns/join-token.ts';
import { addMasterKey } from './nouns/master-key.ts';
import { addOperator } from './nouns/operator.ts';
import { addPolicy } from './nouns/policy.ts';
import { addRelease } from './nouns/release.ts';
import { addServe } from './nouns/serve.ts';
import { addThing } from './nouns/thing.ts';
import { addTrail } from './nouns/trail.ts';
import { createShell, type Shell } from './shell.ts';
import type { Terminal } from './terminal.ts';

/** The whole command tree over one terminal; nothing runs until it is parsed. `quiet` shows no help where a verb is missing. */
export function createProgram(
  terminal: Terminal,
  { quiet = false }: { readonly quiet?: boolean } = {},
): { readonly program: Command; readonly shell: Shell } {
  const program = new Command('fleetward')
    .description(
      'Gives every device an identity, a policy and firmware it can trust, and shows what was refused and why.',
    )
    .option('--json', 'one JSON document a line, for programs')
    .option('--url <url>', 'the operators listener, such as https://localhost:9443 (FLEETWARD_URL)')
    .option('--ca <file>', 'PEM of the authority it must chain to (FLEETWARD_CA)')
    .option('--token-file <file>', 'file with the operator token (FLEETWARD_TOKEN holds the token itself)')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: globalOptionsOf,
    })
    .configureOutput({
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => {
        if (!quiet) terminal.stderr.write(text);
      },
      outputError: () => undefined, // shown by `formatFailure`
    })
    .exitOverride();
  const shell = createShell(program, terminal);
  for (const add of nouns) add(program, shell);
  return { program, shell };
}

const nouns: readonly ((program: Command, shell: Shell) => void)[] = [
  addInit,
  addServe,
  addMasterKey,
  addDemo,
  addOperator,
  addThing,
  addGroup,
  addGuardrail,
  addActivity,
  addJoinToken,
  addEnrollment,
  addPolicy,
  addCert,
  addAuthority,
  addRelease,
  addTrail,
  addDenial,
  addConnection,
  addCompletion,
];

/** The commands that talk to no platform, or are one. */
const offline: ReadonlySet<string> = new Set([
  'init',
  'serve',
  'master-key',
  'demo',
  'completion',
  'policy lint',
  'policy decide',
  'cert verify',
  'trail verify',
  'release keygen',
  'release init',
  'release add',
  'release sign',
  'release verify',
]);

/** The flags of every command that this one uses too. */
function globalOptionsOf(command: Command): Option[] {
  const words: string[] = [];
  let program = command;
  for (; program.parent !== null; program = program.parent) words.unshift(program.name());
  if (program === command) return [];
  const isOffline = offline.has(words.join(' ')) || offline.has(words[0] ?? '');
  return program.options.filter(({ long }) => !isOffline || long === '--json');
}
