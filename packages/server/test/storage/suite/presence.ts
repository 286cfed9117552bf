import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { KeptPresence } from '../../../src/presence/store.ts';
import type { Opened } from './backend.ts';

export function describePresence(opened: () => Opened): void {
  const kept = (name: string, more: Partial<KeptPresence> = {}): KeptPresence => ({
    thingName: parseThingName(name),
    isConnected: true,
    atMs: 7,
    visit: {
      clientId: 'Zürich "\\"',
      sessionIdentifier: 's',
      remoteAddress: '::1',
      tlsVersion: 'TLSv1.3',
      cipher: 'TLS_AES_128_GCM_SHA256',
    },
    lastEnd: { reason: 'CONNECTION_LOST', atMs: 5 },
    flappingUntilMs: 9,
    ...more,
  });
  const bare = (name: string): KeptPresence => ({
    thingName: parseThingName(name),
    isConnected: false,
    atMs: 1,
  });

  test('comes back as it was saved, whole or bare, and is replaced whole', async () => {
    const { stores, transact } = opened();
    const { remoteAddress: _, ...visit } = kept('b').visit!;
    const all = [kept('a'), kept('b', { visit }), bare('c')];
    await transact((tx) => stores.presence.save(tx, all));
    expect(await stores.presence.page({ limit: 9 })).toEqual(all);
    expect(await stores.presence.page({ after: all[0]!.thingName, limit: 1 })).toEqual([all[1]]);
    const many = Array.from({ length: 70 }, (_, at) => kept(`m-${100 + at}`));
    await transact(async (tx) => {
      await stores.presence.save(tx, [bare('a'), ...many]);
      expect(await stores.presence.find([bare('a').thingName], tx)).toEqual([bare('a')]);
    });
    expect(
      await stores.presence.find([bare('a'), many[69]!, bare('none')].map((one) => one.thingName)),
    ).toEqual([bare('a'), many[69]]);
    expect(await stores.presence.find([])).toEqual([]);
  });

  test('is forgotten with its thing', async () => {
    const { stores, transact } = opened();
    await transact((tx) => stores.presence.save(tx, [kept('gone')]));
    await transact((tx) => stores.presence.forget(tx, kept('gone').thingName));
    expect(await stores.presence.find([kept('gone').thingName])).toEqual([]);
  });
}
