import { getMetadataFile, listMetadata } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { listTargets } from './release-targets.ts';

/** `fleetward release list`: what devices can get now. */
export function addReleaseList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list what is published',
    description:
      'Lists the releases that devices can get now, and the versions of the metadata that says so.',
    examples: ['fleetward release list'],
  }).action(async () => {
    const { roles, targets } = await withApi(async (api) => {
      const { roles } = await api.call(listMetadata);
      const version = roles.find(({ name }) => name === 'targets')?.version;
      if (version === undefined) return { roles, targets: [] };
      const bytes = await api.call(getMetadataFile, { params: { file: `${version}.targets.json` } });
      return { roles, targets: listTargets(bytes) };
    });
    output.list(
      targets,
      {
        component: (row) => row.release && (row.release.component ?? 'firmware'),
        product: (row) => row.release?.product,
        version: (row) => row.release?.version,
        security: (row) => row.release?.securityVersion,
        hardware: (row) => row.release?.hardware.join(' '),
        bytes: (row) => row.lengthBytes,
        path: (row) => row.path,
      },
      'nothing is published',
    );
    output.note(roles.map(({ name, version }) => `${name} ${version}`).join(', '));
  });
}
