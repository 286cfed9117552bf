import { unholdCertificate } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

export function addCertUnhold(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'unhold <certificate-id>', {
    summary: 'lift the hold of a certificate',
    description:
      'Lifts a hold (`cert revoke --reason certificateHold`): the certificate is again what it was before it, OCSP answers `good`, and it ' +
      'ends when a revocation list without it is signed. Any other revocation is for ever.',
    examples: ['fleetward cert unhold 9f86d081884c7d65…'],
  }).action(async (certificateId: string) => {
    const answer = await withApi((api) => api.call(unholdCertificate, { params: { certificateId } }));
    const { outcome, state } = answer;
    const is = `certificate \`${certificateId}\` is ${state}`;
    output.done(answer, outcome === 'lifted' ? is : `${is}: it was not on hold`);
  });
}
