import { getEnrollmentAttempt, listEnrollmentAttempts } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb, whole } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward enrollment …`: who tried to come in. */
export function addEnrollment(noun: Command, shell: Shell): void {
  addList(noun, shell);
  addShow(noun, shell);
}

function addList(noun: Command, { output, withApi }: Shell): void {
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
          attempt: (row) => row.attemptId,
          when: (row) => ({ atMs: row.atMs }),
          asked: (row) => row.operation,
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

function addShow(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <attempt-id>', {
    summary: 'show an attempt step by step',
    description:
      'Shows what an attempt to enrol or to renew went through: each step it passed, and the one that refused it.',
    examples: [
      'fleetward enrollment show 000000072f1c…',
      'fleetward enrollment show 000000072f1c… --json | jq .steps',
    ],
  }).action(async (attemptId: string) => {
    const attempt = await withApi((api) => api.call(getEnrollmentAttempt, { params: { attemptId } }));
    output.record(attempt, {
      attempt: attempt.attemptId,
      when: { atMs: attempt.atMs },
      asked: attempt.operation,
      outcome: attempt.outcome,
      reason: attempt.reason,
      from: attempt.remoteAddress,
      token: attempt.tokenId,
      thing: attempt.thingName,
      certificate: attempt.certificateId,
      ...Object.fromEntries(
        attempt.steps.map(({ step, outcome, detail }, index) => [
          `${index + 1}. ${step}`,
          `${outcome}: ${detail}`,
        ]),
      ),
    });
  });
}
