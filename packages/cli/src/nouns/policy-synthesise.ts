import { type Part, synthesisePolicyDocument } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { parseMomentMs } from '../moment.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';

interface SynthesiseFlags {
  readonly group?: string;
  readonly policy?: string;
  readonly thing?: string;
  readonly since: string;
  readonly wildcardValues?: number;
  readonly out?: string;
}

type Answer = Part<(typeof synthesisePolicyDocument)['answer']>;

export function addPolicySynthesise(noun: Command, shell: Shell): void {
  addVerb(noun, 'synthesise', {
    summary: 'write the least policy for what things really do',
    description:
      'Writes the least policy that allows everything the things were allowed in a time, in terms of their name, type and attributes, with the ' +
      'evidence for each resource. Save it as a new version and run a trial before it is in force.',
    examples: [
      'fleetward policy synthesise --group ovens --since 14d',
      'fleetward policy synthesise --policy lamps --since 7d --out lamps-2.json',
    ],
  })
    .option('--group <name>', 'from the things in and under a group')
    .option('--policy <name>', 'from the things that have a policy')
    .option('--thing <name>', 'from one thing')
    .option('--since <time>', 'only what was done after a time, or a duration ago such as `14d`', '14d')
    .addOption(
      whole('--wildcard-values <count>', {
        description: 'a level becomes `*` when one thing used so many values of it; 8 if not given',
        min: 2,
        max: 1_000,
      }),
    )
    .option('--out <file>', 'write the document to a new file')
    .action(async (flags: SynthesiseFlags) => {
      const body = questionOf(flags, shell.terminal.clock.now());
      const answer = await shell.withApi((api) => api.call(synthesisePolicyDocument, { body }));
      if (flags.out !== undefined) writeNewFile(flags.out, `${answer.document}\n`);
      showPolicy(answer, { shell, flags });
    });
}

function questionOf(flags: SynthesiseFlags, nowMs: number) {
  const { group, policy, thing, wildcardValues } = flags;
  const names = {
    ...(group === undefined ? {} : { groupName: group }),
    ...(policy === undefined ? {} : { policyName: policy }),
    ...(thing === undefined ? {} : { thingName: thing }),
  };
  if (Object.keys(names).length !== 1) throw usage('give one of `--group`, `--policy` and `--thing`');
  return {
    ...names,
    sinceMs: parseMomentMs(flags.since, { flag: '--since', nowMs }),
    ...(wildcardValues === undefined ? {} : { wildcardValuesMin: wildcardValues }),
  };
}

function showPolicy(
  answer: Answer,
  { shell: { output }, flags }: { readonly shell: Shell; readonly flags: SynthesiseFlags },
): void {
  if (output.json) {
    output.record(answer, {});
    return;
  }
  const { things, statements, warnings } = answer;
  output.note(`from ${things.active} of ${things.sharing} things${lookedAtText(things)}`);
  output.list(
    statements.flatMap(({ action, resources }) => resources.map((resource) => ({ action, ...resource }))),
    {
      action: (row) => row.action,
      resource: (row) => row.resource,
      things: (row) => row.things,
      requests: (row) => row.requests,
      'last seen': (row) => ({ atMs: row.lastSeenMs }),
    },
    'nothing',
  );
  for (const { message } of warnings) output.note(`note: ${message}`);
  for (const line of beyondLines(answer.beyond)) output.note(line);
  if (flags.out === undefined) output.line(`\n${answer.document}`);
  else output.note(`written to \`${flags.out}\``);
}

/** What the present policies allow that nobody has used. */
function beyondLines({ additions, isExact, reason }: Answer['beyond']): readonly string[] {
  const lines = additions.map(({ actions, scope, resources, when, example }) => {
    const where = `${scope === 'except' ? 'everything but ' : ''}${resources.join(', ')}`;
    const only = when.length === 0 ? '' : ` when ${when.join(' and ')}`;
    return `beyond it the present policy allows ${actions.join(', ')} on ${where}${only}, such as ${example.resource}`;
  });
  return isExact ? lines : [...lines, `that may not be all: ${reason ?? 'the comparison was not finished'}`];
}

function lookedAtText({ sharing, lookedAt }: Answer['things']): string {
  return lookedAt === sharing ? '' : `; only the first ${lookedAt} were looked at`;
}
