import { equalBytes, type Signer } from '@fleetward/core';
import {
  type Certificate,
  type CertificateContent,
  checkCsr,
  encodePem,
  issueCertificate,
  parseCertificatesPem,
  parseCsrPem,
  validateCa,
} from '@fleetward/pki';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { confirm } from '../confirm.ts';
import { addVerb, whole } from '../define.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { addRootFlags, type RootFlags, withRoot } from './ca-root-key.ts';
import { keyFingerprint } from './key-fingerprint.ts';

const dayMs = 86_400_000;
const pemBytesMax = 262_144;

interface SignFlags extends RootFlags {
  readonly csr: string;
  readonly out: string;
  readonly days: number;
  readonly expect?: string;
  readonly yes?: boolean;
}

/** `fleetward ca sign-intermediate`: the root certifies an issuing CA, on the machine with its key. */
export function addCaSignIntermediate(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'sign-intermediate', {
    summary: 'certify an issuing CA with the root’s key, on the machine that has it',
    description:
      'Shows whose key it is, asks, signs the request of `ca request-intermediate` and writes the certificate for `ca import`. Compare the fingerprint of the key with the one that ' +
      '`ca request-intermediate` printed, or give that with `--expect`; anybody can make a request with the same name. The root’s key is in a file ' +
      '(`--key`, of `ca init-root`), or in the folder of a platform that was made with an online root (`--folder` or `--config`), ' +
      'which may run meanwhile.',
    examples: [
      'fleetward ca sign-intermediate --root root.pem --key root.key --csr intermediate.csr --out intermediate.pem --expect 9f86d081884c7d65…',
      'fleetward ca sign-intermediate --root fleetward-data/root-ca.pem --folder fleetward-data --csr intermediate.csr --out intermediate.pem',
    ],
  });
  addRootFlags(verb)
    .requiredOption('--csr <file>', 'the request, PEM')
    .requiredOption('--out <file>', 'where the certificate goes, PEM')
    .addOption(
      whole('--days <count>', {
        description: 'how long it is valid, at most as long as the root',
        min: 1,
        max: 5_475,
      }).default(1_825),
    )
    .addOption(
      new Option(
        '--expect <fingerprint>',
        'sign this key and no other, unasked: its SHA-256, as `ca request-intermediate` printed it',
      ).argParser(parseFingerprint),
    )
    .option('--yes', 'do not ask, whatever key it is')
    .action(async (flags: SignFlags) => {
      assertNewFile(flags.out);
      const csr = parseCsrPem(
        await readInput(flags.csr, { terminal: shell.terminal, bytesMax: pemBytesMax }),
      );
      const verdict = checkCsr(csr);
      if (verdict.kind === 'refused')
        throw new CliError('cli.unreadable', `\`${flags.csr}\` is not to be signed: ${verdict.reason}`);
      const { subject, publicKey } = csr;
      await assertWanted(flags, { subject: subject.text, fingerprint: keyFingerprint(publicKey), shell });
      await certify(flags, { content: { profile: 'issuing-ca', subject, publicKey }, shell });
    });
}

/** Hex, with or without colons. */
function parseFingerprint(text: string): string {
  const digits = text.replaceAll(':', '').toLowerCase();
  if (/^[0-9a-f]{64}$/.test(digits)) return digits;
  throw new InvalidArgumentError('Expected the SHA-256 of a public key: 64 hex digits.');
}

async function assertWanted(
  { csr, expect, yes }: SignFlags,
  {
    subject,
    fingerprint,
    shell,
  }: { readonly subject: string; readonly fingerprint: string; readonly shell: Shell },
): Promise<void> {
  if (expect === fingerprint) return;
  if (expect !== undefined)
    throw new CliError(
      'cli.unreadable',
      `\`${csr}\` is of another key: \`${fingerprint}\`, not \`${expect}\``,
      {
        hint: 'it is not the request that was made: somebody may have put another in its place',
      },
    );
  if (yes === true) return;
  const what = `the CA ${subject} with the key ${fingerprint}`;
  await confirm(
    {
      message: `Certify ${what}?`,
      refused: 'nothing was signed',
      unasked: `nobody can be asked here whether ${what} is to be certified: give \`--expect FINGERPRINT\`, or \`--yes\` once you have looked`,
    },
    shell.terminal,
  );
}

interface CrossFlags extends RootFlags {
  readonly certificate: string;
  readonly out: string;
  readonly days: number;
}

/** `fleetward ca cross-sign`: one root certifies the key of another. */
export function addCaCrossSign(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'cross-sign', {
    summary: 'certify another root with this root’s key',
    description:
      'Who trusts this root alone finds a chain through the result to everything below the other one. The old root signs the new one, ' +
      'so that devices which know only the old one keep working; the new one signs the old one for those that know only the new.',
    examples: [
      'fleetward ca cross-sign --root root-1.pem --folder fleetward-data --certificate root-2.pem --out root-2-by-root-1.pem',
      'fleetward ca cross-sign --root root-2.pem --key root-2.key --certificate root-1.pem --out root-1-by-root-2.pem',
    ],
  });
  addRootFlags(verb)
    .requiredOption('--certificate <file>', 'the other root, PEM')
    .requiredOption('--out <file>', 'where the cross-certificate goes, PEM')
    .addOption(
      whole('--days <count>', {
        description: 'how long it is valid, at most as long as this root',
        min: 1,
        max: 10_950,
      }).default(3_650),
    )
    .action(async (flags: CrossFlags) => {
      assertNewFile(flags.out);
      const other = await readCertificate(flags.certificate, shell.terminal);
      const outcome = validateCa({ ca: other, untrusted: [], roots: [], atMs: shell.terminal.clock.now() });
      if (outcome.kind === 'refused')
        throw new CliError(
          'cli.unreadable',
          `\`${flags.certificate}\` is no root in force: ${outcome.reason}`,
        );
      const { subject, publicKey } = other;
      await certify(flags, { content: { profile: 'cross-ca', subject, publicKey }, shell });
    });
}

type Content = Pick<CertificateContent, 'profile' | 'subject' | 'publicKey'>;

async function certify(
  flags: RootFlags & { readonly out: string; readonly days: number },
  { content, shell }: { readonly content: Content; readonly shell: Shell },
): Promise<void> {
  const { terminal, output } = shell;
  const issuer = await readCertificate(flags.root, terminal);
  const nowMs = terminal.clock.now();
  const sign = async (signer: Signer): Promise<Certificate> => {
    if (!equalBytes(signer.publicKey, issuer.publicKey.spki)) throw otherKey(flags);
    return issueCertificate({
      ...content,
      issuer,
      signer,
      random: terminal.random,
      notBeforeMs: Math.max(nowMs - 3_600_000, issuer.notBeforeMs),
      notAfterMs: Math.min(nowMs + flags.days * dayMs, issuer.notAfterMs),
    });
  };
  const made = await withRoot(flags, { terminal, work: sign });
  writeNewFile(flags.out, encodePem('CERTIFICATE', made.der));
  const { id: certificateId, subject, notAfterMs } = made;
  const publicKeySha256 = keyFingerprint(made.publicKey);
  output.record(
    {
      certificateId,
      subject: subject.text,
      publicKeySha256,
      issuer: issuer.subject.text,
      notAfterMs,
      file: flags.out,
    },
    {
      ca: certificateId,
      subject: subject.text,
      'key fingerprint': publicKeySha256,
      'certified by': issuer.subject.text,
      'valid until': { atMs: notAfterMs },
      certificate: flags.out,
    },
  );
}

function otherKey({ root, key, folder, config }: RootFlags): CliError {
  const where =
    key === undefined ? `the root’s key of the platform in \`${folder ?? config}\`` : `\`${key}\``;
  return new CliError('cli.unreadable', `${where} is not the key of the certificate in \`${root}\``, {
    hint: 'give the certificate and the key of the same root',
  });
}

async function readCertificate(file: string, terminal: Terminal): Promise<Certificate> {
  const [certificate, ...more] = parseCertificatesPem(
    await readInput(file, { terminal, bytesMax: pemBytesMax }),
  );
  if (certificate !== undefined && more.length === 0) return certificate;
  throw new CliError('cli.unreadable', `\`${file}\` must hold one certificate`);
}
