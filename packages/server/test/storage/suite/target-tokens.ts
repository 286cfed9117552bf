import { parseSha256, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { TargetToken } from '../../../src/ddi/store.ts';
import type { Opened } from './backend.ts';

export function describeTargetTokens(opened: () => Opened): void {
  const token = (name: string, digit: string): TargetToken => ({
    thingName: parseThingName(name),
    hash: parseSha256(digit.repeat(64)),
    createdAtMs: 7,
    createdBy: 'ada',
  });

  test('a thing has one, the last that was made for it, until it is removed', async () => {
    const { stores, transact } = opened();
    const { targetTokens } = stores;
    for (const each of [token('tt-b', '1'), token('tt-a', '2'), token('tt-b', '3')])
      await transact((tx) => targetTokens.put(tx, each));
    expect(await targetTokens.find(parseThingName('tt-b'))).toEqual(token('tt-b', '3'));
    expect(await targetTokens.page({ limit: 1 })).toEqual([token('tt-a', '2')]);
    expect(await targetTokens.page({ after: parseThingName('tt-a'), limit: 5 })).toEqual([
      token('tt-b', '3'),
    ]);
    const remove = () => transact((tx) => targetTokens.remove(tx, parseThingName('tt-b')));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await targetTokens.find(parseThingName('tt-b'))).toBeUndefined();
  });
}
