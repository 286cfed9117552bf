import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';
import { readListed } from './release-read.ts';

/** `fleetward release list`: what devices can get now, or what a folder holds. */
export function addReleaseList(noun: Command, shell: Shell): void {
  addVerb(noun, 'list [folder]', {
    summary: 'list what is published, or what is in a folder',
    description:
      'Lists the releases that devices can get now, and the versions of the metadata that says so; with a folder, those of its newest list, signed or not, without a platform.',
    examples: ['fleetward release list', 'fleetward release list releases'],
  }).action(async (folder: string | undefined) => {
    const { roles, targets } = await readListed(folder, shell);
    shell.output.list(
      targets.filter(({ isDocument }) => !isDocument),
      {
        component: (row) => row.release && (row.release.component ?? 'firmware'),
        product: (row) => row.release?.product,
        version: (row) => row.release?.version,
        security: (row) => row.release?.securityVersion,
        hardware: (row) => row.release?.hardware.join(' '),
        'supported until': (row) => row.record.supportUntil,
        SBOM: (row) => (row.record.sbom === undefined ? undefined : 'yes'),
        provenance: (row) => (row.record.provenance === undefined ? undefined : 'yes'),
        bytes: (row) => row.lengthBytes,
        path: (row) => row.path,
      },
      folder === undefined ? 'nothing is published' : 'the folder lists no releases',
    );
    shell.output.note(roles.map(({ name, version }) => `${name} ${version}`).join(', '));
  });
}
