import { parseStrictJson } from '@fleetward/core';
import { type TrailCheckpoint, verifyTrailExport } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import { readInput, streamInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { readPublicKey } from './trail-key.ts';
import { showVerdict } from './trail-verdict.ts';

interface VerifyFlags {
  readonly key: string;
  readonly expected?: string;
}

const checkpointBytesMax = 16_384;

/** `fleetward trail verify`: checks an export without a platform. */
export function addTrailVerify(noun: Command, shell: Shell): void {
  const { terminal } = shell;
  addVerb(noun, 'verify <file>', {
    summary: 'verify an exported trail, without a platform',
    description:
      'Verifies an export: every link of the chain, every payload that is not erased, every checkpoint’s signature. A checkpoint kept from ' +
      'before also finds a trail that was rewritten as a whole by somebody who holds the key. Exit code 0: intact; 1: broken, with ' +
      'the place; 2: a file cannot be read.',
    examples: [
      'fleetward trail verify trail.jsonl --key trail-public-key.pem',
      'fleetward trail verify trail.jsonl --key trail-public-key.pem --expected checkpoint-may.json --json',
    ],
  })
    .requiredOption('--key <file>', 'the checkpoint key, as `init` wrote it')
    .option('--expected <checkpoint>', 'a checkpoint kept from before, as `trail checkpoint` wrote it')
    .action(async (file: string, flags: VerifyFlags) => {
      const publicKey = await readPublicKey(flags.key, terminal);
      const expected =
        flags.expected === undefined ? {} : { expected: await readCheckpoint(flags.expected, terminal) };
      const head: Uint8Array[] = [];
      const bytes = keepingHead(streamInput(file, terminal), head);
      const verdict = await verifyTrailExport(bytes, { publicKey, ...expected });
      if (verdict.kind === 'broken' && verdict.seq === 0) assertTrailLike(file, Buffer.concat(head));
      showVerdict(verdict, shell);
    });
}

const headBytes = 512;

/** Passes bytes on and keeps the first chunks of them. */
async function* keepingHead(bytes: AsyncIterable<Uint8Array>, head: Uint8Array[]) {
  let length = 0;
  for await (const chunk of bytes) {
    if (length < headBytes) head.push(chunk.subarray(0, headBytes - length));
    length += chunk.length;
    yield chunk;
  }
}

/** A file that has nothing of a trail was mistaken for one; a trail with a damaged first entry still has its members. */
function assertTrailLike(file: string, head: Buffer): void {
  if (head.length === 0 || /"(?:entry|checkpoint|payloadHash)"/.test(head.toString('latin1'))) return;
  throw new CliError('cli.unreadable', `\`${file}\` is not an exported trail`, {
    hint: 'give a file that `fleetward trail export --out FILE` wrote',
  });
}

/** The shape is checked by the verifier, which throws when it is not a checkpoint's. */
async function readCheckpoint(file: string, terminal: Terminal): Promise<TrailCheckpoint> {
  const bytes = await readInput(file, { terminal, bytesMax: checkpointBytesMax });
  const text = Buffer.from(bytes).toString('utf8').trim();
  const value = parseStrictJson(text, { bytesMax: checkpointBytesMax, depthMax: 4 });
  if (typeof value !== 'object' || value === null || !('signature' in value)) {
    throw new CliError('cli.unreadable', `\`${file}\` is not a checkpoint (\`--expected\`)`);
  }
  return value as unknown as TrailCheckpoint;
}
