import { expect, test } from 'vitest';
import { type Opened, outcomes, sha256Of } from './backend.ts';

export function describeOperators(opened: () => Opened): void {
  const setupToken = (label: string) => ({ hash: sha256Of(label), createdAtMs: 10, expiresAtMs: 20 });
  const operator = (operatorId: string, name = operatorId) => ({ operatorId, name, createdAtMs: 1 });
  const token = (tokenId: string, operatorId: string) => ({
    tokenId,
    operatorId,
    hash: sha256Of(tokenId),
    createdAtMs: 1_900_000_000_000,
    expiresAtMs: 1_900_000_000_001,
  });

  test('of racing uses of a setup token one wins', async () => {
    const { stores, transact } = opened();
    const given = setupToken('race');
    await transact((tx) => stores.operators.addSetupToken(tx, given));
    const use = () => transact((tx) => stores.operators.useSetupToken(tx, { hash: given.hash, atMs: 15 }));
    const results = await Promise.all(Array.from({ length: 8 }, use));
    expect(results.filter(Boolean)).toHaveLength(1);
    expect(await stores.operators.findSetupToken(given.hash)).toEqual({ ...given, usedAtMs: 15 });
  });

  test('a setup token that does not exist cannot be used', async () => {
    const { stores, transact } = opened();
    const hash = sha256Of('never given');
    expect(await transact((tx) => stores.operators.useSetupToken(tx, { hash, atMs: 1 }))).toBe(false);
    expect(await stores.operators.findSetupToken(hash)).toBeUndefined();
  });

  test('an invitation is found until it is used, or removed by its name or because it has expired', async () => {
    const { stores, transact } = opened();
    const invited = (operatorName: string, expiresAtMs = 20) => ({
      ...setupToken(`for ${operatorName}`),
      expiresAtMs,
      invitation: { operatorName, invitedBy: 'ada' },
    });
    const [bob, cid, dan, eve] = [invited('bob'), invited('cid'), invited('dan', 30), invited('eve', 30)];
    await transact(async (tx) => {
      await stores.operators.removeUnusedSetupTokens(tx);
      for (const one of [setupToken('of the machine'), eve, dan, cid, bob])
        await stores.operators.addSetupToken(tx, one);
      expect(await stores.operators.unusedInvitations(tx)).toEqual([bob, cid, dan, eve]);
      await stores.operators.useSetupToken(tx, { hash: cid.hash, atMs: 15 });
    });
    expect(await stores.operators.findSetupToken(cid.hash)).toEqual({ ...cid, usedAtMs: 15 });
    const remove = (which: { operatorName: string } | { expiredAtMs: number }) =>
      transact((tx) => stores.operators.removeUnusedSetupTokens(tx, which));
    expect(await remove({ operatorName: 'dan' })).toBe(1);
    expect(await remove({ operatorName: 'cid' })).toBe(0);
    expect(await remove({ expiredAtMs: 19 })).toBe(0);
    expect(await remove({ expiredAtMs: 20 })).toBe(1);
    expect(await stores.operators.unusedInvitations()).toEqual([eve]);
    expect(await stores.operators.findSetupToken(setupToken('of the machine').hash)).toBeDefined();
  });

  test('unused setup tokens are removed, used ones stay', async () => {
    const { stores, transact } = opened();
    const [spent, open] = [setupToken('spent'), setupToken('open')];
    await transact(async (tx) => {
      await stores.operators.removeUnusedSetupTokens(tx);
      for (const one of [spent, open]) await stores.operators.addSetupToken(tx, one);
      await stores.operators.useSetupToken(tx, { hash: spent.hash, atMs: 15 });
    });
    expect(await transact((tx) => stores.operators.removeUnusedSetupTokens(tx))).toBe(1);
    expect(await stores.operators.findSetupToken(open.hash)).toBeUndefined();
    expect(await stores.operators.findSetupToken(spent.hash)).toEqual({ ...spent, usedAtMs: 15 });
  });

  test('of racing operators of one name one is made, the others conflict', async () => {
    const { stores, transact } = opened();
    const add = (id: string) =>
      transact((tx) => stores.operators.addOperator(tx, operator(id, 'ada'))).then(() => 'added');
    const results = await outcomes([add('a-1'), add('a-2'), add('a-3')]);
    expect([...results].sort()).toEqual(['added', 'store.conflict', 'store.conflict']);
  });

  test('operators and their tokens come back as they were stored', async () => {
    const { stores, transact } = opened();
    await transact(async (tx) => {
      await stores.operators.addOperator(tx, operator('grace'));
      await stores.operators.addToken(tx, token('g-1', 'grace'));
      await stores.operators.addToken(tx, token('g-2', 'grace'));
    });
    expect(await stores.operators.findOperator('grace')).toEqual(operator('grace'));
    expect(await stores.operators.findOperator('nobody')).toBeUndefined();
    const invited = { ...operator('hedy'), invitedBy: 'grace' };
    await transact((tx) => stores.operators.addOperator(tx, invited));
    expect(await stores.operators.findOperator('hedy')).toEqual(invited);
    expect((await stores.operators.listOperators()).map((one) => one.operatorId)).toContain('grace');
    expect(await stores.operators.findToken(sha256Of('g-1'))).toEqual(token('g-1', 'grace'));
    expect(await stores.operators.findToken(sha256Of('g-9'))).toBeUndefined();
    const listed = await stores.operators.listTokens('grace');
    expect(listed).toEqual([token('g-1', 'grace'), token('g-2', 'grace')]);
  });

  test('a token is revoked once', async () => {
    const { stores, transact } = opened();
    await transact(async (tx) => {
      await stores.operators.addOperator(tx, operator('linus'));
      await stores.operators.addToken(tx, token('l-1', 'linus'));
    });
    const revoke = (atMs: number, tokenId = 'l-1') =>
      transact((tx) => stores.operators.revokeToken(tx, { tokenId, atMs }));
    expect([await revoke(7), await revoke(8), await revoke(7, 'none')]).toEqual([true, false, false]);
    expect((await stores.operators.findToken(sha256Of('l-1')))?.revokedAtMs).toBe(7);
  });

  test('a token of an operator who does not exist is refused', async () => {
    const { stores, transact } = opened();
    const added = transact((tx) => stores.operators.addToken(tx, token('x-1', 'ghost')));
    expect(await outcomes([added])).toEqual(['store.conflict']);
  });
}
