import { type CertificateId, counted, fromBase64, parseSha256, toHex } from '@fleetward/core';
import {
  type ApiClient,
  entryHash,
  getIssuanceLogHead,
  type IssuanceLogEntry,
  isTreeHeadSigned,
  listCas,
  listCertificates,
  listIssuanceLogEntries,
  type TreeHead,
  TreeRoot,
} from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { CliError } from '../errors.ts';
import { readPages } from '../pages.ts';
import { jsonLine } from '../printable.ts';
import type { Shell } from '../shell.ts';
import { writeNewFile } from '../write-file.ts';
import { readHead } from './issuance-log-files.ts';
import { readPublicKey } from './trail-key.ts';

interface AuditFlags {
  readonly key?: string;
  readonly since?: string;
  readonly out?: string;
}

/** What an audit came to; `missing` are certificates of the registry that have no entry. */
interface Audit {
  readonly entries: number;
  readonly registered: number;
  readonly missing: readonly string[];
  readonly flaw?: string;
}

const pageMax = 1_000;
const missingShownMax = 20;
/** A certificate younger than the head by no more than this may still wait for its entry. */
const entryDelayMsMax = 60_000;

/** `fleetward issuance-log audit`: reads the whole log and holds it to its head, to an older head and to the registry. */
export function addIssuanceLogAudit(noun: Command, shell: Shell): void {
  addVerb(noun, 'audit', {
    summary: 'read the whole log and hold it to its head, an older head and the registry',
    description:
      'Reads every entry, computes the root and holds it to the signed head; with `--since` the entries under an older head must be the ' +
      'same as then. Every certificate and CA of the registry must have its entry: one without is an incident. Exit code 0: all is well; ' +
      '1: it is not, with what is wrong.',
    examples: [
      'fleetward issuance-log audit --key issuance-log-public-key.pem --since head-may.json --out head-june.json',
      'fleetward issuance-log audit --json',
    ],
  })
    .option('--key <file>', 'the log’s key, as `init` wrote it; without it, the one the platform tells')
    .option('--since <head>', 'a head kept from before')
    .option('--out <file>', 'a new file for the head that was audited, for the next `--since`')
    .action(async (flags: AuditFlags) => {
      const since = flags.since === undefined ? undefined : await readHead(flags.since, shell.terminal);
      const key = flags.key === undefined ? undefined : await readPublicKey(flags.key, shell.terminal);
      const { head, audit } = await shell.withApi(async (api) => {
        const answer = await api.call(getIssuanceLogHead);
        const head = { ...answer.head, rootHash: parseSha256(answer.head.rootHash) };
        const publicKey = key ?? fromBase64(answer.publicKey);
        return { head, audit: await auditLog(api, { head, publicKey, since }) };
      });
      const isWell = audit.flaw === undefined && audit.missing.length === 0;
      if (isWell && flags.out !== undefined) writeNewFile(flags.out, `${jsonLine(head)}\n`);
      show(audit, { head, isOwnKey: key !== undefined, shell });
      if (!isWell) shell.exitWith(1);
    });
}

interface AuditParts {
  readonly head: TreeHead;
  readonly publicKey: Uint8Array;
  readonly since: TreeHead | undefined;
}

async function auditLog(api: ApiClient, parts: AuditParts): Promise<Audit> {
  const { head, publicKey, since } = parts;
  const logged = new Set<string>();
  const none = { entries: 0, registered: 0, missing: [] };
  if (!isTreeHeadSigned(head, publicKey)) return { ...none, flaw: 'the head is not signed by the log’s key' };
  if (since !== undefined && !isTreeHeadSigned(since, publicKey))
    return { ...none, flaw: 'the older head is not signed by the log’s key: it is of another platform' };
  if (since !== undefined && since.size > head.size)
    return {
      ...none,
      flaw: `the log had ${counted(since.size, 'entry', 'entries')} and has ${head.size} now: some were taken back`,
    };
  const flaw = await entriesFlaw(api, { ...parts, logged });
  const registered = await registeredIds(api);
  const missing = registered
    .filter(({ issuedAtMs }) => issuedAtMs < head.at - entryDelayMsMax)
    .filter(({ certificateId }) => !logged.has(certificateId))
    .map(({ certificateId }) => certificateId);
  const audit = { entries: logged.size, registered: registered.length, missing };
  return flaw === undefined ? audit : { ...audit, flaw };
}

async function entriesFlaw(
  api: ApiClient,
  { head, since, logged }: AuditParts & { readonly logged: Set<string> },
): Promise<string | undefined> {
  const tree = new TreeRoot();
  if (since?.size === 0 && toHex(tree.root()) !== since.rootHash)
    return 'the older head is not one of an empty log';
  for await (const entry of entriesOf(api, head.size)) {
    if (logged.has(entry.certificateId)) return `certificate \`${entry.certificateId}\` has two entries`;
    logged.add(entry.certificateId);
    tree.append(entryHash(entry));
    if (tree.size === since?.size && toHex(tree.root()) !== since.rootHash)
      return `the log does not begin with the older head’s ${counted(since.size, 'entry', 'entries')}: some were changed or taken back`;
  }
  if (toHex(tree.root()) !== head.rootHash) return 'the entries do not have the root that was signed';
  return undefined;
}

/** In order and without a gap, as far as the head covers them. */
async function* entriesOf(api: ApiClient, size: number): AsyncGenerator<IssuanceLogEntry, void, undefined> {
  for (let from = 0; from < size; ) {
    const limit = Math.min(pageMax, size - from);
    const { entries } = await api.call(listIssuanceLogEntries, { query: { from, limit } });
    if (entries.length === 0) throw incomplete(from, size);
    for (const [place, entry] of entries.entries()) {
      if (entry.index !== from + place) throw incomplete(from + place, size);
      yield { ...entry, certificateId: entry.certificateId as CertificateId };
    }
    from += entries.length;
  }
}

function incomplete(index: number, size: number): CliError {
  return new CliError('cli.log_incomplete', `the platform does not give entry ${index} of ${size}`, {
    hint: 'the log is damaged, or somebody holds it back: compare it with your backups',
  });
}

async function registeredIds(
  api: ApiClient,
): Promise<readonly { readonly certificateId: string; readonly issuedAtMs: number }[]> {
  const { items } = await readPages(Number.POSITIVE_INFINITY, async (query) => {
    const { certificates, next } = await api.call(listCertificates, { query });
    return { items: certificates, next };
  });
  const { cas } = await api.call(listCas);
  const ofCas = cas.map(({ certificateId, createdAtMs }) => ({
    certificateId,
    issuedAtMs: createdAtMs,
  }));
  // What vendors issued is not in it; one of a CA of the platform that only says so is.
  const ids = new Set(cas.map(({ certificateId }) => certificateId));
  const own = items.filter(({ profile, issuerId }) => profile !== 'vendor' || ids.has(issuerId));
  return [...ofCas, ...own];
}

function show(
  { missing, flaw, ...audit }: Audit,
  { head, isOwnKey, shell }: { readonly head: TreeHead; readonly isOwnKey: boolean; readonly shell: Shell },
): void {
  const { output } = shell;
  const isWell = flaw === undefined && missing.length === 0;
  const kind = isWell ? 'whole' : 'broken';
  const why =
    flaw ??
    (isWell ? undefined : `without an entry: ${counted(missing.length, 'certificate')} of the registry`);
  const shown = missing.slice(0, missingShownMax).join(' ');
  output.record(
    {
      kind,
      ...(why === undefined ? {} : { reason: why }),
      ...audit,
      missing,
      head,
      keyFrom: isOwnKey ? 'file' : 'platform',
    },
    {
      log: output.mark(kind, isWell ? 'green' : 'red'),
      ...(why === undefined ? {} : { why }),
      entries: audit.entries,
      'in the registry': audit.registered,
      ...(missing.length === 0 ? {} : { 'without entry': shown }),
      'root hash': head.rootHash,
      signed: { atMs: head.at },
      key: isOwnKey ? 'yours, of `--key`' : 'told by the audited platform itself',
    },
  );
  if (!isOwnKey)
    output.note(
      'whoever has the platform in their hands can have told another key, and another log: give the one that `init` wrote, kept elsewhere, with `--key`',
    );
}
