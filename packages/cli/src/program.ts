import { Command, Help, type Option } from 'commander';
import { addNoun } from './define.ts';
import { type AddCommands, isNamed, loadVerbs, type Noun, type Words } from './load.ts';
import { addCompletion } from './nouns/completion.ts';
import { addDemo } from './nouns/demo.ts';
import { addInit } from './nouns/init.ts';
import { addServe } from './nouns/serve.ts';
import { createShell, type Shell } from './shell.ts';
import type { Terminal } from './terminal.ts';

/**
 * The command tree over one terminal; nothing runs until it is parsed. With `words`, those parts of it that a command line of
 * these words can reach. `quiet` shows no help where a verb is missing.
 */
export async function createProgram(
  terminal: Terminal,
  { quiet = false, words }: { readonly quiet?: boolean; readonly words?: readonly string[] } = {},
): Promise<{ readonly program: Command; readonly shell: Shell }> {
  const program = new Command('fleetward')
    .description(
      'Gives every device an identity, a policy and firmware it can trust, and shows what was refused and why.',
    )
    .option('--json', 'one JSON document a line, for programs')
    .option('--url <url>', 'the operators listener, such as https://localhost:9443 (FLEETWARD_URL)')
    .option('--ca <file>', 'PEM of the CA it must chain to (FLEETWARD_CA)')
    .option('--token-file <file>', 'file with the operator token (FLEETWARD_TOKEN holds the token itself)')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'show help of a command')
    .configureHelp({
      showGlobalOptions: true,
      visibleGlobalOptions: globalOptionsOf,
      // Arguments and flags are in the help of the verb itself, and would leave no room for what it does.
      subcommandTerm: (command) => command.name(),
      optionDescription: (option) =>
        `${option.mandatory ? 'required: ' : ''}${standardHelp.optionDescription(option)}`,
    })
    .configureOutput({
      getOutHelpWidth: () => widthOf(terminal.stdout),
      getErrHelpWidth: () => widthOf(terminal.stderr),
      writeOut: (text) => void terminal.stdout.write(text),
      writeErr: (text) => {
        if (!quiet) terminal.stderr.write(text);
      },
      outputError: () => undefined, // shown by `formatFailure`
    })
    .exitOverride();
  const shell = createShell(program, terminal);
  for (const command of commands) {
    if (typeof command === 'function') command(program, shell);
    else await addNamed(command, { program, shell, words });
  }
  return { program, shell };
}

const standardHelp = new Help();

/** Columns of the help: those of a terminal, and 100 elsewhere. */
function widthOf(stream: NodeJS.WriteStream): number {
  return stream.isTTY ? stream.columns || 100 : 100;
}

/** A noun is always in the help; its verbs are loaded where they can be asked for, so that a command starts at once. */
async function addNamed(
  { name, summary, load }: Noun,
  parts: { readonly program: Command; readonly shell: Shell; readonly words: Words },
): Promise<void> {
  const noun = addNoun(parts.program, name, summary);
  if (!isNamed(name, parts.words)) return;
  const addVerbs = await load(parts.words);
  addVerbs(noun, parts.shell);
}

const commands: readonly (AddCommands | Noun)[] = [
  addInit,
  addServe,
  {
    name: 'master-key',
    summary: 'the key that encrypts all others at rest',
    load: async () => (await import('./nouns/master-key.ts')).addMasterKey,
  },
  addDemo,
  {
    name: 'operator',
    summary: 'operators and their tokens',
    load: async () => (await import('./nouns/operator.ts')).addOperator,
  },
  {
    name: 'thing',
    summary: 'devices as the registry knows them',
    load: async () => (await import('./nouns/thing.ts')).addThing,
  },
  {
    name: 'thing-type',
    summary: 'what things of a type have to have',
    load: async () => (await import('./nouns/thing-type.ts')).addThingType,
  },
  {
    name: 'group',
    summary: 'groups of things, whose policies hold for every thing under them',
    load: async () => (await import('./nouns/group.ts')).addGroup,
  },
  {
    name: 'guardrail',
    summary: 'proofs that the platform requires of policies',
    load: async () => (await import('./nouns/guardrail.ts')).addGuardrail,
  },
  {
    name: 'activity',
    summary: 'what things do and are denied',
    load: async () => (await import('./nouns/activity.ts')).addActivity,
  },
  {
    name: 'shadow',
    summary: 'what things report of themselves and what is desired of them',
    load: async () => (await import('./nouns/shadow.ts')).addShadow,
  },
  {
    name: 'device-metric',
    summary: 'what devices report of their ports, connections and traffic',
    load: async () => (await import('./nouns/device-metric.ts')).addDeviceMetric,
  },
  {
    name: 'join-token',
    summary: 'secrets with which new devices enrol',
    load: async () => (await import('./nouns/join-token.ts')).addJoinToken,
  },
  {
    name: 'target-token',
    summary: 'secrets by which clients of hawkBit speak for a thing',
    load: async () => (await import('./nouns/target-token.ts')).addTargetToken,
  },
  {
    name: 'provisioning-template',
    summary: 'what becomes of devices that provision with a claim',
    load: async () => (await import('./nouns/provisioning-template.ts')).addProvisioningTemplate,
  },
  {
    name: 'claim',
    summary: 'certificates with which devices provision, and do nothing else',
    load: async () => (await import('./nouns/claim.ts')).addClaim,
  },
  {
    name: 'vendor-ca',
    summary: 'CAs of vendors, whose devices come in by certificates of them',
    load: async () => (await import('./nouns/vendor-ca.ts')).addVendorCa,
  },
  {
    name: 'endorsement',
    summary: 'TPMs whose attestations are believed',
    load: async () => (await import('./nouns/endorsement.ts')).addEndorsementNoun,
  },
  {
    name: 'enrollment',
    summary: 'attempts of devices to enrol',
    load: async () => (await import('./nouns/enrollment.ts')).addEnrollment,
  },
  {
    name: 'renewal',
    summary: 'campaigns that ask a part of the fleet to renew early',
    load: async () => (await import('./nouns/renewal.ts')).addRenewal,
  },
  {
    name: 'campaign',
    summary: 'rollouts of releases, stage after stage',
    load: async () => (await import('./nouns/campaign.ts')).addCampaign,
  },
  {
    name: 'job',
    summary: 'what things are told to do',
    load: async () => (await import('./nouns/job.ts')).addJob,
  },
  {
    name: 'policy',
    summary: 'what devices may do',
    load: async (words) => loadVerbs((await import('./nouns/policy.ts')).policyVerbs, words),
  },
  {
    name: 'cert',
    summary: 'certificates of devices',
    load: async (words) => loadVerbs((await import('./nouns/cert.ts')).certVerbs, words),
  },
  {
    name: 'ca',
    summary: 'certificate authorities (CAs) of the platform',
    load: async (words) => loadVerbs((await import('./nouns/ca.ts')).caVerbs, words),
  },
  {
    name: 'artifact',
    summary: 'the files behind releases, as the platform keeps them',
    load: async (words) => loadVerbs((await import('./nouns/artifact.ts')).artifactVerbs, words),
  },
  {
    name: 'release',
    summary: 'firmware: signed offline, published by the platform',
    load: async (words) => loadVerbs((await import('./nouns/release.ts')).releaseVerbs, words),
  },
  {
    name: 'trail',
    summary: 'the hash-chained record of what was done',
    load: async (words) => loadVerbs((await import('./nouns/trail.ts')).trailVerbs, words),
  },
  {
    name: 'issuance-log',
    summary: 'the append-only log of every certificate that was issued',
    load: async (words) => loadVerbs((await import('./nouns/issuance-log.ts')).issuanceLogVerbs, words),
  },
  {
    name: 'denial',
    summary: 'what was refused, and why',
    load: async () => (await import('./nouns/denial.ts')).addDenial,
  },
  {
    name: 'detection',
    summary: 'certificates that are used as by two devices',
    load: async () => (await import('./nouns/detection.ts')).addDetection,
  },
  {
    name: 'connection',
    summary: 'live MQTT connections',
    load: async () => (await import('./nouns/connection.ts')).addConnection,
  },
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
  'ca init-root',
  'ca sign-intermediate',
  'ca cross-sign',
  'trail verify',
  'issuance-log verify',
  'release keygen',
  'release init',
  'release add',
  'release sign',
  'release co-sign',
  'release status',
  'release rotate',
  'release expire',
  'release sign-file',
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
