import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import {
  changelogCharactersMax,
  type DocumentKind,
  documentBytesMax,
  documentPath,
  type NewTarget,
  parseSbom,
  type ReleaseRecord,
  verifyProvenance,
} from '@fleetward/updates';
import { CliError, usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { keepArtifact } from './release-artifacts.ts';
import { readReleaseKey } from './release-keys.ts';

/** What `release add` may be told beside the artifact. */
export interface RecordFlags {
  readonly changelog?: string;
  readonly supportUntil?: string;
  readonly sbom?: string;
  readonly provenance?: string;
  readonly provenanceKey?: string;
}

interface Keeping {
  readonly release: NewTarget;
  readonly folder: string;
  readonly terminal: Terminal;
}

/** Checks what is told of a release, and keeps its documents as artifacts beside it. */
export async function keepRecord(
  flags: RecordFlags,
  to: Keeping,
): Promise<{ readonly record: ReleaseRecord; readonly documents: readonly NewTarget[] }> {
  if ((flags.provenance === undefined) !== (flags.provenanceKey === undefined))
    throw usage('`--provenance` and `--provenance-key` go together: an attestation is worth what its key is');
  const changelog =
    flags.changelog === undefined ? undefined : await readChangelog(flags.changelog, to.terminal);
  const sbom = await keepDocument('sbom', flags.sbom, { ...to, check: parseSbom });
  const publicKey = flags.provenanceKey && (await readReleaseKey(flags.provenanceKey, to.terminal));
  const { sha256 } = to.release;
  const provenance =
    publicKey &&
    (await keepDocument('provenance', flags.provenance, {
      ...to,
      check: (bytes) => verifyProvenance(bytes, { publicKey, sha256 }),
    }));
  const { supportUntil } = flags;
  return {
    record: {
      ...(changelog !== undefined && { changelog }),
      ...(supportUntil !== undefined && { supportUntil }),
      ...(sbom && { sbom: sbom.sha256 }),
      ...(provenance && publicKey && { provenance: { sha256: provenance.sha256, publicKey } }),
    },
    documents: [...(sbom ? [sbom] : []), ...(provenance ? [provenance] : [])],
  };
}

async function readChangelog(fileOrText: string, terminal: Terminal): Promise<string> {
  if (!existsSync(fileOrText)) return fileOrText;
  const bytes = await readInput(fileOrText, { terminal, bytesMax: changelogCharactersMax * 4 });
  return Buffer.from(bytes).toString('utf8').trim();
}

async function keepDocument(
  kind: DocumentKind,
  file: string | undefined,
  { release, folder, terminal, check }: Keeping & { readonly check: (bytes: Uint8Array) => unknown },
): Promise<NewTarget | undefined> {
  if (file === undefined) return undefined;
  const bytes = await readInput(file, { terminal, bytesMax: documentBytesMax });
  check(bytes);
  const path = documentPath(release.path, kind);
  const kept = await keepArtifact(file, { folder, path, custom: { document: kind }, terminal });
  if (kept.sha256 === createHash('sha256').update(bytes).digest('hex')) return kept;
  throw new CliError('cli.unreadable', `\`${file}\` was changed while it was read`);
}
