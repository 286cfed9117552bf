import { fromBase64 } from '@fleetward/core';
import { encodePem } from '@fleetward/pki';
import { createTrailCheckpoint, exportTrail, getTrailPublicKey } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { jsonLine } from '../printable.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { writeStream } from '../write-stream.ts';

export function addTrailExport(noun: Command, { terminal, output, withApi }: Shell): void {
  addVerb(noun, 'export', {
    summary: 'export the whole trail with its checkpoints',
    description:
      'Exports the trail as JSON lines for `trail verify`, up to a checkpoint signed now. With `--out` into a new private file, ' +
      'otherwise to standard output.',
    examples: ['fleetward trail export --out trail.jsonl', 'fleetward trail export | gzip > trail.jsonl.gz'],
  })
    .option('--out <file>', 'a new file')
    .action(async ({ out }: { readonly out?: string }) => {
      await withApi(async (api) => {
        const { bytes } = await api.download(exportTrail);
        await writeStream(bytes, { out, terminal });
      });
      if (out !== undefined) output.done({ file: out, outcome: 'exported' }, `the trail is in \`${out}\``);
    });
}

export function addTrailCheckpoint(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'checkpoint', {
    summary: 'sign a checkpoint now, to be kept elsewhere',
    description:
      'Signs a checkpoint of the trail now. Kept outside of the platform, it finds later whether the trail up to it was rewritten, also by ' +
      'somebody who took the signing key.',
    examples: ['fleetward trail checkpoint --out checkpoint-may.json'],
  })
    .option('--out <file>', 'a new file')
    .action(async ({ out }: { readonly out?: string }) => {
      const { checkpoint } = await withApi((api) => api.call(createTrailCheckpoint));
      if (checkpoint === undefined) {
        output.done({}, 'the trail is empty: there is nothing to vouch for');
        return;
      }
      if (out === undefined) {
        output.line(jsonLine(checkpoint));
        return;
      }
      writeNewFile(out, `${jsonLine(checkpoint)}\n`);
      output.done({ ...checkpoint, file: out }, `the checkpoint at entry ${checkpoint.seq} is in \`${out}\``);
    });
}

export function addTrailPublicKey(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'public-key', {
    summary: 'print the key that verifies checkpoints',
    description:
      'Prints the key that verifies checkpoints, PEM. To trust nothing but your own copy, use the one that `init` wrote instead.',
    examples: ['fleetward trail public-key > trail-public-key.pem'],
  }).action(async () => {
    const key = await withApi((api) => api.call(getTrailPublicKey));
    if (output.json) output.done(key, '');
    else output.line(encodePem('PUBLIC KEY', fromBase64(key.publicKey)).trimEnd());
  });
}
