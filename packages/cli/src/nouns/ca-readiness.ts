import { getCaReadiness } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward ca readiness`: whom the removal of a CA would shut out. */
export function addCaReadiness(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'readiness', {
    summary: 'simulate the removal of a CA: which devices would fail today, and why',
    description:
      'Judges every certificate in force by the CAs that would be left, as the gateway would. `certificate`: it would be refused. ' +
      '`server-trust`: its device was last given CAs, with the certificate or by EST `/cacerts`, before there was any root by which the platform could still be believed. ' +
      'What a device really trusts is known to it alone. Nothing is changed.',
    examples: [
      'fleetward ca readiness 9f86d081884c7d65…',
      'fleetward ca readiness 9f86d081884c7d65… --json --limit 1000',
    ],
  })
    .argument('<certificate-id>', 'the CA, as `ca list` shows it')
    .addOption(
      whole('--limit <count>', {
        description: 'how many certificates to list at most',
        min: 1,
        max: 1_000,
      }).default(100),
    )
    .action(async (certificateId: string, { limit }: { limit: number }) => {
      const found = await withApi((api) =>
        api.call(getCaReadiness, { params: { certificateId }, query: { limit } }),
      );
      const { inForce, unready, byReason, canIssue, rootsLost, certificates } = found;
      output.record(found, {
        'in force': String(inForce),
        'would fail': String(unready),
        'certificate refused': String(byReason.certificate),
        'may not believe the platform': String(byReason['server-trust']),
        'can still issue': canIssue ? 'yes' : 'no',
        'roots lost': rootsLost.join(', ') || 'none',
      });
      // JSON has them already.
      if (output.json || certificates.length === 0) return;
      output.line('');
      output.list(
        certificates,
        {
          certificate: (row) => row.certificateId,
          things: (row) => row.thingNames.join(', '),
          'valid until': (row) => ({ atMs: row.notAfterMs }),
          'last seen': (row) => (row.lastSeenMs === undefined ? undefined : { atMs: row.lastSeenMs }),
          fails: (row) => row.reasons.join(', '),
        },
        '',
      );
    });
}
