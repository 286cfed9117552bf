import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createFolderDurably } from '@fleetward/core/durable-file';
import type { Shell } from '../shell.ts';
import { unwritable, writeNewFile } from '../write-file.ts';
import type { IssueFlags, IssueResult, WantedCertificate } from './cert-issue.ts';
import { issueAll } from './cert-issue.ts';
import { type BadRow, type CsvRow, countRows, readRows } from './cert-issue-csv.ts';
import { type IssuedLife, lifeOf } from './issued-life.ts';
import { csrOf, makeLocalKey, readLocalKey } from './local-key.ts';

/** What became of one line. */
type Outcome =
  | ({
      readonly outcome: 'issued' | 'repeated';
      readonly line: number;
      readonly name: string;
      readonly certificateId: string;
      readonly file: string;
    } & IssuedLife)
  | { readonly outcome: 'present' | 'would-issue'; readonly line: number; readonly name: string }
  | {
      readonly outcome: 'refused';
      readonly line: number;
      readonly name?: string;
      readonly reason: string;
      readonly explanation: string;
    };

// Below the platform's bounds on one request: a hundred certificates, 256 KiB.
const requestsMax = 100;
const charactersMax = 200_000;

interface Batch {
  readonly rows: { readonly row: CsvRow; readonly request: WantedCertificate }[];
  characters: number;
}

/** Issues a certificate for each line; a line whose `NAME.pem` is there already is passed over, so that it can be run again. */
export async function issueFromCsv(file: string, flags: IssueFlags, shell: Shell): Promise<void> {
  const folder = flags.out ?? '.';
  if (flags.dryRun !== true) makeFolder(folder);
  const tally = newTally(shell, isDrawn(shell) ? await countRows(file, shell.terminal) : undefined);
  try {
    await issueRows(file, { flags, folder, shell, tally });
  } finally {
    tally.clear();
  }
  if (tally.refused > 0) shell.exitWith(1);
  shell.output.note(tally.sentence());
  if (tally.cut > 0)
    shell.output.note(
      `certificates that end with the CA that issued them, earlier than by their days: ${tally.cut}`,
    );
}

async function issueRows(
  file: string,
  {
    flags,
    folder,
    shell,
    tally,
  }: {
    readonly flags: IssueFlags;
    readonly folder: string;
    readonly shell: Shell;
    readonly tally: ReturnType<typeof newTally>;
  },
): Promise<void> {
  const seen = { names: new Map<string, number>(), keys: new Map<string, number>() };
  let batch: Batch = { rows: [], characters: 0 };
  const send = async (): Promise<void> => {
    try {
      for (const outcome of await issueBatch(batch, { folder, shell })) tally.add(outcome);
    } catch (error) {
      tally.clear();
      shell.output.note(
        `stopped after ${tally.sentence()}: run the same command again, and it goes on where it stopped`,
      );
      throw error;
    }
    batch = { rows: [], characters: 0 };
  };
  for await (const row of readRows(file, { flags, terminal: shell.terminal })) {
    const early = earlyOutcome(row, { seen, folder, isDry: flags.dryRun === true });
    if (early !== undefined || row.kind === 'bad') {
      if (early !== undefined) tally.add(early);
      continue;
    }
    const request = { ...row.wanted, csr: row.csr ?? (await csrWithOwnKey(row, { flags, folder })) };
    if (batch.characters + request.csr.length > charactersMax) await send();
    batch.rows.push({ row, request });
    batch.characters += request.csr.length;
    if (batch.rows.length >= requestsMax) await send();
  }
  await send();
}

/** What is known of a line without asking the platform. */
function earlyOutcome(
  row: CsvRow | BadRow,
  {
    seen,
    folder,
    isDry,
  }: {
    readonly seen: Readonly<Record<'names' | 'keys', Map<string, number>>>;
    readonly folder: string;
    readonly isDry: boolean;
  },
): Outcome | undefined {
  const { line } = row;
  if (row.kind === 'bad')
    return { outcome: 'refused', line, reason: row.reason, explanation: row.explanation };
  const { name, keyHash } = row;
  const refused = { outcome: 'refused', line, name } as const;
  const sameName = seen.names.get(name);
  if (sameName !== undefined)
    return { ...refused, reason: 'name_twice', explanation: `line ${sameName} has the same name` };
  seen.names.set(name, line);
  // Of two that are sent together the platform takes neither, whoever of them is meant.
  const sameKey = isDry && keyHash !== undefined ? seen.keys.get(keyHash) : undefined;
  if (sameKey !== undefined)
    return { ...refused, reason: 'key_in_use', explanation: `line ${sameKey} has the same key` };
  if (keyHash !== undefined) seen.keys.set(keyHash, line);
  if (existsSync(join(folder, `${name}.pem`))) return { outcome: 'present', line, name };
  return isDry ? { outcome: 'would-issue', line, name } : undefined;
}

/** The key that an interrupted run left, or a new one; it is durable before anybody certifies it. */
async function csrWithOwnKey(
  { name }: CsvRow,
  { flags, folder }: { readonly flags: IssueFlags; readonly folder: string },
): Promise<string> {
  const path = join(folder, `${name}.key`);
  if (existsSync(path)) return csrOf(readLocalKey(readFileSync(path), path), name);
  const key = makeLocalKey(flags.algorithm);
  writeNewFile(path, key.pem);
  return csrOf(key, name);
}

async function issueBatch(
  { rows }: Batch,
  { folder, shell }: { readonly folder: string; readonly shell: Shell },
): Promise<readonly Outcome[]> {
  if (rows.length === 0) return [];
  const requests = rows.map(({ request }) => request);
  const results = await shell.withApi((api) => issueAll(api, requests));
  return rows.map(({ row }, at) => kept(row, results[at], folder));
}

function kept({ line, name }: CsvRow, result: IssueResult | undefined, folder: string): Outcome {
  if (result === undefined) throw new TypeError('an answer without a result');
  if (result.outcome === 'refused') {
    const { reason, explanation } = result;
    return { outcome: 'refused', line, name, reason, explanation };
  }
  const file = join(folder, `${name}.pem`);
  writeNewFile(file, result.chain);
  const { outcome, certificateId } = result;
  return { outcome, line, name, certificateId, file, ...lifeOf(result.chain) };
}

function makeFolder(folder: string): void {
  try {
    createFolderDurably(folder);
  } catch (cause) {
    throw unwritable(folder, cause);
  }
}

function isDrawn({ terminal, output }: Shell): boolean {
  return terminal.stderr.isTTY === true && !output.json;
}

/** Counts, tells each outcome to programs and each refusal to people, and draws how far it is at a terminal. */
function newTally(shell: Shell, total: number | undefined) {
  const { terminal, output } = shell;
  const counts = new Map<Outcome['outcome'], number>();
  let cut = 0;
  const drawn = isDrawn(shell);
  let done = 0;
  const sentence = () =>
    [...counts].map(([outcome, count]) => `${count} ${outcome}`).join(', ') || 'no lines';
  return {
    get refused(): number {
      return counts.get('refused') ?? 0;
    },
    get cut(): number {
      return cut;
    },
    add(outcome: Outcome): void {
      if ('endsWithIssuer' in outcome) cut++;
      counts.set(outcome.outcome, (counts.get(outcome.outcome) ?? 0) + 1);
      done++;
      const progress = `${total === undefined ? '' : `${done} of ${total}: `}${sentence()}`;
      if (drawn) terminal.stderr.write(`\r\u001b[K${outcome.outcome === 'refused' ? '' : progress}`);
      if (output.json) output.done(outcome, '');
      else if (outcome.outcome === 'refused')
        output.note(`line ${outcome.line}: ${outcome.reason}: ${outcome.explanation}`);
    },
    clear(): void {
      if (drawn) terminal.stderr.write('\r\u001b[K');
    },
    sentence,
  };
}
