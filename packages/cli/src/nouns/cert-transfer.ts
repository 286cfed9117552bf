import { type Part, transferCertificate } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

interface TransferFlags {
  readonly to: string;
  readonly from?: string;
}

export function addCertTransfer(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'transfer <certificate-id>', {
    summary: 'let a certificate speak for another thing instead',
    description:
      'Takes a certificate from its thing and gives it to another, in one change; exclusive stays exclusive. Its live connections are cut, and ' +
      'what was kept for the old thing stays with that one. Policies of the certificate itself go with it, those of groups come from the new thing. ' +
      'A revoked certificate is not transferred. `--from` says from which thing where it speaks for several.',
    examples: ['fleetward cert transfer 9f86d081884c7d65… --to lamp-8'],
  })
    .requiredOption('--to <thing>', 'the thing it shall speak for')
    .option('--from <thing>', 'the thing it shall speak for no more; needed where there are several')
    .action(async (certificateId: string, { to, from }: TransferFlags) => {
      const body = { thingName: to, ...(from === undefined ? {} : { fromThingName: from }) };
      const answer = await withApi((api) =>
        api.call(transferCertificate, { params: { certificateId }, body }),
      );
      output.done(answer, sentenceOf(answer));
    });
}

function sentenceOf(answer: Part<(typeof transferCertificate)['answer']>): string {
  const { certificateId, thingName, fromThingName, remainingCertificateIds: left } = answer;
  const done = `certificate \`${certificateId}\` speaks for \`${thingName}\` now, not for \`${fromThingName}\``;
  if (left.length === 0) return done;
  const ids = left.map((id) => `\`${id}\``).join(', ');
  return `${done}, for which ${ids} still ${left.length === 1 ? 'speaks' : 'speak'}`;
}
