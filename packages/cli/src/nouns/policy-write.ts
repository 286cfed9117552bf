import { POLICY_BYTES_MAX } from '@fleetward/policy';
import {
  createPolicy,
  createPolicyVersion,
  type Part,
  removePolicy,
  removePolicyVersion,
  setDefaultPolicyVersion,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { usage } from '../errors.ts';
import { printable } from '../printable.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { namingFile } from './naming-file.ts';
import { type Diagnostic, diagnosticText, type Source } from './policy-diagnostics.ts';

interface Verbose {
  readonly verbose?: boolean;
}

const everyPlace = 'name every place where a placeholder is bound';

export function addPolicyCreate(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'create <policy-name> <file>', {
    summary: 'store a policy with its first version',
    description:
      'Stores a policy document as version 1, in force at once where it is attached. A document that is not wholly understood is refused ' +
      'with every reason; what is probably not meant is printed, and stored all the same.',
    examples: ['fleetward policy create lamps lamps.json'],
  });
  verb.option('--verbose', everyPlace).action(async (policyName: string, file: string, flags: Verbose) => {
    const body = { policyName, document: await readDocument(file, shell) };
    const saved = await namingFile({ file, text: body.document }, () =>
      shell.withApi((api) => api.call(createPolicy, { body })),
    );
    showSaved(saved, { shell, source: { file, text: body.document }, verbose: flags.verbose === true });
  });
}

export function addPolicyAddVersion(noun: Command, shell: Shell): void {
  addVerb(noun, 'add-version <policy-name> <file>', {
    summary: 'store a new version of a policy',
    description:
      'Stores a new version of a policy, at most five. With `--set-default` it is in force at once, on live connections too; otherwise ' +
      'when `policy set-default` says so.',
    examples: ['fleetward policy add-version lamps lamps-2.json --set-default'],
  })
    .option('--set-default', 'put it in force at once')
    .option('--verbose', everyPlace)
    .action(async (policyName: string, file: string, flags: Verbose & { readonly setDefault?: boolean }) => {
      const body = { document: await readDocument(file, shell), setAsDefault: flags.setDefault === true };
      const saved = await namingFile({ file, text: body.document }, () =>
        shell.withApi((api) => api.call(createPolicyVersion, { params: { policyName }, body })),
      );
      showSaved(saved, { shell, source: { file, text: body.document }, verbose: flags.verbose === true });
    });
}

export function addPolicySetDefault(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'set-default', {
    summary: 'put a version in force, at once',
    description: 'Puts a stored version in force, at once and on live connections too: also the way back.',
    examples: ['fleetward policy set-default lamps 1'],
  })
    .argument('<policy-name>', 'the policy')
    .argument('<version>', 'its number', parseVersion)
    .action(async (policyName: string, versionId: number) => {
      await withApi((api) =>
        api.call(setDefaultPolicyVersion, { params: { policyName }, body: { versionId } }),
      );
      output.done(
        { policyName, versionId, isDefault: true },
        `version ${versionId} of \`${policyName}\` is in force`,
      );
    });
}

export function addPolicyDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <policy-name>', {
    summary: 'delete a policy that is attached to nothing',
    description: 'Deletes a policy with all its versions. One that is still attached is not deleted.',
    examples: ['fleetward policy delete lamps'],
  }).action(async (policyName: string) => {
    await withApi((api) => api.call(removePolicy, { params: { policyName } }));
    output.done({ policyName, outcome: 'deleted' }, `policy \`${policyName}\` is deleted`);
  });
}

export function addPolicyDeleteVersion(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete-version', {
    summary: 'delete a version that is not in force',
    description: 'Deletes a version of a policy; not the one in force.',
    examples: ['fleetward policy delete-version lamps 1'],
  })
    .argument('<policy-name>', 'the policy')
    .argument('<version>', 'its number', parseVersion)
    .action(async (policyName: string, versionId: number) => {
      const params = { policyName, versionId: String(versionId) };
      await withApi((api) => api.call(removePolicyVersion, { params }));
      output.done(
        { policyName, versionId, outcome: 'deleted' },
        `version ${versionId} of \`${policyName}\` is deleted`,
      );
    });
}

async function readDocument(file: string, { terminal }: Shell): Promise<string> {
  return Buffer.from(await readInput(file, { terminal, bytesMax: POLICY_BYTES_MAX })).toString('utf8');
}

function parseVersion(text: string): number {
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw usage(`\`${text}\` is not a version: expected a number such as \`2\``);
}

/** What was bound, in a line: it is the same in every document, and findings matter more. */
function boundInShort(notes: Saved['notes']): string {
  const messages = [...new Set(notes.map(({ message }) => message))].join('; ');
  return `note[bound]: ${messages} (${notes.length} ${notes.length === 1 ? 'place' : 'places'}; all with \`--verbose\`)`;
}

type Saved = Part<(typeof createPolicy)['answer']>;

function showSaved(
  saved: Saved,
  { shell, source, verbose }: { readonly shell: Shell; readonly source: Source; readonly verbose: boolean },
): void {
  const { output } = shell;
  const force = saved.isDefault ? 'in force' : 'not in force yet';
  output.done(saved, `policy \`${saved.policyName}\` version ${saved.versionId} is stored, ${force}`);
  if (output.json) return;
  const show = (diagnostic: Diagnostic) => output.line(diagnosticText(source, { diagnostic, output }));
  for (const finding of saved.findings) show(finding);
  if (verbose) for (const note of saved.notes) show({ severity: 'note', id: 'bound', ...note });
  else if (saved.notes.length > 0) output.line(printable(boundInShort(saved.notes)));
}
