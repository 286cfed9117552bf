import { listEnrollmentAttempts } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward enrollment …`: who tried to come in. */
export function addEnrollment(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'list', {
    summary: 'list the newest attempts to enrol, refused ones included',
    description:
      'Lists the newest attempts to enrol with what became of each, and why a refused one was refused.',
    examples: ['fleetward enrollment list --limit 20'],
  })
    .addOption(
      whole('--limit <count>', { description: 'how many to show at most', min: 1, max: 1_000 }).default(100),
    )
    .action(async (query: { limit: number }) => {
      const { attempts } = await withApi((api) => api.call(listEnrollmentAttempts, { query }));
      output.list(
        attempts,
        {
          when: (row) => ({ atMs: row.atMs }),
          outcome: (row) => row.outcome,
          thing: (row) => row.thingName,
          from: (row) => row.remoteAddress,
          token: (row) => row.tokenId,
          why: (row) => row.explanation,
        },
        'no attempts yet',
      );
    });
}
