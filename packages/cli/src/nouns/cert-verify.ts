import {
  type Certificate,
  type Crl,
  type KeyRules,
  type PathOutcome,
  PkiError,
  parseCrl,
  parseCrlsPem,
  parseWeakKeys,
  readCertificatesPem,
  validatePath,
} from '@fleetward/pki';
import type { Command } from 'commander';
import { addVerb, repeatable } from '../define.ts';
import { parseMomentMs } from '../moment.ts';
import type { Output } from '../output.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';

interface VerifyFlags {
  readonly trust: readonly string[];
  readonly untrusted?: readonly string[];
  readonly at?: string;
  readonly crl?: readonly string[];
  readonly weakKeys?: readonly string[];
}

const pemBytesMax = 8 * 1_048_576;
const crlBytesMax = 64 * 1_048_576;
const weakKeysBytesMax = 64 * 1_048_576;

/** `fleetward cert verify`: the gateway's own decision about a certificate, without a platform. */
export function addCertVerify(noun: Command, { terminal, output, exitWith }: Shell): void {
  addVerb(noun, 'verify <leaf.pem>', {
    summary: 'decide about a certificate as the gateway would, without a platform',
    description:
      'Validates a device certificate against trusted roots exactly as the gateway does (RFC 5280 and stricter). The first certificate ' +
      'of the file is the leaf, further ones may be its issuers. Exit code 0: accepted; 1: refused, with the reason and the clause; ' +
      '2: a file cannot be read. A certificate that breaks the rules for its form is refused as a leaf and left out elsewhere. Whether a platform has issued or revoked it is not looked at, unless a revocation list is given.',
    examples: [
      'fleetward cert verify lamp-7.pem --trust root-ca.pem',
      'fleetward cert verify lamp-7.pem --trust root-ca.pem --weak-keys blacklist.RSA-2048',
      'fleetward cert verify leaf.pem --trust roots.pem --untrusted issuing.pem --at 2027-01-01 --crl issuing.crl --json',
    ],
  })
    .addOption(repeatable('--trust <roots.pem>', 'the trusted roots').makeOptionMandatory())
    .addOption(repeatable('--untrusted <intermediates.pem>', 'certificates that may stand between'))
    .option('--at <time>', 'decide for this time instead of now, such as 2026-05-01T12:00:00Z')
    .addOption(
      repeatable(
        '--crl <file>',
        'revocation lists, PEM or DER; then the leaf’s issuer must have a current one',
      ),
    )
    .addOption(
      repeatable('--weak-keys <file>', 'a list of weak keys, as those of the setting `weakKeyBlacklist`'),
    )
    .action(async (leafFile: string, flags: VerifyFlags) => {
      const [leaf, ...sent] = await readBlocks(leafFile, terminal);
      const untrusted = await readEach(flags.untrusted, (file) => readBlocks(file, terminal));
      const roots = await readEach(flags.trust, (file) => readBlocks(file, terminal));
      const crls =
        flags.crl === undefined
          ? {}
          : { crls: await readEach(flags.crl, (file) => readCrls(file, terminal)) };
      const keyRules = await keyRulesOf(flags, terminal);
      const atMs = momentOf(flags, terminal);
      if (leaf === undefined) return; // a PEM text has at least one
      const outcome =
        leaf.kind === 'malformed'
          ? malformed(leaf.reason)
          : validatePath({
              leaf: leaf.certificate,
              untrusted: readable([...sent, ...untrusted]),
              roots: readable(roots),
              atMs,
              purpose: 'clientAuth',
              keyRules,
              ...crls,
            });
      const leftOut = whyLeftOut([...sent, ...untrusted, ...roots]);
      for (const reason of leftOut) output.note(`a certificate is left out: ${reason}`);
      show(outcome, { leaf, leftOut, output });
      if (outcome.kind !== 'accepted') exitWith(1);
    });
}

function momentOf({ at }: VerifyFlags, { clock }: Terminal): number {
  const nowMs = clock.now();
  return at === undefined ? nowMs : parseMomentMs(at, { flag: '--at', nowMs });
}

async function readEach<Part>(
  files: readonly string[] = [],
  read: (file: string) => Promise<readonly Part[]>,
): Promise<readonly Part[]> {
  const parts: Part[] = [];
  for (const file of files) parts.push(...(await read(file)));
  return parts;
}

type Block = ReturnType<typeof readCertificatesPem>[number];

async function readBlocks(file: string, terminal: Terminal): Promise<readonly Block[]> {
  const text = await readInput(file, { terminal, bytesMax: pemBytesMax });
  return namingFile(file, () => readCertificatesPem(text));
}

/** What the parsers throw does not know which file it is about. */
function namingFile<Result>(file: string, parse: () => Result): Result {
  try {
    return parse();
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new PkiError(cause.code, `\`${file}\`: ${cause.message}`, { cause });
  }
}

function readable(blocks: readonly Block[]): readonly Certificate[] {
  return blocks.flatMap((block) => (block.kind === 'read' ? [block.certificate] : []));
}

function whyLeftOut(blocks: readonly Block[]): readonly string[] {
  return blocks.flatMap((block) => (block.kind === 'malformed' ? [block.reason] : []));
}

type Verdict = PathOutcome | { readonly kind: 'refused'; code: 'malformed'; reason: string; rfc: string };

/** What the gateway says of bytes that it cannot read as a certificate; their parser names the clause where there is one. */
function malformed(reason: string): Verdict {
  const rfc = /\((RFC \d+ section [\d.]+)\)/.exec(reason)?.[1] ?? 'RFC 5280 section 4.1';
  return { kind: 'refused', code: 'malformed', reason, rfc };
}

async function keyRulesOf({ weakKeys = [] }: VerifyFlags, terminal: Terminal): Promise<KeyRules> {
  if (weakKeys.length === 0) return {};
  const lists: Uint8Array[] = [];
  for (const file of weakKeys) lists.push(await readInput(file, { terminal, bytesMax: weakKeysBytesMax }));
  return { weakKeys: parseWeakKeys(lists, weakKeys) };
}

async function readCrls(file: string, terminal: Terminal): Promise<readonly Crl[]> {
  const bytes = await readInput(file, { terminal, bytesMax: crlBytesMax });
  // A DER sequence begins with this byte, which no text does before its first line.
  return namingFile(file, () => (bytes[0] === 0x30 ? [parseCrl(bytes)] : parseCrlsPem(bytes)));
}

function show(
  outcome: Verdict,
  shown: { readonly leaf: Block; readonly leftOut: readonly string[]; readonly output: Output },
): void {
  const { leaf, leftOut, output } = shown;
  const about = leaf.kind === 'read' ? namesOf(leaf.certificate) : {};
  const others = leftOut.length === 0 ? {} : { leftOut };
  if (outcome.kind === 'refused') {
    const { code, reason, rfc } = outcome;
    output.record(
      { outcome: 'refused', code, reason, rfc, ...about, ...others },
      { ...about, outcome: output.mark('refused', 'red'), code, reason, rfc },
    );
    return;
  }
  const chain = outcome.chain.map(namesOf);
  const path = chain.map(({ subject }) => subject).join('  ←  ');
  output.record(
    { outcome: 'accepted', ...about, chain, ...others },
    { ...about, outcome: output.mark('accepted', 'green'), chain: path },
  );
}

function namesOf({ id, subject }: Certificate): { readonly certificateId: string; readonly subject: string } {
  return { certificateId: id, subject: subject.text };
}
