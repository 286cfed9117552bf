import { POLICY_BYTES_MAX } from '@fleetward/policy';
import {
  createGuardrail,
  listGuardrails,
  type Part,
  type propertySchema,
  removeGuardrail,
} from '@fleetward/protocol';
import { Argument, type Command } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';

type Property = Part<typeof propertySchema>;

interface CreateFlags {
  readonly policy?: string;
  readonly action?: string;
  readonly resource?: string;
  readonly limit?: string;
  readonly shared?: readonly string[];
  readonly unique?: readonly string[];
  readonly exclusive: boolean;
}

/** `fleetward guardrail …`: proofs that the platform requires of policies. */
export function addGuardrail(noun: Command, shell: Shell): void {
  addCreate(noun, shell);
  addList(noun, shell);
  addDelete(noun, shell);
}

function addCreate(noun: Command, shell: Shell): void {
  const { output, withApi } = shell;
  const verb = addVerb(noun, 'create', {
    summary: 'require a proof of a policy, or of every policy',
    description:
      'From now on every change of what policies decide together (a version, an attachment or detachment, a membership, a moved group) is refused, with the counter-example, ' +
      'when the proof does not hold after it for the policy alone and together with those it is attached beside. Refused at once while it does not hold already.',
    examples: [
      'fleetward guardrail create apart no-cross-device',
      "fleetward guardrail create no-firmware never --action publish --resource 'firmware/*' --policy lamps",
      'fleetward guardrail create lamps-limit at-most --limit lamps-limit.json --policy lamps',
    ],
  });
  verb
    .argument('<guardrail-name>', 'its name')
    .addArgument(
      new Argument('<property>', 'what has to be proved').choices(['no-cross-device', 'never', 'at-most']),
    )
    .option('--policy <policy-name>', 'the policy it is about; without it every policy')
    .option('--action <name>', 'for `never`: `publish`, `receive`, `subscribe`, `connect`, …')
    .option('--resource <pattern>', 'for `never`: a name with `*` and `?`')
    .option('--limit <file>', 'for `at-most`: the document that allows the most')
    .addOption(
      repeatable('--shared <pattern>', 'for `no-cross-device`: topics that devices share on purpose'),
    )
    .addOption(
      repeatable('--unique <variable>', 'for `no-cross-device`: no two devices have the same value of it'),
    )
    .option('--no-exclusive', 'for `no-cross-device`: no certificate is attached to its thing exclusively')
    .action(async (guardrailName: string, kind: Property['kind'], flags: CreateFlags) => {
      const property = await propertyOf(kind, { flags, shell });
      const body = {
        guardrailName,
        property,
        ...(flags.policy === undefined ? {} : { policyName: flags.policy }),
      };
      const guardrail = await withApi((api) => api.call(createGuardrail, { body }));
      const about = flags.policy === undefined ? 'every policy' : `policy \`${flags.policy}\``;
      output.done(guardrail, `guard rail \`${guardrailName}\` holds for ${about}`);
    });
}

function addList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the guard rails',
    description:
      'Lists the guard rails, those from the settings first. One is `broken` when it does not hold for what was in force before it was required: the findings follow.',
    examples: ['fleetward guardrail list'],
  }).action(async () => {
    const { guardrails } = await withApi((api) => api.call(listGuardrails));
    output.list(
      guardrails,
      {
        'guard rail': (row) => row.guardrailName,
        policy: (row) => row.policyName ?? 'every policy',
        property: (row) => row.property.kind,
        state: (row) => (row.broken === undefined ? 'holds' : 'broken'),
        from: (row) => (row.createdAtMs === undefined ? 'settings' : { atMs: row.createdAtMs }),
      },
      'no guard rails',
    );
    for (const { guardrailName, broken } of guardrails)
      for (const finding of broken?.findings ?? []) output.note(`${guardrailName}: ${finding}`);
  });
}

function addDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <guardrail-name>', {
    summary: 'delete a guard rail',
    description: 'Deletes a guard rail. One from the settings is deleted there.',
    examples: ['fleetward guardrail delete apart'],
  }).action(async (guardrailName: string) => {
    await withApi((api) => api.call(removeGuardrail, { params: { guardrailName } }));
    output.done({ guardrailName, outcome: 'deleted' }, `guard rail \`${guardrailName}\` is deleted`);
  });
}

async function propertyOf(
  kind: Property['kind'],
  { flags, shell }: { readonly flags: CreateFlags; readonly shell: Shell },
): Promise<Property> {
  const { action, resource, limit, shared, unique, exclusive } = flags;
  if (kind === 'never') {
    if (action === undefined || resource === undefined)
      throw usage('`never` needs `--action` and `--resource`');
    return { kind, action, resource };
  }
  if (kind === 'at-most') {
    if (limit === undefined) throw usage('`at-most` needs `--limit`');
    const bytes = await readInput(limit, { terminal: shell.terminal, bytesMax: POLICY_BYTES_MAX });
    return { kind, document: Buffer.from(bytes).toString('utf8') };
  }
  return {
    kind,
    ...(shared === undefined ? {} : { shared: [...shared] }),
    ...(unique === undefined ? {} : { unique: [...unique] }),
    ...(exclusive ? {} : { withoutExclusive: true }),
  };
}
