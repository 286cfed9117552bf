import { removeCertificate } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

export function addCertDelete(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'delete <certificate-id>', {
    summary: 'delete a certificate that nothing is attached to',
    description:
      'Deletes a certificate that is revoked, inactive or expired, and that no thing and no policy is attached to. An inactive one is revoked ' +
      'before. It stays on the revocation list until its end and is never accepted again; the trail keeps what happened.',
    examples: ['fleetward cert delete 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    await withApi((api) => api.call(removeCertificate, { params: { certificateId } }));
    output.done({ certificateId, outcome: 'deleted' }, `certificate \`${certificateId}\` is deleted`);
  });
}
