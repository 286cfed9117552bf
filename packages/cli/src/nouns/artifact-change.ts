import { parseSha256, type Sha256 } from '@fleetward/core';
import { type ApiClient, listArtifacts, removeArtifact } from '@fleetward/protocol';
import { describeTarget } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import { parseDurationMs } from '../moment.ts';
import { streamInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { uploadArtifact } from '../upload-artifact.ts';

export function addArtifactUpload(noun: Command, shell: Shell): void {
  addVerb(noun, 'upload <file>', {
    summary: 'upload a file before the release that will name it',
    description:
      'Uploads a file, as `release publish` does for what is missing: a large one can be there before the list that names it is signed. ' +
      'One that broke off goes on where it stopped when it is called again.',
    examples: ['fleetward artifact upload lamp-1.4.2.img'],
  }).action(async (file: string) => {
    if (file === '-') throw new CliError('cli.usage', 'a file is read twice, so it cannot be standard input');
    const content = streamInput(file, shell.terminal);
    const { sha256, length } = await describeTarget('artifact', { content, custom: {} });
    const artifact = { path: file, sha256, lengthBytes: length, label: file };
    const uploaded = await shell.withApi((api) => uploadArtifact(artifact, { api, shell }));
    const from = uploaded.fromByte > 0 ? `, from byte ${uploaded.fromByte} on` : '';
    shell.output.done(uploaded, `\`${sha256}\` is uploaded${from}`);
  });
}

export function addArtifactDelete(noun: Command, { output, terminal, withApi }: Shell): void {
  addVerb(noun, 'delete [sha256...]', {
    summary: 'delete what no published list names, or an upload that broke off',
    description:
      'Deletes artifacts. One that a published list of releases names is refused, since devices are offered it. With `--unlisted`, all that no published list names ' +
      'and that are older than `--older-than`.',
    examples: [
      'fleetward artifact delete 9f86d081884c7d65…',
      'fleetward artifact delete --unlisted --older-than 30d',
    ],
  })
    .option('--unlisted', 'all that no published list of releases names')
    .option('--older-than <duration>', 'of those, the ones stored so long ago', '7d')
    .action(async (digests: readonly string[], flags: { unlisted?: boolean; olderThan: string }) => {
      if (digests.length > 0 === (flags.unlisted === true)) {
        throw new CliError('cli.usage', 'name the SHA-256 of what to delete, or give `--unlisted`');
      }
      const beforeMs = terminal.clock.now() - parseDurationMs(flags.olderThan, '--older-than');
      const deleted = await withApi(async (api) => {
        const chosen = flags.unlisted ? await unlisted(api, beforeMs) : digests.map(parseSha256);
        for (const sha256 of chosen) await api.call(removeArtifact, { params: { sha256 } });
        return chosen;
      });
      const what = deleted.length === 1 ? '1 artifact is' : `${deleted.length} artifacts are`;
      output.done({ deleted }, `${what} deleted`);
    });
}

async function unlisted(api: ApiClient, beforeMs: number): Promise<readonly Sha256[]> {
  const { artifacts } = await api.call(listArtifacts);
  return artifacts
    .filter(({ paths, storedAtMs }) => paths.length === 0 && storedAtMs < beforeMs)
    .map(({ sha256 }) => parseSha256(sha256));
}
