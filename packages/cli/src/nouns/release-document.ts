import { createHash } from 'node:crypto';
import { getRelease, getReleaseDocument } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError, usage } from '../errors.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';

interface DocumentVerb {
  readonly kind: 'sbom' | 'provenance';
  readonly what: string;
  readonly description: string;
}

/** `fleetward release sbom`: what a release is made of. */
export function addReleaseSbom(noun: Command, shell: Shell): void {
  addDocumentVerb(noun, shell, {
    kind: 'sbom',
    what: 'bill of materials',
    description: 'Gets the bill of materials (CycloneDX, JSON) that a published release links to',
  });
}

/** `fleetward release provenance`: who built it, and from what. */
export function addReleaseProvenance(noun: Command, shell: Shell): void {
  addDocumentVerb(noun, shell, {
    kind: 'provenance',
    what: 'attestation',
    description:
      'Gets the attestation of its build (in-toto in DSSE, JSON) that a published release links to',
  });
}

function addDocumentVerb(noun: Command, shell: Shell, { kind, what, description }: DocumentVerb): void {
  addVerb(noun, `${kind} <path>`, {
    summary: `get the ${what} of a published release`,
    description: `${description}, and compares it with the SHA-256 that the platform tells of the release.`,
    examples: [`fleetward release ${kind} lamp/1.5.0/lamp-1.5.0.img --out lamp-1.5.0.${kind}.json`],
  })
    .option('--out <file>', 'a new file; standard output without it')
    .action(async (path: string, { out }: { readonly out?: string }) => {
      if (out !== undefined) assertNewFile(out);
      const { sha256, bytes } = await readDocument(shell, { path, kind, what });
      if (out === undefined) {
        shell.output.line(Buffer.from(bytes).toString('utf8').replace(/\n$/, ''));
        return;
      }
      writeNewFile(out, bytes);
      const done = { path, kind, sha256, lengthBytes: bytes.length, file: out };
      shell.output.done(done, `the ${what} of \`${path}\` is in \`${out}\``);
    });
}

function readDocument(
  { withApi }: Shell,
  { path, kind, what }: Omit<DocumentVerb, 'description'> & { readonly path: string },
) {
  return withApi(async (api) => {
    const link = (await api.call(getRelease, { params: { '*': path } }))[kind];
    if (link === undefined)
      throw usage(
        `\`${path}\` has no ${what}`,
        `\`fleetward release add --${kind} FILE\` gives a release one`,
      );
    const bytes = await api.call(getReleaseDocument, { params: { kind, '*': path } });
    if (createHash('sha256').update(bytes).digest('hex') !== link.sha256)
      throw new CliError('cli.unreadable', `the ${what} that came is not the one that \`${path}\` links to`, {
        hint: 'it was replaced in the meantime, or the platform is not to be trusted: try again',
      });
    return { sha256: link.sha256, bytes };
  });
}
