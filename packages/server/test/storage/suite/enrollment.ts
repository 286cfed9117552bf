import { parseGroupName, parsePolicyName, parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { JoinToken } from '../../../src/enrollment/store.ts';
import { certificateIdOf, type Opened, outcomes, sha256Of } from './backend.ts';

export function describeEnrollment(opened: () => Opened): void {
  const token = (tokenId: string, changes: Partial<JoinToken> = {}): JoinToken => ({
    tokenId,
    hash: sha256Of(tokenId),
    namePattern: 'pump-*',
    policies: [parsePolicyName('telemetry'), parsePolicyName('a,b=c')],
    profile: 'device',
    usesMax: 1,
    usesLeft: 1,
    createdAtMs: 1,
    expiresAtMs: 100,
    createdBy: 'ada',
    ...changes,
  });
  const add = (given: JoinToken) => opened().transact((tx) => opened().stores.enrollment.addToken(tx, given));
  const use = (tokenId: string, atMs = 50) =>
    opened().transact((tx) => opened().stores.enrollment.useToken(tx, { tokenId, atMs }));

  test('of racing uses as many win as the token has', async () => {
    const { enrollment } = opened().stores;
    await add(token('three', { usesMax: 3, usesLeft: 3 }));
    const results = await Promise.all(Array.from({ length: 10 }, () => use('three')));
    expect(results.filter(Boolean)).toHaveLength(3);
    expect((await enrollment.findToken(sha256Of('three')))?.usesLeft).toBe(0);
  });

  test('a use that is rolled back is given back', async () => {
    const { stores, transact } = opened();
    await add(token('returned'));
    const failing = transact(async (tx) => {
      await stores.enrollment.useToken(tx, { tokenId: 'returned', atMs: 50 });
      throw new Error('the CSR was weak');
    });
    await expect(failing).rejects.toThrow('weak');
    expect(await use('returned')).toBe(true);
  });

  test('an expired, revoked or unknown token is not used', async () => {
    const { stores, transact } = opened();
    await add(token('expired'));
    await add(token('revoked'));
    const revoke = () => transact((tx) => stores.enrollment.revokeToken(tx, { tokenId: 'revoked', atMs: 3 }));
    expect([await revoke(), await revoke()]).toEqual([true, false]);
    expect(await use('expired', 100)).toBe(false);
    expect(await use('expired', 99)).toBe(true);
    expect(await use('revoked')).toBe(false);
    expect(await use('none')).toBe(false);
  });

  test('a token comes back as it was stored', async () => {
    const { enrollment } = opened().stores;
    const changes = {
      revokedAtMs: 9,
      policies: [],
      profile: 'claim',
      groupName: parseGroupName('lamps'),
    } as const;
    await add(token('whole', changes));
    expect(await enrollment.findToken(sha256Of('whole'))).toEqual(token('whole', changes));
    expect(await enrollment.findToken(sha256Of('none'))).toBeUndefined();
    expect((await enrollment.listTokens()).map((one) => one.tokenId)).toContain('whole');
    expect(await outcomes([add(token('whole-2', { hash: sha256Of('whole') }))])).toEqual(['store.conflict']);
  });

  test('the certificate a use gave out is found again by its key', async () => {
    const { stores, transact } = opened();
    await add(token('asked'));
    const given = { tokenId: 'asked', publicKeyHash: sha256Of('key') };
    const certificateId = certificateIdOf('asked');
    await transact((tx) => stores.enrollment.addUse(tx, { ...given, certificateId }));
    expect(await stores.enrollment.findUse(given)).toBe(certificateId);
    expect(await stores.enrollment.findUse({ ...given, publicKeyHash: sha256Of('other') })).toBeUndefined();
  });

  test('the newest attempts are kept, newest first, those of strangers apart', async () => {
    const { stores, transact } = opened();
    const attempt = (atMs: number) => ({
      attemptId: `attempt-${atMs}`,
      atMs,
      remoteAddress: '192.0.2.1',
      outcome: 'refused' as const,
      reason: 'weak_key',
      explanation: 'the key has 1024 bits',
      operation: 'simpleenroll',
      steps: [{ step: 'csr', outcome: 'refused' as const, detail: 'the key has 1024 bits' }],
    });
    const known = (atMs: number) => ({ ...attempt(atMs), tokenId: 't' });
    const issued = {
      ...attempt(7),
      outcome: 'issued' as const,
      tokenId: 't',
      thingName: parseThingName('pump-1'),
      certificateId: certificateIdOf('pump-1'),
    };
    for (const one of [...[1, 2, 3, 4, 5, 6].map(known), issued]) {
      await transact((tx) => stores.enrollment.addAttempt(tx, one, { keep: 3 }));
    }
    expect(await stores.enrollment.attempts({ limit: 10 })).toEqual([issued, known(6), known(5)]);
    expect(await stores.enrollment.attempts({ limit: 1 })).toEqual([issued]);
    expect(await stores.enrollment.findAttempt('attempt-6')).toEqual(known(6));
    expect(await stores.enrollment.findAttempt('attempt-1')).toBeUndefined();
    for (const one of [10, 11, 12].map(attempt))
      await transact((tx) => stores.enrollment.addAttempt(tx, one, { keep: 2 }));
    const kept = await stores.enrollment.attempts({ limit: 10 });
    expect(kept).toEqual([attempt(12), attempt(11), issued, known(6), known(5)]);
  });
}
