import { parseCertificatesPem } from '@fleetward/pki';
import { verifyIssuanceProof } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import { readInput } from '../read-input.ts';
import type { Shell } from '../shell.ts';
import { readHead, readProof } from './issuance-log-files.ts';
import { readPublicKey } from './trail-key.ts';

interface VerifyFlags {
  readonly cert: string;
  readonly key: string;
  readonly since?: string;
}

const pemBytesMax = 1_048_576;

/** `fleetward issuance-log verify`: checks a proof without a platform. */
export function addIssuanceLogVerify(noun: Command, { output, terminal, exitWith }: Shell): void {
  addVerb(noun, 'verify <proof>', {
    summary: 'verify that a certificate is in the log, without a platform',
    description:
      'Verifies a proof: the head’s signature, the path from the certificate to the head’s root (RFC 9162 §2.1.3.2), and with `--since` ' +
      'that the log only grew (§2.1.4.2). Exit code 0: proven; 1: refused, with the reason; 2: a file cannot be read.',
    examples: [
      'fleetward issuance-log verify proof.json --cert lamp-7.pem --key issuance-log-public-key.pem',
      'fleetward issuance-log verify proof.json --cert lamp-7.pem --key log.pem --since head-may.json --json',
    ],
  })
    .requiredOption('--cert <leaf.pem>', 'the certificate; the first of the file')
    .requiredOption('--key <file>', 'the log’s key, as `init` wrote it')
    .option('--since <head>', 'a head kept from before, from which the log must go on')
    .action(async (file: string, flags: VerifyFlags) => {
      const publicKey = await readPublicKey(flags.key, terminal);
      const [leaf] = parseCertificatesPem(await readInput(flags.cert, { terminal, bytesMax: pemBytesMax }));
      if (leaf === undefined) return; // `parseCertificatesPem` gives at least one
      const known = flags.since === undefined ? {} : { known: await readHead(flags.since, terminal) };
      const proof = await readProof(file, terminal);
      const verdict = verifyIssuanceProof(proof, { publicKey, certificateId: leaf.id, ...known });
      const about = { certificateId: leaf.id, subject: leaf.subject.text };
      const shown = { certificate: leaf.id, subject: leaf.subject.text };
      if (verdict.kind === 'refused') {
        const outcome = output.mark('refused', 'red');
        output.record({ ...verdict, ...about }, { ...shown, outcome, why: verdict.reason });
        exitWith(1);
        return;
      }
      const { entry, head } = proof;
      output.record(
        { ...verdict, ...about, entry, head },
        {
          ...shown,
          outcome: output.mark('proven', 'green'),
          entry: `${entry.index} of ${head.size}`,
          logged: { atMs: entry.at },
          'head signed': { atMs: head.at },
        },
      );
    });
}
