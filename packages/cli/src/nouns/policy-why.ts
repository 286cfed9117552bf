import { type Part, whyDenied } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import { parseMomentMs } from '../moment.ts';
import { printable } from '../printable.ts';
import type { Shell } from '../shell.ts';

interface WhyFlags {
  readonly thing?: string;
  readonly certificate?: string;
  readonly since?: string;
  readonly limit: number;
}

type Cause = Part<(typeof whyDenied)['answer']>['causes'][number];

/** `fleetward policy why`: what the policies denied lately, and what would allow it. */
export function addPolicyWhy(noun: Command, { terminal, output, withApi }: Shell): void {
  addVerb(noun, 'why', {
    summary: 'list what the policies denied lately, with the statement that would allow each',
    description:
      'Groups the denials that the platform still has in memory by who asked, action and resource, the most frequent first. Below each stands the ' +
      'narrowest statement that would have allowed it, to be pasted into a policy after thought; of an explicit deny, the statement that denies.',
    examples: [
      'fleetward policy why --thing lamp-7 --since 1h',
      'fleetward policy why --json | jq .allowedBy',
    ],
  })
    .option('--thing <name>', 'only what this thing was denied')
    .option('--certificate <id>', 'only what this certificate was denied')
    .option('--since <time>', 'only after a time, or a duration ago such as `1h`')
    .addOption(
      whole('--limit <count>', {
        description: 'how many denials to look at, the newest',
        min: 1,
        max: 1_000,
      }).default(1_000),
    )
    .action(async ({ thing, certificate, since, limit }: WhyFlags) => {
      const nowMs = terminal.clock.now();
      const query = {
        limit,
        ...(thing === undefined ? {} : { thingName: thing }),
        ...(certificate === undefined ? {} : { certificateId: certificate }),
        ...(since === undefined ? {} : { sinceMs: parseMomentMs(since, { flag: '--since', nowMs }) }),
      };
      const { causes } = await withApi((api) => api.call(whyDenied, { query }));
      for (const cause of causes) {
        if (output.json) output.done(cause, '');
        else output.line(causeText(cause));
      }
      if (causes.length === 0) output.note('the policies denied nothing');
    });
}

function causeText(cause: Cause): string {
  const who = cause.thingName ?? cause.clientId ?? cause.certificateId?.slice(0, 16) ?? 'somebody';
  const times = cause.count === 1 ? 'once' : `${cause.count} times`;
  const last = new Date(cause.lastAtMs).toISOString();
  const head = `${who}: ${cause.action} on ${cause.resource}, ${times}, last at ${last}`;
  return [printable(head), `  why: ${printable(cause.explanation)}`, `  ${remedy(cause)}`].join('\n');
}

function remedy({ allowedBy, decision, statement }: Cause): string {
  if (allowedBy !== undefined) return `allowed by: ${printable(JSON.stringify(allowedBy))}`;
  if (decision === 'explicitDeny' && statement !== undefined)
    return printable(
      `a Deny decides: narrow \`Statement[${statement.index}]\` of policy \`${statement.policyName}\`; no Allow outweighs it`,
    );
  return 'no statement can be proposed for it';
}
