import { hash } from 'node:crypto';
import { existsSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { checkCsr, PkiError, parseCsrPem } from '@fleetward/pki';
import { csvFields } from '../csv.ts';
import { usage } from '../errors.ts';
import { readInput, readLines } from '../read-input.ts';
import type { Terminal } from '../terminal.ts';
import { csrBytesMax, daysMax, type IssueFlags, type WantedCertificate, wishesOf } from './cert-issue.ts';

/** What one line of the file is about; `csr` is missing where a key is to be made here. */
export interface CsvRow {
  readonly kind: 'row';
  readonly line: number;
  readonly name: string;
  readonly wanted: Omit<WantedCertificate, 'csr'>;
  readonly csr?: string;
  /** Lower-case hex SHA-256 of the CSR's SubjectPublicKeyInfo. */
  readonly keyHash?: string;
}

/** A line that the platform need not be asked about. */
export interface BadRow {
  readonly kind: 'bad';
  readonly line: number;
  readonly name?: string;
  readonly reason: string;
  readonly explanation: string;
}

const columns = ['name', 'csr', 'profile', 'policies', 'days'] as const;
type Column = (typeof columns)[number];
type Values = Partial<Readonly<Record<Column, string>>>;
const lineBytesMax = 16_384;
// What is a file's name too: neither hidden nor with a separator in it.
const fileName = /^[a-zA-Z0-9:_-][a-zA-Z0-9 .:@_-]{0,127}$/;
const profiles: readonly string[] = ['device', 'tpm-device', 'operator', 'server'];

/** The lines of the file in their order. Throws `cli.usage` for a header that is none, `cli.unreadable`. */
export async function* readRows(
  file: string,
  { flags, terminal }: { readonly flags: IssueFlags; readonly terminal: Terminal },
): AsyncGenerator<CsvRow | BadRow, void, undefined> {
  let header: readonly Column[] | undefined;
  let line = 0;
  for await (const bytes of readLines(file, { terminal, lineBytesMax })) {
    line++;
    const text =
      bytes === 'too-long'
        ? undefined
        : Buffer.from(bytes)
            .toString('utf8')
            .replace(/^\ufeff/, '');
    if (isBlank(bytes)) continue;
    const fields = text === undefined ? undefined : csvFields(text);
    if (header === undefined) header = headerOf(fields, file);
    else if (fields?.length !== header.length)
      yield bad(line, {
        reason: 'csv_malformed',
        explanation: `not ${header.length} fields, separated by commas`,
      });
    else yield await rowOf(valuesOf(header, fields), { line, file, flags, terminal });
  }
  if (header === undefined) throw usage(`\`${file}\` is empty`, `its first line is \`${columns.join(',')}\``);
}

/** How many lines `readRows` will give, for the progress; undefined for what can be read only once. Throws `cli.unreadable`. */
export async function countRows(file: string, terminal: Terminal): Promise<number | undefined> {
  if (file === '-' || statSync(file, { throwIfNoEntry: false })?.isFile() !== true) return undefined;
  let lines = 0;
  for await (const bytes of readLines(file, { terminal, lineBytesMax })) if (!isBlank(bytes)) lines++;
  return Math.max(0, lines - 1);
}

function isBlank(bytes: Uint8Array | 'too-long'): boolean {
  return bytes !== 'too-long' && Buffer.from(bytes).toString('utf8').trim() === '';
}

function headerOf(fields: readonly string[] | undefined, file: string): readonly Column[] {
  const names = fields?.map((field) => field.trim().toLowerCase());
  const flaw = names === undefined ? 'its quotes do not match' : headerFlaw(names);
  if (names !== undefined && flaw === undefined) return names as readonly Column[];
  throw usage(
    `the first line of \`${file}\` does not name the columns: ${flaw}`,
    `they are \`${columns.join(',')}\`, separated by commas, in any order; all but \`name\` or \`csr\` may be missing`,
  );
}

function headerFlaw(names: readonly string[]): string | undefined {
  const [only = '', ...others] = names;
  const separator = others.length === 0 ? /[;\t|]/.exec(only)?.[0] : undefined;
  if (separator !== undefined)
    return `they are separated by ${separator === '\t' ? 'tabs' : `\`${separator}\``}, not by commas`;
  const strange = names.find((name) => !columns.some((column) => column === name));
  if (!names.includes('name') && !names.includes('csr')) return 'neither `name` nor `csr` is among them';
  if (strange !== undefined) return `there is no column ${JSON.stringify(strange.slice(0, 64))}`;
  const twice = names.find((name, at) => names.indexOf(name) < at);
  return twice === undefined ? undefined : `\`${twice}\` is there twice`;
}

function valuesOf(header: readonly Column[], fields: readonly string[]): Values {
  return Object.fromEntries(
    header.map((column, at) => [column, (fields[at] ?? '').trim()]).filter(([, value]) => value !== ''),
  );
}

interface Place {
  readonly line: number;
  readonly file: string;
  readonly flags: IssueFlags;
  readonly terminal: Terminal;
}

async function rowOf(values: Values, { line, file, flags, terminal }: Place): Promise<CsvRow | BadRow> {
  const { profile, days, policies } = values;
  if (profile !== undefined && !profiles.includes(profile))
    return bad(line, {
      reason: 'csv_malformed',
      explanation: `the profile is one of ${profiles.join(', ')}`,
    });
  if (days !== undefined && !(/^[1-9]\d{0,3}$/.test(days) && Number(days) <= daysMax))
    return bad(line, {
      reason: 'csv_malformed',
      explanation: `\`days\` is a whole number from 1 to ${daysMax}`,
    });
  const csr = await csrOf(values, { line, file, flags, terminal });
  if ('kind' in csr) return csr;
  const name = values.name ?? csr.commonName ?? '';
  if (!fileName.test(name))
    return bad(line, {
      reason: 'name_invalid',
      explanation: `${JSON.stringify(name.slice(0, 64))} is no name for a file and a certificate`,
    });
  if (csr.commonName !== undefined && csr.commonName !== name)
    return bad(line, {
      reason: 'name_invalid',
      explanation: `the CSR is for ${JSON.stringify(csr.commonName.slice(0, 64))}, not for \`${name}\``,
    });
  const own = wishesOf({
    ...flags,
    name,
    ...(profile === undefined ? {} : { profile: profile as NonNullable<IssueFlags['profile']> }),
    ...(policies === undefined ? {} : { policy: policies.split(/\s+/) }),
    ...(days === undefined ? {} : { days: Number(days) }),
  });
  const { pem, keyHash } = csr;
  return { kind: 'row', line, name, wanted: own, ...(pem === undefined ? {} : { csr: pem, keyHash }) };
}

type LineCsr =
  | { readonly pem: string; readonly keyHash: string; readonly commonName?: string }
  | { readonly pem?: undefined; readonly keyHash?: undefined; readonly commonName?: undefined };

/** The line's CSR, held to what any platform would hold it to; none where a key is to be made. */
async function csrOf(values: Values, { line, file, flags, terminal }: Place): Promise<LineCsr | BadRow> {
  if (values.csr === undefined) {
    if (flags.keygen !== undefined) return {};
    return bad(line, { reason: 'csr_missing', explanation: 'no CSR, and no `--keygen` to make a key' });
  }
  const path = resolve(file === '-' ? '.' : dirname(file), values.csr);
  if (!existsSync(path))
    return bad(line, { reason: 'csr_missing', explanation: `there is no file \`${values.csr}\`` });
  const pem = Buffer.from(await readInput(path, { terminal, bytesMax: csrBytesMax })).toString('utf8');
  try {
    const csr = parseCsrPem(pem);
    const verdict = checkCsr(csr);
    if (verdict.kind === 'refused') return bad(line, { reason: verdict.code, explanation: verdict.reason });
    const [commonName] = csr.subject.attributes.commonName ?? [];
    const keyHash = hash('sha256', csr.publicKey.spki, 'hex');
    return { pem, keyHash, ...(commonName === undefined ? {} : { commonName }) };
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    return bad(line, { reason: 'csr_malformed', explanation: error.message });
  }
}

function bad(line: number, why: Pick<BadRow, 'reason' | 'explanation'>): BadRow {
  return { kind: 'bad', line, ...why };
}
