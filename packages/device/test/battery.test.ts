import { mkdirSync, writeFileSync } from 'node:fs';
import { temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { readBatteryPercent } from '../src/agent/battery.ts';

type Supplies = Readonly<Record<string, Readonly<Record<string, string>>>>;
const battery = (capacity: string) => ({ type: 'Battery\n', capacity: `${capacity}\n` });

test.for<readonly [string, Supplies, number | undefined]>([
  ['the one that there is', { AC: { type: 'Mains\n', online: '1\n' }, BAT0: battery('87') }, 87],
  ['the emptiest of several', { BAT0: battery('100'), BAT1: battery('9') }, 9],
  ['one that is empty', { BAT0: battery('0') }, 0],
  ['none on mains alone', { AC: { type: 'Mains\n', capacity: '50\n' } }, undefined],
  ['none of a mouse', { hid: { ...battery('12'), scope: 'Device\n' } }, undefined],
  ['none that the driver does not tell', { BAT0: { type: 'Battery\n' }, BAT1: battery('') }, undefined],
  ['none that cannot be', { BAT0: battery('255'), BAT1: battery('-1'), BAT2: battery('5e1') }, undefined],
])('what is read of the batteries: %s', ([, supplies, percent]) => {
  using folder = temporaryFolder('fleetward-battery-');
  for (const [supply, attributes] of Object.entries(supplies)) {
    mkdirSync(folder.join(supply));
    for (const [name, text] of Object.entries(attributes)) writeFileSync(folder.join(supply, name), text);
  }
  expect(readBatteryPercent(folder.path)).toBe(percent);
});

test('where the system does not say what feeds it, there is no battery', () => {
  expect(readBatteryPercent('/there/is/no/such/folder')).toBeUndefined();
});
