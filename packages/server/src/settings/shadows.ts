import { count, section } from './kinds.ts';

export const shadows = section(
  {
    documentBytesMax: count(
      8_192,
      'Bytes of what is desired and reported in one shadow, as JSON without metadata; a request may have twice as many.',
      { maximum: 30_720 },
    ),
    shadowsPerThingMax: count(
      100,
      'Shadows of one thing, the classic one and those whose versions count on after their deletion included; of these the first by name makes room for a new one.',
      { maximum: 1_000 },
    ),
    updatesPendingMax: count(
      20_000,
      'Updates and deletions of all things that wait at once; one more is rejected with 429.',
      {
        maximum: 1_000_000,
      },
    ),
    updatesPerTransactionMax: count(500, 'Updates and deletions that share one commit.', { maximum: 1_000 }),
  },
  'Shadows of things (docs/reference/shadows.md).',
);
