import { getActivity } from '@fleetward/protocol';
import type { Command } from 'commander';
import { addVerb } from '../define.ts';
import type { Shell } from '../shell.ts';

/** `fleetward activity …`: what things really do. */
export function addActivity(noun: Command, { output, withApi }: Shell): void {
  addVerb(noun, 'show <thing-name>', {
    summary: 'show what a thing did',
    description:
      'Shows what a thing did and what it was denied, as far as it is kept: a bounded sketch in which `*` stands for what varied too much. `policy synthesise` is made from it.',
    examples: ['fleetward activity show lamp-7'],
  }).action(async (thingName: string) => {
    const activity = await withApi((api) => api.call(getActivity, { params: { thingName } }));
    if (output.json) {
      output.record(activity, {});
      return;
    }
    output.list(
      activity.entries,
      {
        action: (row) => row.action,
        outcome: (row) => row.outcome,
        resource: (row) => row.resource,
        count: (row) => row.count,
        'last seen': (row) => ({ atMs: row.lastSeenMs }),
      },
      'nothing was recorded',
    );
    if (activity.isSampled) output.note('a sample only: rare requests may be missing');
  });
}
