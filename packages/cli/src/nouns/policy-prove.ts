import {
  type AttachedPolicy,
  diffPolicies,
  findDead,
  POLICY_BYTES_MAX,
  type Proof,
  proveAtMost,
  proveEqual,
  proveNever,
  proveNoCrossDevice,
} from '@fleetward/policy';
import type { Part, propertySchema } from '@fleetward/protocol';
import { Argument, type Command } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { readPolicies } from './policy-files.ts';
import { requestLines, showDead, showDiff, showProof } from './policy-proof.ts';

const PROPERTIES = ['no-cross-device', 'never', 'at-most', 'equal', 'diff', 'dead'] as const;

type Property = (typeof PROPERTIES)[number];

interface ProveFlags {
  readonly policy?: readonly string[];
  readonly action?: string;
  readonly resource?: string;
  readonly shared?: readonly string[];
  readonly unique?: readonly string[];
  readonly exclusive: boolean;
  readonly states?: number;
  readonly requests?: string;
  readonly stored?: readonly string[];
}

/** `fleetward policy prove`: answers over all requests there can be, without a platform. */
export function addPolicyProve(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'prove', {
    summary: 'prove what policies can and cannot allow, over all requests there can be',
    description:
      'Answers over the whole infinite space of requests, as of a principal to which all the given policies are attached; with `--stored` the ' +
      'platform answers about policies it has in force. `no-cross-device`: ' +
      'no two devices meet on a topic. `never --action A --resource R`: it can never be done; subscriptions are followed to the topics they ' +
      'cover. `at-most OTHER…`: nothing is allowed that the other does not allow. `equal OTHER…`: both allow the same. `diff OLD NEW`: what ' +
      'NEW allows that OLD did not. `dead`: statements that change nothing. A no comes with requests that `policy decide` confirms. Exit code ' +
      '0: yes, or nothing found; 1: no, something found, or undecided; 2: a file cannot be read.',
    examples: [
      'fleetward policy prove no-cross-device lamps.json',
      "fleetward policy prove never --action receive --resource 'firmware/*' lamps.json",
      'fleetward policy prove at-most lamps-limit.json --policy lamps.json',
      'fleetward policy prove diff lamps-1.json lamps-2.json',
    ],
  });
  verb
    .addArgument(new Argument('<property>', 'what to prove').choices(PROPERTIES))
    .argument(
      '[file...]',
      'policy documents: of the other side for `at-most` and `equal`, OLD and NEW for `diff`',
    )
    .option('--policy <file...>', 'policy documents that the question is about')
    .addOption(repeatable('--stored <policy-name>', 'ask the platform about this stored policy too'))
    .option(
      '--action <name>',
      'for `never`: `publish`, `receive`, `subscribe`, `connect`, `retain-publish`, …',
    )
    .option('--resource <pattern>', 'for `never`: a name with `*` and `?`')
    .addOption(
      repeatable('--shared <pattern>', 'for `no-cross-device`: topics that devices share on purpose'),
    )
    .addOption(
      repeatable('--unique <variable>', 'for `no-cross-device`: no two devices have the same value of it'),
    )
    .option('--no-exclusive', 'for `no-cross-device`: no certificate is attached to its thing exclusively')
    .option(
      '--requests <file>',
      'write the requests of a counter-example there, as `policy decide` reads them',
    )
    .addOption(
      whole('--states <count>', { description: 'give up after so many states', min: 1, max: 100_000_000 }),
    )
    .action(async (property: Property, files: readonly string[], flags: ProveFlags) => {
      const read = (names: readonly string[]) => readPolicies(names, shell.terminal);
      const options = flags.states === undefined ? {} : { statesMax: flags.states };
      await run(property, { files, flags, shell, read, options });
    });
}

interface Task {
  readonly files: readonly string[];
  readonly flags: ProveFlags;
  readonly shell: Shell;
  readonly read: (files: readonly string[]) => Promise<readonly AttachedPolicy[]>;
  readonly options: { readonly statesMax?: number };
}

async function run(property: Property, { files, flags, shell, read, options }: Task): Promise<void> {
  const { policy: own = [], requests } = flags;
  const show = (proof: Proof): void => {
    if (requests !== undefined) writeNewFile(requests, requestLines(proof));
    showProof(proof, shell);
  };
  if (flags.stored !== undefined) {
    show(await proveStored(property, { files, flags, shell, stored: flags.stored }));
  } else if (property === 'diff') {
    const [before, now] = pairOf(files);
    showDiff(diffPolicies(await read([before]), await read([now]), options), shell);
  } else if (property === 'at-most' || property === 'equal') {
    if (files.length === 0 || own.length === 0)
      throw usage(
        `\`${property}\` needs the other side’s files and \`--policy\` with those the question is about`,
      );
    const prove = property === 'at-most' ? proveAtMost : proveEqual;
    show(prove(await read(own), await read(files), options));
  } else {
    const all = [...own, ...files];
    if (all.length === 0) throw usage(`\`${property}\` needs policy documents`);
    const policies = await read(all);
    if (property === 'dead') showDead(findDead(policies, options), { shell, files: all });
    else if (property === 'never') show(proveNever(policies, questionOf(flags), options));
    else show(proveNoCrossDevice(policies, { ...options, ...sharing(flags) }));
  }
}

/** The platform proves it of the policies in force; documents in files are attached beside them. */
async function proveStored(
  property: Property,
  {
    files,
    flags,
    shell,
    stored,
  }: Pick<Task, 'files' | 'flags' | 'shell'> & { readonly stored: readonly string[] },
): Promise<Proof> {
  const texts = (names: readonly string[]) => Promise.all(names.map((name) => readText(name, shell)));
  const { policy: own = [] } = flags;
  const isLimit = property === 'at-most';
  if (property === 'diff' || property === 'dead' || property === 'equal')
    throw usage(
      `\`--stored\` goes with \`no-cross-device\`, \`never\` and \`at-most\`; for \`${property}\` see \`policy show --document\``,
    );
  if (isLimit && files.length !== 1) throw usage('`at-most` with `--stored` needs one file, the other side');
  const documents = await texts(isLimit ? own : [...own, ...files]);
  const body = {
    policyNames: [...stored],
    documents,
    property: await wireProperty(property, { files, flags, texts }),
  };
  const { provePolicies } = await import('@fleetward/protocol');
  const proof = await shell.withApi((api) => api.call(provePolicies, { body }));
  return proof as Proof;
}

async function wireProperty(
  property: 'no-cross-device' | 'never' | 'at-most',
  {
    files,
    flags,
    texts,
  }: Pick<Task, 'files' | 'flags'> & { readonly texts: (names: readonly string[]) => Promise<string[]> },
): Promise<Part<typeof propertySchema>> {
  if (property === 'never') return { kind: property, ...questionOf(flags) };
  if (property === 'at-most') return { kind: property, document: (await texts(files))[0] ?? '' };
  const { shared, unique, withoutExclusive } = sharing(flags);
  return { kind: property, shared: [...shared], unique: [...unique], withoutExclusive };
}

async function readText(file: string, { terminal }: Shell): Promise<string> {
  return Buffer.from(await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX })).toString('utf8');
}

function pairOf(files: readonly string[]): readonly [string, string] {
  const [before, now, ...more] = files;
  if (before !== undefined && now !== undefined && more.length === 0) return [before, now];
  throw usage('`diff` needs two files, OLD and NEW');
}

function questionOf({ action, resource }: ProveFlags) {
  if (action !== undefined && resource !== undefined) return { action, resource };
  throw usage('`never` needs `--action` and `--resource`');
}

function sharing({ shared = [], unique = [], exclusive }: ProveFlags) {
  return { shared, unique, withoutExclusive: !exclusive };
}
