import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward demo`: the whole story over real sockets, in a throw-away folder. */
export function addDemo(program: Command, { output, exitWith }: Shell): void {
  addVerb(program, 'demo', {
    summary: 'show everything at work, in a throw-away folder',
    description:
      'Starts a platform in a throw-away folder on free ports and runs the whole story over real sockets: enrolment, mutual TLS, policies, a signed ' +
      'update, a firmware that fails and falls back, revocation, the trail. Exit code 0 only if every step came out as it must.',
    examples: ['fleetward demo', 'fleetward demo --keep'],
  })
    .option('--keep', 'leave the platform up until Ctrl-C, and print how to reach it')
    .action(async ({ keep }: { readonly keep?: boolean }) => {
      const { runDemo } = await import('../demo/index.ts');
      if (!(await runDemo({ keep: keep === true, json: output.json }))) exitWith(1);
    });
}
