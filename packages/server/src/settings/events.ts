import { flag, section } from './kinds.ts';

export const events = section(
  {
    jobs: flag(
      true,
      'What becomes of jobs and their executions is told on `$aws/events/job/…` and `$aws/events/jobExecution/…`.',
    ),
    things: flag(true, 'That things are made, changed or removed is told on `$aws/events/thing/…`.'),
  },
  'Events that devices and programs may be told over MQTT (docs/reference/lifecycle-events.md).',
);
