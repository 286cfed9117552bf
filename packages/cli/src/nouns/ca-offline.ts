import type { Signer } from '@fleetward/core';
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
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { CliError } from '../errors.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { assertNewFile, writeNewFile } from '../write-file.ts';
import { addRootFlags, type RootFlags, withRoot } from './ca-root-key.ts';

const dayMs = 86_400_000;
const pemBytesMax = 262_144;

interface SignFlags extends RootFlags {
  readonly csr: string;
  readonly out: string;
  readonly days: number;
}

/** `fleetward ca sign-intermediate`: the root certifies an issuing CA, on the machine with its key. */
export function addCaSignIntermediate(noun: Command, shell: Shell): void {
  const verb = addVerb(noun, 'sign-intermediate', {
    summary: 'certify an issuing CA with the root’s key, on the machine that has it',
    description:
      'Signs the request of `ca request-intermediate` and writes the certificate for `ca import`. The root’s key is in a file ' +
      '(`--key`, of `ca init-root`), or in the folder of a platform that was made with an online root (`--folder` or `--config`), ' +
      'which may run meanwhile.',
    examples: [
      'fleetward ca sign-intermediate --root root.pem --key root.key --csr intermediate.csr --out intermediate.pem',
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
    .action(async (flags: SignFlags) => {
      assertNewFile(flags.out);
      const csr = parseCsrPem(
        await readInput(flags.csr, { terminal: shell.terminal, bytesMax: pemBytesMax }),
      );
      const verdict = checkCsr(csr);
      if (verdict.kind === 'refused')
        throw new CliError('cli.unreadable', `\`${flags.csr}\` is not to be signed: ${verdict.reason}`);
      const { subject, publicKey } = csr;
      await certify(flags, { content: { profile: 'issuing-ca', subject, publicKey }, shell });
    });
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
  const sign = (signer: Signer): Promise<Certificate> =>
    issueCertificate({
      ...content,
      issuer,
      signer,
      random: terminal.random,
      notBeforeMs: Math.max(nowMs - 3_600_000, issuer.notBeforeMs),
      notAfterMs: Math.min(nowMs + flags.days * dayMs, issuer.notAfterMs),
    });
  const made = await withRoot(flags, { terminal, work: sign });
  writeNewFile(flags.out, encodePem('CERTIFICATE', made.der));
  const { id: certificateId, subject, notAfterMs } = made;
  output.record(
    { certificateId, subject: subject.text, issuer: issuer.subject.text, notAfterMs, file: flags.out },
    {
      ca: certificateId,
      subject: subject.text,
      'certified by': issuer.subject.text,
      'valid until': { atMs: notAfterMs },
      certificate: flags.out,
    },
  );
}

async function readCertificate(file: string, terminal: Terminal): Promise<Certificate> {
  const [certificate, ...more] = parseCertificatesPem(
    await readInput(file, { terminal, bytesMax: pemBytesMax }),
  );
  if (certificate !== undefined && more.length === 0) return certificate;
  throw new CliError('cli.unreadable', `\`${file}\` must hold one certificate`);
}
