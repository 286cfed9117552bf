import { rmSync } from 'node:fs';
import { issueCertificates, type Part } from '@fleetward/protocol';
import { type Command, Option } from 'commander';
import { addVerb, repeatable, whole } from '../define.ts';
import { usage } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { type CaAlgorithm, caAlgorithmNames, noteExperimental } from './ca-algorithms.ts';
import { issueFromCsv } from './cert-issue-bulk.ts';
import { type IssuedLife, lifeOf } from './issued-life.ts';
import { csrOf, type LocalKey, makeLocalKey } from './local-key.ts';

export type WantedCertificate = Part<(typeof issueCertificates)['body']>['requests'][number];
export type IssueResult = Part<(typeof issueCertificates)['answer']>['results'][number];

type Issued = Exclude<IssueResult, { outcome: 'refused' }>;

export interface IssueFlags {
  readonly csr?: string;
  readonly keygen?: string | true;
  readonly algorithm: CaAlgorithm;
  readonly csv?: string;
  readonly dryRun?: boolean;
  readonly name?: string;
  readonly profile?: NonNullable<WantedCertificate['profile']>;
  readonly policy?: readonly string[];
  readonly days?: number;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
  readonly out?: string;
}

export const csrBytesMax = 24_000;
export const daysMax = 3_660;
const profiles = ['device', 'tpm-device', 'operator', 'server'] as const;

/** `fleetward cert issue`: certificates without enrolment. */
export function addCertIssue(noun: Command, shell: Shell): void {
  addVerb(noun, 'issue', {
    summary: 'issue certificates for CSRs, one or many',
    description:
      'Issues a certificate for a CSR, or with `--keygen` for a key that is made on this machine: the platform gets the CSR and never ' +
      'sees the key. The chain is printed or written to `--out`. A device gets its thing, and the policies given here are attached. ' +
      'With `--csv` it does so for each line of a file with the columns `name`, `csr`, `profile`, `policies` (separated by blanks) and ' +
      '`days`, all but `name` or `csr` optional, and writes `NAME.pem` (and `NAME.key`) into the folder `--out`; run again it goes on ' +
      'where it stopped. What the command line says holds for lines that do not say it. Exit code 1: something was refused.',
    examples: [
      'fleetward cert issue --csr pump-17.csr --policy pumps --out pump-17.pem',
      'fleetward cert issue --name pump-17 --keygen pump-17.key --out pump-17.pem',
      'fleetward cert issue --name gateway --profile server --dns gw.example --csr gw.csr',
      'fleetward cert issue --csv devices.csv --keygen --policy pumps --out issued --dry-run',
    ],
  })
    .option('--csr <file>', 'the request, PEM; `-` reads standard input')
    .option('--keygen [file]', 'make a key here; written to the file (mode 0600), or printed this once')
    .addOption(
      new Option('--algorithm <name>', 'of a key that is made')
        .choices(caAlgorithmNames)
        .default('ecdsa-p256'),
    )
    .option('--name <name>', 'of the thing, or whom it is for; else the CSR’s common name')
    .addOption(new Option('--profile <profile>', 'what it is for; device if not given').choices(profiles))
    .addOption(repeatable('--policy <name>', 'a policy to attach'))
    .addOption(
      whole('--days <count>', {
        description: 'how long it is valid, never longer than the CA; else the setting of its profile',
        min: 1,
        max: daysMax,
      }),
    )
    .addOption(repeatable('--dns <name>', 'a DNS name of a server or device'))
    .addOption(repeatable('--ip <address>', 'an IP address of a server or device'))
    .option('--csv <file>', 'a line for each certificate; `--out` is a folder then')
    .option('--dry-run', 'with `--csv`: look at every line and ask the platform for nothing')
    .option('--out <file>', 'where the chain goes, PEM; never over a file that is there')
    .action(async (flags: IssueFlags) => {
      assertFlags(flags);
      await (flags.csv === undefined ? issueOne(flags, shell) : issueFromCsv(flags.csv, flags, shell));
    });
}

function assertFlags({ csr, keygen, csv, dryRun, name, out }: IssueFlags): void {
  if (csv !== undefined) {
    if (csr !== undefined || name !== undefined || typeof keygen === 'string')
      throw usage(
        '`--csv` says for itself which names and CSRs',
        'leave out `--csr`, `--name` and the file of `--keygen`',
      );
    if (out === undefined) throw usage('`--csv` needs the folder `--out`');
    return;
  }
  if (dryRun === true) throw usage('`--dry-run` is for `--csv`');
  if ((csr === undefined) === (keygen === undefined))
    throw usage('give `--csr FILE` or `--keygen`, and not both');
  if (keygen !== undefined && name === undefined) throw usage('`--keygen` needs `--name`');
}

async function issueOne(flags: IssueFlags, { terminal, output, withApi, exitWith }: Shell): Promise<void> {
  for (const path of [flags.out, flags.keygen]) if (typeof path === 'string') assertNewFile(path);
  if (flags.keygen !== undefined) noteExperimental(flags.algorithm, output);
  const key = flags.keygen === undefined ? undefined : makeLocalKey(flags.algorithm);
  const csr = key === undefined ? await readCsr(flags, terminal) : await csrOf(key, flags.name ?? '');
  // Before anybody certifies it: what is lost afterwards cannot be had again.
  if (key !== undefined && typeof flags.keygen === 'string') writeNewFile(flags.keygen, key.pem);
  const result = await withApi((api) => issueAll(api, [{ ...wishesOf(flags), csr }]).then(([only]) => only));
  if (result === undefined) throw new TypeError('an answer without a result');
  if (result.outcome === 'refused') {
    // Nobody certified it: it is of no use, and in the way of another attempt.
    if (typeof flags.keygen === 'string') rmSync(flags.keygen);
    output.record(result, { ...result, outcome: output.mark('refused', 'red') });
    exitWith(1);
    return;
  }
  if (flags.out !== undefined) writeNewFile(flags.out, result.chain);
  const printedKey = key !== undefined && flags.keygen === true ? key : undefined;
  show(result, { flags, printedKey, output });
}

function show(
  result: Issued,
  shown: {
    readonly flags: IssueFlags;
    readonly printedKey: LocalKey | undefined;
    readonly output: Shell['output'];
  },
): void {
  const { flags, printedKey, output } = shown;
  const key = printedKey === undefined ? {} : { privateKey: printedKey.pem };
  const life = lifeOf(result.chain);
  const end = { atMs: life.notAfterMs };
  if (output.json || flags.out !== undefined) {
    const { outcome, name, certificateId: certificate } = result;
    output.record({ ...result, ...life, ...key }, { outcome, name, certificate, 'valid until': end });
    if (!output.json && printedKey !== undefined) output.line(printedKey.pem.trimEnd());
    noteCut(life, output);
    noteOthers(result, output);
    return;
  }
  if (printedKey !== undefined) output.line(printedKey.pem.trimEnd());
  output.line(result.chain.trimEnd());
  output.note(
    `certificate \`${result.certificateId}\` of \`${result.name}\`, valid until ${output.text(end)}${printedKey === undefined ? '' : '; the key above is not shown again'}`,
  );
  noteCut(life, output);
  noteOthers(result, output);
}

function noteCut({ endsWithIssuer }: IssuedLife, output: Shell['output']): void {
  if (endsWithIssuer) output.note('it ends with the CA that issued it, earlier than it would by its days');
}

/** So that nobody replaces a device and leaves the old one its say. */
function noteOthers({ name, otherCertificateIds: ids = [] }: Issued, output: Shell['output']): void {
  if (ids.length === 0) return;
  const listed = ids.map((id) => `\`${id}\``).join(', ');
  output.note(`\`${name}\` is also spoken for by ${listed}: revoke what it does not use`);
}

async function readCsr({ csr = '-' }: IssueFlags, terminal: Shell['terminal']): Promise<string> {
  return Buffer.from(await readInput(csr, { terminal, bytesMax: csrBytesMax })).toString('utf8');
}

type Wishes = Omit<WantedCertificate, 'csr'>;

/** What the command line says of every certificate. */
export function wishesOf({ name, profile, policy, days, dns, ip }: IssueFlags): Wishes {
  return {
    ...(name === undefined ? {} : { name }),
    ...(profile === undefined ? {} : { profile }),
    ...(policy === undefined ? {} : { policyNames: [...policy] }),
    ...(days === undefined ? {} : { validityDays: days }),
    ...(dns === undefined ? {} : { dnsNames: [...dns] }),
    ...(ip === undefined ? {} : { ipAddresses: [...ip] }),
  };
}

type Api = Parameters<Parameters<Shell['withApi']>[0]>[0];

export async function issueAll(api: Api, requests: WantedCertificate[]): Promise<readonly IssueResult[]> {
  const { results } = await api.call(issueCertificates, { body: { requests } });
  return results;
}
