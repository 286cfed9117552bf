import { expect, test } from 'vitest';
import { nextStep } from '../src/nouns/campaign-next.ts';
import { type Campaign, progressLines } from '../src/nouns/campaign-progress.ts';
import { parseAbort, parseStages, parseTrouble, parseWindow, termsOf } from '../src/nouns/campaign-terms.ts';

const campaign: Campaign = {
  campaignId: '0c2f4a6b8d0e1f23',
  name: 'spring\u001b[2J',
  state: 'RUNNING',
  release: { path: 'p', sha256: 'ab'.repeat(32), component: 'firmware', product: 'pump', version: '2.0.0' },
  target: { attributes: {}, isContinuous: false },
  terms: {
    stages: [],
    rate: { baseRatePerMinute: 1, incrementFactor: 1, maximumPerMinute: 1 },
    abort: [],
    trouble: [],
    prerequisites: {},
    retry: { retriesMax: 0, firstDelayMinutes: 1, delayMaxMinutes: 1 },
    timeOutMinutes: 1,
  },
  needsApproval: false,
  stage: 1,
  ratePerMinute: 60,
  things: 100,
  counts: { SUCCEEDED: 20, FAILED: 5, OFFERED: 10, SCHEDULED: 65 },
  stages: [
    { share: { kind: 'things', count: 1 }, things: 1, counts: { SUCCEEDED: 1 } },
    {
      share: { kind: 'percent', percent: 100 },
      things: 99,
      counts: { SUCCEEDED: 19, FAILED: 5, OFFERED: 10 },
    },
  ],
  causes: [{ state: 'FAILED', cause: 'health-check-failed', count: 5 }],
  troubles: [
    {
      kind: 'disconnects',
      updated: { troubled: 3, deviceHours: 20 },
      rest: { troubled: 1, deviceHours: 65 },
      things: 3,
      thingNames: ['pump-1'],
    },
    {
      kind: 'denials',
      updated: { troubled: 0, deviceHours: 20 },
      rest: { troubled: 0, deviceHours: 65 },
      things: 0,
      thingNames: [],
    },
  ],
  createdAtMs: 0,
  createdBy: 'ada',
  startedAtMs: 0,
};

test('what is watched has a bar for each stage, failures by cause, and the time that is left at this pace', () => {
  expect(progressLines(campaign, 10 * 60_000)).toEqual([
    'spring\\u{1b}[2J: pump 2.0.0  RUNNING, 30 min left at this pace',
    `        1 ${'█'.repeat(24)} 1 of 1`,
    `▶   100 % ${'█'.repeat(5)}${'░'.repeat(19)} 24 of 99`,
    '  20 of 100 succeeded, 5 failed, 10 under way, 65 waiting; 60/min',
    '  disconnects: updated 3 of 20 device-hours, waiting 1 of 65 device-hours',
    '  FAILED health-check-failed: 5',
  ]);
});

test('terms are read as people write them, and the last stage has nothing to go on to', () => {
  const stages = parseStages('1,5%,100%');
  expect(termsOf({ stages, success: 90 }).stages).toEqual([
    { share: { kind: 'things', count: 1 }, successPercentMin: 90 },
    { share: { kind: 'percent', percent: 5 }, successPercentMin: 90 },
    { share: { kind: 'percent', percent: 100 }, successPercentMin: 0 },
  ]);
  expect(parseAbort('TIMED_OUT:5%/20', parseAbort('10%/3'))).toEqual([
    { failure: 'ALL', percent: 10, executedMin: 3 },
    { failure: 'TIMED_OUT', percent: 5, executedMin: 20 },
  ]);
  expect(parseTrouble('denials:2.5x/3', parseTrouble('none'))).toEqual([
    { kind: 'denials', thingsMin: 3, deviceHoursMin: 10, timesMin: 2.5 },
  ]);
  expect(parseTrouble('disconnects:2x/50/100h')).toMatchObject([{ thingsMin: 50, deviceHoursMin: 100 }]);
  expect(parseStages('0.5%,12.25%,100%').map(({ share }) => share)).toEqual(
    [0.5, 12.25, 100].map((percent) => ({ kind: 'percent', percent })),
  );
  for (const none of ['0', '0%', '0.0%', '0.5', '1.234%', '-1'])
    expect(() => parseStages(`${none},100%`), none).toThrow(/Expected numbers and percentages/);
  for (const none of ['2x/5/0h', '2x/5/10', '2x/5/h'])
    expect(() => parseTrouble(none), none).toThrow(/Expected/);
  expect(parseTrouble('2x/5').map(({ kind }) => kind)).toEqual(['disconnects', 'denials']);
  expect(parseWindow('fri-mon 23:00-01:30')).toEqual({ days: [5, 6, 0, 1], fromMinute: 1_380, toMinute: 90 });
  expect(parseWindow('02:00-04:00').days).toHaveLength(7);
  expect(termsOf({ requires: { region: 'eu' }, battery: 30 })).toEqual({
    prerequisites: { attributes: { region: 'eu' }, batteryPercentMin: 30 },
  });
  const growing = { rate: 10, rateMax: 100, rateFactor: 2, rateIncreaseAfter: 50 };
  expect(termsOf({ ...growing, rateIncreaseOn: 'succeeded' }).rate).toEqual({
    baseRatePerMinute: 10,
    incrementFactor: 2,
    increaseAfter: { of: 'succeeded', count: 50 },
    maximumPerMinute: 100,
  });
  expect(termsOf(growing).rate?.increaseAfter?.of).toBe('notified');
  expect(termsOf({})).toEqual({});
});

test.for([
  [{ timeZone: 'Europe/Berlin' }, '`--time-zone` says nothing without `--window`'],
  [{ success: 90 }, '`--success` says nothing without `--stages`'],
  [{ rateMax: 100 }, '`--rate-max` says nothing without `--rate`'],
] as const)('a flag that would be passed over is refused: %j', ([flags, message]) => {
  expect(() => termsOf(flags)).toThrow(message);
});

test.for([
  [{ state: 'PROPOSED' }, 'another operator says `fleetward campaign approve 0c2f4a6b8d0e1f23`'],
  [{ state: 'READY' }, '`fleetward campaign start 0c2f4a6b8d0e1f23`'],
  [{ state: 'READY', startAtMs: 7_200_000 }, '(in 2 hours); before that, `fleetward campaign start'],
  [{ state: 'PAUSED' }, '`fleetward campaign resume 0c2f4a6b8d0e1f23` goes on; `fleetward campaign cancel'],
  [
    { state: 'PAUSED', because: { cause: 'stage', explanation: '' } },
    'goes on with the next stage all the same',
  ],
  [{ state: 'PAUSED', because: { cause: 'trouble', explanation: '' } }, 'goes on and counts anew'],
  [{ state: 'PAUSED', because: { cause: 'target', explanation: '' } }, 'make the group again, then'],
  [{ state: 'PAUSED', because: { cause: 'release', explanation: '' } }, 'publish `p` again, then'],
  [{ state: 'HALTED' }, '`fleetward campaign roll-back 0c2f4a6b8d0e1f23` takes it back'],
  [{ state: 'RUNNING' }, undefined],
] as const)('what to do next is said: %j', ([changes, says]) => {
  const next = nextStep({ ...campaign, ...changes }, 0);
  if (says === undefined) expect(next).toBeUndefined();
  else expect(next).toContain(says);
});
