import { fromBase64, parseStrictJson } from '@fleetward/core';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import { jsonLine } from '../printable.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { writeNewFile } from '../write-file.ts';

const fileBytesMax = 65_536;

/** `fleetward release online-keys`: what the platform itself may sign. */
export function addReleaseOnlineKeys(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'online-keys', {
    summary: 'get the keys by which the platform keeps releases fresh',
    description:
      'Gets the public keys with which the platform signs snapshot, timestamp and what it instructs each device to have, for `release init` on a machine that does ' +
      'not reach the platform. They cannot release anything.',
    examples: ['fleetward release online-keys --out online-keys.json'],
  })
    .option('--out <file>', 'a new file; standard output without it')
    .action(async ({ out }: { readonly out?: string }) => {
      const { getOnlineKeys } = await import('@fleetward/protocol');
      const keys = await withApi((api) => api.call(getOnlineKeys));
      if (out === undefined) {
        output.line(jsonLine(keys));
        return;
      }
      writeNewFile(out, `${jsonLine(keys)}\n`);
      output.done({ ...keys, file: out }, `the platform's online keys are in \`${out}\``);
    });
}

/** SubjectPublicKeyInfo, DER, of the online roles. */
export interface OnlineKeys {
  readonly snapshot: Uint8Array;
  readonly timestamp: Uint8Array;
  /** Nothing in the file of a platform that has no director. */
  readonly director?: Uint8Array;
}

/** Reads what `release online-keys` wrote. */
export async function readOnlineKeys(file: string, terminal: Terminal): Promise<OnlineKeys> {
  const bytes = await readInput(file, { terminal, bytesMax: fileBytesMax });
  const text = Buffer.from(bytes).toString('utf8').trim();
  const value = parseStrictJson(text, { bytesMax: fileBytesMax, depthMax: 4 });
  return {
    snapshot: keyOf(value, 'snapshot'),
    timestamp: keyOf(value, 'timestamp'),
    ...(memberOf(value, 'director') !== undefined && { director: keyOf(value, 'director') }),
  };
}

function keyOf(value: unknown, role: keyof OnlineKeys): Uint8Array {
  const publicKey = memberOf(memberOf(value, role), 'publicKey');
  if (typeof publicKey === 'string') return fromBase64(publicKey);
  throw new CliError('cli.unreadable', `the online keys name no \`${role}\` key (\`--online-keys\`)`, {
    hint: 'get them with `fleetward release online-keys --out FILE`',
  });
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name)
    ? (value as Readonly<Record<string, unknown>>)[name]
    : undefined;
}
