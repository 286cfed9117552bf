import { fromBase64 } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { getIssuanceLogHead } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { jsonLine } from '../printable.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';

export function addIssuanceLogHead(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'head', {
    summary: 'show the newest signed head of the log, to be kept elsewhere',
    description:
      'Shows how many certificates were issued and the signed root over all of them. Kept outside of the platform, a head finds later ' +
      'whether anything before it was changed or taken back, also by somebody who took the signing key.',
    examples: [
      'fleetward issuance-log head --out head-may.json',
      'fleetward issuance-log head --json | jq .size',
    ],
  })
    .option('--out <file>', 'a new file')
    .action(async ({ out }: { readonly out?: string }) => {
      const { head, waiting } = await withApi((api) => api.call(getIssuanceLogHead));
      if (out !== undefined) {
        writeNewFile(out, `${jsonLine(head)}\n`);
        output.done({ ...head, file: out }, `the head over ${head.size} entries is in \`${out}\``);
        return;
      }
      output.record(head, {
        entries: head.size,
        'root hash': head.rootHash,
        signed: { atMs: head.at },
        waiting,
      });
    });
}

export function addIssuanceLogPublicKey(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'public-key', {
    summary: 'print the key that verifies heads',
    description:
      'Prints the key that verifies the heads of the log, PEM. To trust nothing but your own copy, use the one that `init` wrote instead.',
    examples: ['fleetward issuance-log public-key > issuance-log-public-key.pem'],
  }).action(async () => {
    const { algorithm, publicKey } = await withApi((api) => api.call(getIssuanceLogHead));
    if (output.json) output.done({ algorithm, publicKey }, '');
    else output.line(encodePem('PUBLIC KEY', fromBase64(publicKey)).trimEnd());
  });
}
