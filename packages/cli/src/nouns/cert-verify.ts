import {
  type Certificate,
  type Crl,
  type PathOutcome,
  parseCertificatesPem,
  parseCrl,
  parseCrlsPem,
  validatePath,
} from '@fleetward/pki';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { parseMomentMs } from '../moment.ts';
import type { Output } from '../output.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';

interface VerifyFlags {
  readonly trust: string;
  readonly untrusted?: string;
  readonly at?: string;
  readonly crl?: string;
}

const pemBytesMax = 8 * 1_048_576;
const crlBytesMax = 64 * 1_048_576;

/** `fleetward cert verify`: the gateway's own decision about a certificate, without a platform. */
export function addCertVerify(noun: Command, { terminal, output, exitWith }: Shell): void {
  addVerb(noun, 'verify <leaf.pem>', {
    summary: 'decide about a certificate as the gateway would, without a platform',
    description:
      'Validates a device certificate against trusted roots exactly as the gateway does (RFC 5280 and stricter). The first certificate ' +
      'of the file is the leaf, further ones may be its issuers. Exit code 0: accepted; 1: refused, with the reason and the clause; ' +
      '2: a file cannot be read. Whether a platform has issued or revoked it is not looked at, unless a revocation list is given.',
    examples: [
      'fleetward cert verify lamp-7.pem --trust root-ca.pem',
      'fleetward cert verify leaf.pem --trust roots.pem --untrusted issuing.pem --at 2027-01-01 --crl issuing.crl --json',
    ],
  })
    .requiredOption('--trust <roots.pem>', 'the trusted roots')
    .option('--untrusted <intermediates.pem>', 'certificates that may stand between')
    .option('--at <time>', 'decide for this time instead of now, such as 2026-05-01T12:00:00Z')
    .option('--crl <file>', 'revocation lists, PEM or DER; then the leaf’s issuer must have a current one')
    .action(async (leafFile: string, flags: VerifyFlags) => {
      const [leaf, ...sent] = await readCertificates(leafFile, terminal);
      if (leaf === undefined) return; // `parseCertificatesPem` gives at least one
      const untrusted =
        flags.untrusted === undefined ? [] : await readCertificates(flags.untrusted, terminal);
      const outcome = validatePath({
        leaf,
        untrusted: [...sent, ...untrusted],
        roots: await readCertificates(flags.trust, terminal),
        atMs: momentOf(flags, terminal),
        purpose: 'clientAuth',
        ...(flags.crl === undefined ? {} : { crls: await readCrls(flags.crl, terminal) }),
      });
      show(outcome, { leaf, output });
      if (outcome.kind !== 'accepted') exitWith(1);
    });
}

function momentOf({ at }: VerifyFlags, { clock }: Terminal): number {
  const nowMs = clock.now();
  return at === undefined ? nowMs : parseMomentMs(at, { flag: '--at', nowMs });
}

async function readCertificates(file: string, terminal: Terminal): Promise<readonly Certificate[]> {
  return parseCertificatesPem(await readInput(file, { terminal, bytesMax: pemBytesMax }));
}

async function readCrls(file: string, terminal: Terminal): Promise<readonly Crl[]> {
  const bytes = await readInput(file, { terminal, bytesMax: crlBytesMax });
  // A DER sequence begins with this byte, which no text does before its first line.
  return bytes[0] === 0x30 ? [parseCrl(bytes)] : parseCrlsPem(bytes);
}

function show(
  outcome: PathOutcome,
  { leaf, output }: { readonly leaf: Certificate; readonly output: Output },
): void {
  const about = { certificateId: leaf.id, subject: leaf.subject.text };
  if (outcome.kind === 'refused') {
    const { code, reason, rfc } = outcome;
    output.record(
      { outcome: 'refused', code, reason, rfc, ...about },
      { ...about, outcome: output.mark('refused', 'red'), code, reason, rfc },
    );
    return;
  }
  const chain = outcome.chain.map(({ id, subject }) => ({ certificateId: id, subject: subject.text }));
  const path = chain.map(({ subject }) => subject).join('  ←  ');
  output.record(
    { outcome: 'accepted', ...about, chain },
    { ...about, outcome: output.mark('accepted', 'green'), chain: path },
  );
}
