import { parseSha256 } from '@fleetward/core';
import { getArtifact, listArtifacts } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

export function addArtifactList(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list what the platform keeps, and what no release names',
    description:
      'Lists the artifacts with the releases that name them, and uploads that broke off. What no published list names is offered to no device: ' +
      '`artifact delete` deletes it, `artifact delete --unlisted` all of it.',
    examples: ['fleetward artifact list'],
  }).action(async () => {
    const { artifacts, unfinished } = await withApi((api) => api.call(listArtifacts));
    const rows = [
      ...artifacts.map((artifact) => ({
        ...artifact,
        state: artifact.paths.length > 0 ? 'listed' : 'unlisted',
      })),
      ...unfinished.map(({ changedAtMs, ...upload }) => ({
        ...upload,
        storedAtMs: changedAtMs,
        paths: [],
        state: 'unfinished',
      })),
    ];
    output.list(
      rows,
      {
        'SHA-256': (row) => row.sha256,
        bytes: (row) => row.lengthBytes,
        state: (row) => row.state,
        stored: (row) => ({ atMs: row.storedAtMs }),
        path: (row) => row.paths.join(' '),
      },
      'no artifacts',
    );
  });
}

export function addArtifactShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <sha256>', {
    summary: 'show an artifact, its digests and the releases that name it',
    description:
      'Shows an artifact. SHA-1 and MD5 are for clients that ask for them; devices trust the SHA-256 of the signed list alone.',
    examples: ['fleetward artifact show 9f86d081884c7d65…'],
  }).action(async (digest: string) => {
    const params = { sha256: parseSha256(digest) };
    const artifact = await withApi((api) => api.call(getArtifact, { params }));
    output.record(artifact, {
      'SHA-256': artifact.sha256,
      'SHA-1': artifact.sha1,
      MD5: artifact.md5,
      bytes: artifact.lengthBytes,
      stored: { atMs: artifact.storedAtMs },
      paths: artifact.paths.join(' '),
    });
  });
}
