import { listDetections } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward detection …`: what the platform noticed by itself. */
export function addDetection(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list certificates that two devices seem to use, or that were issued behind the platform’s back',
    description:
      'Lists the certificates that were used as by two devices since the platform started, newest first, with the signs of it and what was done: ' +
      '`alert`, `refuse` (the newcomer) or `quarantine` (the certificate is deactivated). And those that the issuance log should have and has not: ' +
      '`unlogged`, somebody wrote it into the registry; `unregistered`, somebody else used the key of a CA (docs/how-to/audit-issuance.md). The trail keeps them for good.',
    examples: ['fleetward detection list', 'fleetward detection list --json | jq -r .certificateId'],
  })
    .addOption(
      whole('--limit <count>', { description: 'how many to show at most', min: 1, max: 1_000 }).default(100),
    )
    .action(async (query: { limit: number }) => {
      const { detections } = await withApi((api) => api.call(listDetections, { query }));
      output.list(
        detections,
        {
          last: (row) => ({ atMs: row.lastAtMs }),
          sign: (row) => row.sign,
          response: (row) => row.response,
          times: (row) => row.count,
          things: (row) => row.thingNames.join(' '),
          certificate: (row) => row.certificateId.slice(0, 16),
          clients: (row) => row.clientIds.join(' '),
          from: (row) => row.addresses.join(' '),
        },
        'nothing was detected',
      );
    });
}
