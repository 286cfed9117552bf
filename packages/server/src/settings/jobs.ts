import { groupNameSchema } from '@fleetward/protocol';
import { Type } from 'typebox';
import { count, section } from './kinds.ts';

export const jobs = section(
  {
    openMax: count(100, 'Jobs that are not over.', { maximum: 1_000 }),
    thingsMax: count(100_000, 'Things of one job.', { maximum: 1_000_000 }),
    keptMax: count(500, 'Jobs that are over and still listed; the oldest are removed.', { maximum: 10_000 }),
    documentBytesMax: count(32_768, 'Document of a job, as JSON in UTF-8.', { maximum: 102_400 }),
    statusDetailsMax: count(32, 'Pairs of `statusDetails` that a device may say of an execution.', {
      maximum: 256,
    }),
    stepsPerTickMax: count(1_000, 'Executions of one job that one tick (a second) changes.', {
      maximum: 10_000,
    }),
    updatesPendingMax: count(10_000, 'Starts and updates of devices that wait to be kept.', {
      maximum: 1_000_000,
    }),
    otaGroups: Type.Array(groupNameSchema, {
      default: [],
      maxItems: 1_000,
      description:
        "Groups of which, and under which, things run AWS IoT's OTA libraries: what a campaign offers them is a job.",
    }),
  },
  'Jobs: what devices are told to do (docs/reference/jobs.md).',
);
