import { type Part, setCertificateState } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

export function addCertActivate(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'activate <certificate-id>', {
    summary: 'let a certificate speak, for the first time or again',
    description:
      'Activates a certificate that waits for it or was deactivated: from then on its device may connect. One that is revoked stays so.',
    examples: ['fleetward cert activate 9f86d081884c7d65…'],
  });
  addChange(verb, 'ACTIVE', shell);
}

export function addCertDeactivate(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'deactivate <certificate-id>', {
    summary: 'shut a certificate out until it is activated again',
    description:
      'Deactivates a certificate: its live connections are cut at once and new ones refused, and nothing more is kept for its sessions, ' +
      'until `cert activate`. Others are not told: it is on no revocation list, and OCSP answers as before. To shut out for ever, revoke.',
    examples: ['fleetward cert deactivate 9f86d081884c7d65… --reason "seen on two devices"'],
  });
  addChange(verb, 'INACTIVE', shell);
}

type State = Part<(typeof setCertificateState)['body']>['state'];

function addChange(verb: Command, state: State, { output, withApi }: Shell): void {
  verb
    .option('--reason <text>', 'why, for the trail')
    .action(async (certificateId: string, flags: { reason?: string }) => {
      const answer = await withApi((api) =>
        api.call(setCertificateState, { params: { certificateId }, body: { state, ...flags } }),
      );
      output.done(answer, sentenceOf(answer));
    });
}

function sentenceOf(answer: Part<(typeof setCertificateState)['answer']>): string {
  const { certificateId, state, outcome, sessionsCut } = answer;
  const is = `certificate \`${certificateId}\` is ${state}`;
  if (outcome === 'unchanged') return `${is} already`;
  return state === 'ACTIVE' ? is : `${is}; ${sessionsCut} connections were cut`;
}
