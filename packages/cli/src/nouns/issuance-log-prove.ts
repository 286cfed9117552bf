import { getIssuanceLogInclusion } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { jsonLine } from '../printable.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { readHead } from './issuance-log-files.ts';

interface ProveFlags {
  readonly since?: string;
  readonly out?: string;
}

export function addIssuanceLogProve(noun: Command, { output, terminal, withApi }: Shell): void {
  addVerb(noun, 'prove', {
    summary: 'fetch the proof that a certificate is in the log',
    description:
      'Fetches what shows that a certificate is in the log, for `issuance-log verify` on any machine. With `--since` it also shows that ' +
      'the log only grew since that head was signed.',
    examples: [
      'fleetward issuance-log prove 9f86d081884c7d65… --out proof.json',
      'fleetward issuance-log prove 9f86d081884c7d65… --since head-may.json --out proof.json',
    ],
  })
    .argument('<certificate-id>', 'SHA-256 of the certificate, as `cert list` shows it')
    .option('--since <head>', 'a head kept from before, as `issuance-log head` wrote it')
    .option('--out <file>', 'a new file')
    .action(async (certificateId: string, { since, out }: ProveFlags) => {
      const query = since === undefined ? {} : { size: (await readHead(since, terminal)).size };
      const proof = await withApi((api) =>
        api.call(getIssuanceLogInclusion, { params: { certificateId }, query }),
      );
      if (out === undefined) {
        output.line(jsonLine(proof));
        return;
      }
      writeNewFile(out, `${jsonLine(proof)}\n`);
      const sentence = `the proof for entry ${proof.entry.index} of ${proof.head.size} is in \`${out}\``;
      output.done({ ...proof, file: out }, sentence);
    });
}
