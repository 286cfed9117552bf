import { count, section } from './kinds.ts';

export const trail = section(
  {
    checkpointEntries: count(1_000, 'Entries after which a signed checkpoint is written.'),
    checkpointSeconds: count(
      300,
      'Seconds after which a signed checkpoint is written when there is something new.',
    ),
  },
  'The audit trail.',
);

export const denials = section(
  {
    keptMax: count(10_000, 'Denials of certificates kept in memory for operators.'),
    strangersKeptMax: count(2_000, 'Denials of peers without a certificate kept beside them.'),
    keptPerSecondMax: count(
      20,
      'Denials a second of one cause and principal that are kept; more are only counted.',
    ),
    causesPerMinuteMax: count(
      1_000,
      'Distinct causes and certificates a minute that enter the trail; the rest is counted under one entry a cause.',
    ),
    strangersPerMinuteMax: count(50, 'The same for causes and addresses of peers without a certificate.'),
  },
  'Denials and limits that bit.',
);
