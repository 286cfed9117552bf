import { counted } from '@fleetward/core';
import { getPolicy, getPolicyVersion, listPolicies } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';
import { diagnosticText } from './policy-diagnostics.ts';

export function addPolicyList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the policies',
    description: 'Lists the stored policies with the version that is in force.',
    examples: ['fleetward policy list'],
  }).action(async () => {
    const { policies } = await withApi((api) => api.call(listPolicies));
    output.list(
      policies,
      {
        policy: (row) => row.policyName,
        'in force': (row) => `version ${row.defaultVersionId}`,
        created: (row) => ({ atMs: row.createdAtMs }),
      },
      'no policies',
    );
  });
}

interface ShowFlags {
  readonly version?: number;
  readonly document?: boolean;
}

export function addPolicyShow(noun: Command, shell: Shell): void {
  addVerb(noun, 'show <policy-name>', {
    summary: 'show a policy: versions, document, and what it is attached to',
    description:
      'Shows a policy with the document in force, and what is probably not meant in it or with it; with `--version`, one version; with `--document`, the document alone as it was written.',
    examples: [
      'fleetward policy show lamps',
      'fleetward policy show lamps --version 2 --document > lamps-2.json',
    ],
  })
    .addOption(whole('--version <number>', { description: 'one version', min: 1, max: 999_999_999 }))
    .option('--document', 'print the document alone')
    .action(async (policyName: string, flags: ShowFlags) => {
      if (flags.version === undefined) await showPolicy(policyName, { shell, flags });
      else await showVersion(policyName, { shell, flags, versionId: String(flags.version) });
    });
}

async function showPolicy(
  policyName: string,
  { shell, flags }: { readonly shell: Shell; readonly flags: ShowFlags },
): Promise<void> {
  const { output, withApi } = shell;
  const policy = await withApi((api) => api.call(getPolicy, { params: { policyName } }));
  if (flags.document === true) {
    output.line(policy.document);
    return;
  }
  const versions = policy.versions.map(({ versionId, isDefault }) =>
    isDefault ? `${versionId} (in force)` : versionId,
  );
  output.record(policy, {
    policy: policyName,
    created: { atMs: policy.createdAtMs },
    versions: versions.join(', '),
    groups: policy.groupNames.join(', '),
    'attached to': counted(policy.certificateCount, 'certificate'),
    ...Object.fromEntries(policy.certificateIds.slice(0, 20).map((id, index) => [`  ${index + 1}`, id])),
  });
  if (output.json) return;
  output.line(`\n${policy.document}\n`);
  const source = { file: `${policyName} version ${policy.defaultVersionId}`, text: policy.document };
  for (const diagnostic of policy.findings) output.line(diagnosticText(source, { diagnostic, output }));
}

async function showVersion(
  policyName: string,
  {
    shell,
    flags,
    versionId,
  }: { readonly shell: Shell; readonly flags: ShowFlags; readonly versionId: string },
): Promise<void> {
  const { output, withApi } = shell;
  const version = await withApi((api) => api.call(getPolicyVersion, { params: { policyName, versionId } }));
  if (flags.document === true) {
    output.line(version.document);
    return;
  }
  output.record(version, {
    policy: policyName,
    version: version.versionId,
    'in force': version.isDefault,
    created: { atMs: version.createdAtMs },
  });
  if (!output.json) output.line(`\n${version.document}`);
}
