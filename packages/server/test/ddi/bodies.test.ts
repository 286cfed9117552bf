import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfigData, withConfigData } from '../../src/ddi/config-data.ts';
import { meaningOf, parseFeedback } from '../../src/ddi/feedback.ts';
import { stateOf, withAttributes, withState } from '../../src/ddi/told-state.ts';

const limits = { bodyBytesMax: 65_536, jsonDepthMax: 8, attributesMax: 10 };
const bytesOf = (value: unknown) => Buffer.from(JSON.stringify(value));
const names = fc
  .string({ minLength: 1, maxLength: 20 })
  .filter((name) => !/[\p{Cc}\p{Cs}]/u.test(name) && name !== '__proto__');
const attributes = fc.dictionary(
  names,
  fc.string({ maxLength: 20 }).map((text) => text.replace(/[\p{Cc}\p{Cs}]/gu, '')),
  { maxKeys: 5 },
);

test('attributes go together as the mode says, whatever they are called', () => {
  fc.assert(
    fc.property(attributes, attributes, (before, data) => {
      const after = (mode?: string) => {
        const told = parseConfigData(bytesOf({ id: '', mode, data }), limits);
        return new Map(Object.entries(withConfigData(before, told, limits)));
      };
      const merged = new Map([...Object.entries(before), ...Object.entries(data)]);
      expect(after()).toEqual(merged);
      expect(after('merge')).toEqual(merged);
      expect(after('replace')).toEqual(new Map(Object.entries(data)));
      const left = Object.entries(before).filter(([name]) => !Object.hasOwn(data, name));
      expect(after('remove')).toEqual(new Map(left));
    }),
  );
});

test('only a success that is called one is one, and only what is closed, canceled or rejected is an end', () => {
  const executions = [
    'closed',
    'proceeding',
    'canceled',
    'scheduled',
    'rejected',
    'resumed',
    'downloaded',
    'download',
  ];
  const ends = ['closed', 'canceled', 'rejected'];
  for (const execution of executions) {
    for (const finished of ['success', 'failure', 'none']) {
      const status = { execution, result: { finished }, details: ['said'] };
      const meaning = meaningOf(parseFeedback(bytesOf({ status }), limits));
      const isSuccess = execution === 'closed' && finished === 'success';
      expect(meaning?.event === 'confirm', `${execution} ${finished}`).toBe(isSuccess);
      const isEnd = ['confirm', 'fail', 'reject'].includes(meaning?.event ?? '');
      expect(isEnd, `${execution} ${finished}`).toBe(ends.includes(execution));
    }
  }
});

test('details are kept to their last thousand characters, whole ones, without control characters', () => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 400 }), { maxLength: 8 }), (details) => {
      const { details: kept } = parseFeedback(
        bytesOf({ status: { execution: 'closed', result: { finished: 'failure' }, details } }),
        limits,
      );
      expect(kept.length).toBeLessThanOrEqual(1_000);
      expect(kept.isWellFormed()).toBe(true);
      expect(kept).not.toMatch(/\p{Cc}/u);
    }),
    { numRuns: 30 },
  );
});

test('what a report keeps of a device is read back as it was, beside what an agent reported', () => {
  const state = { isAskedAgain: true, needsConfirmation: true, confirmedId: 1, endedId: 2, installedId: 3 };
  const report = withState({ batteryPercent: 80 }, state);
  expect(stateOf(report)).toEqual(state);
  expect(report).toMatchObject({ batteryPercent: 80 });
});

test('a version that was said before does not undo what was installed since', () => {
  const said = { product: 'pump', hardware: 'rev1', version: '1.0.0' };
  const first = withAttributes(undefined, said);
  expect(first).toMatchObject({ installed: { version: '1.0.0', securityVersion: 0 } });
  const updated = { ...first, installed: { version: '2.0.0', securityVersion: 1 } };
  expect(withAttributes(updated, said)).toMatchObject({ installed: { version: '2.0.0' } });
  expect(withAttributes(updated, { ...said, version: '1.5.0' })).toMatchObject({
    installed: { version: '1.5.0' },
  });
});
