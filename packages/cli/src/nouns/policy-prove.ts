import {
  type AttachedPolicy,
  diffPolicies,
  findDead,
  type Proof,
  proveAtMost,
  proveEqual,
  proveNever,
  proveNoCrossDevice,
} from '@fleetward/policy';
import { Argument, type Command } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { usage } from '../errors.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { readPolicies } from './policy-files.ts';
import { requestLines, showDead, showDiff, showProof } from './policy-proof.ts';
import {
  PROPERTIES,
  type ProvableProperty,
  type ProveFlags,
  questionOf,
  sharing,
} from './policy-prove-flags.ts';

/** `fleetward policy prove`: answers over all requests there can be, without a platform. */
export function addPolicyProve(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'prove', {
    summary: 'prove what policies can and cannot allow, over all requests there can be',
    description:
      'Answers over the whole infinite space of requests, as of a principal to which all the given policies are attached; with `--stored` the ' +
      'platform answers about policies it has in force. `no-cross-device`: ' +
      'no two devices meet on a topic. `never --action A --resource R`: it can never be done; subscriptions are followed to the topics they ' +
      'cover. `at-most OTHER…`: nothing is allowed that the other does not allow. `equal OTHER…`: both allow the same. `diff OLD NEW`: what ' +
      'NEW allows that OLD did not; with `--stored`, OLD is what is stored. `dead`: statements that change nothing. A no comes with requests that `policy decide` confirms. Exit code ' +
      '0: yes, or nothing found; 1: no, something found, or undecided; 2: a file cannot be read.',
    examples: [
      'fleetward policy prove no-cross-device lamps.json',
      "fleetward policy prove never --action receive --resource 'firmware/*' lamps.json",
      'fleetward policy prove at-most lamps-limit.json --policy lamps.json',
      'fleetward policy prove diff lamps-1.json lamps-2.json',
      'fleetward policy prove diff --stored lamps lamps-2.json',
    ],
  });
  verb
    .addArgument(new Argument('<property>', 'what to prove').choices(PROPERTIES))
    .argument(
      '[file...]',
      'policy documents: of the other side for `at-most` and `equal`, OLD and NEW for `diff`',
    )
    .option('--policy <file...>', 'policy documents that the question is about')
    .addOption(repeatable('--stored <policy-name>', 'ask the platform, about this policy in force too'))
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
    .action(async (property: ProvableProperty, files: readonly string[], flags: ProveFlags) => {
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

async function run(property: ProvableProperty, { files, flags, shell, read, options }: Task): Promise<void> {
  const { policy: own = [], requests } = flags;
  const show = (proof: Proof): void => {
    if (requests !== undefined) writeNewFile(requests, requestLines(proof));
    showProof(proof, shell);
  };
  if (flags.stored !== undefined) {
    const { askPlatform } = await import('./policy-prove-stored.ts');
    await askPlatform(property, { files, own, flags, shell, stored: flags.stored, show });
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

function pairOf(files: readonly string[]): readonly [string, string] {
  const [before, now, ...more] = files;
  if (before !== undefined && now !== undefined && more.length === 0) return [before, now];
  throw usage('`diff` needs two files, OLD and NEW');
}
