import { toBase64 } from '@fleetward/core';
import { documentPath } from '@fleetward/updates';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import type { Shell } from '../shell.ts';
import { readListed } from './release-read.ts';
import type { ListedTarget } from './release-targets.ts';

/** `fleetward release show`: all that a release says of itself. */
export function addReleaseShow(noun: Command, shell: Shell): void {
  addVerb(noun, 'show <path>', {
    summary: 'show what a release says of itself',
    description:
      'Shows one release as it was signed: for what it is, its changelog, until when it is supported, and the SHA-256 of its bill of materials and its attestation. ' +
      'From the platform, or with `--folder` from a folder of releases.',
    examples: [
      'fleetward release show lamp/1.5.0/lamp-1.5.0.img',
      'fleetward release show lamp/1.5.0/lamp-1.5.0.img --folder releases',
    ],
  })
    .option('--folder <folder>', 'a folder of releases; the platform without it')
    .action(async (path: string, { folder }: { readonly folder?: string }) => {
      const { targets } = await readListed(folder, shell);
      const target = targets.find((listed) => listed.path === path);
      if (target === undefined)
        throw new CliError('cli.not_found', `there is no release \`${path}\``, {
          hint: '`fleetward release list` shows their paths',
        });
      showTarget(target, shell);
    });
}

function showTarget({ path, lengthBytes, sha256, release, record }: ListedTarget, { output }: Shell): void {
  const { changelog, supportUntil, sbom, provenance, awsOta } = record;
  const documents = {
    ...(sbom && { sbom: { path: documentPath(path, 'sbom'), sha256: sbom } }),
    ...(provenance && {
      provenance: {
        path: documentPath(path, 'provenance'),
        sha256: provenance.sha256,
        publicKey: toBase64(provenance.publicKey),
      },
    }),
    ...(awsOta && { awsOta: { ...awsOta, signature: toBase64(awsOta.signature) } }),
  };
  output.record(
    { path, lengthBytes, sha256, ...release, changelog, supportUntil, ...documents },
    {
      path,
      product: release?.product,
      version: release?.version,
      component: release && (release.component ?? 'firmware'),
      'security version': release?.securityVersion,
      hardware: release?.hardware.join(' '),
      bytes: lengthBytes,
      'SHA-256': sha256,
      'supported until': supportUntil,
      SBOM: documents.sbom && `${documents.sbom.path} (${documents.sbom.sha256})`,
      provenance: documents.provenance && `${documents.provenance.path} (${documents.provenance.sha256})`,
      'for AWS OTA': awsOta && `signed, to be checked with \`${awsOta.certFile}\``,
    },
  );
  if (changelog !== undefined && !output.json) output.note(`\n${changelog.trimEnd()}`);
}
