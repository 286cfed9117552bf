import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createSetupToken, type OperatorService, openOperatorService } from '../../src/operators/index.ts';
import { openRecords, type Records } from './records.ts';

const dayMs = 86_400_000;

let records: Records;
let operators: OperatorService;

beforeEach(async () => {
  records = await openRecords();
  operators = await open();
});

afterEach(() => records.close());

function open(
  trail: Parameters<typeof openOperatorService>[0]['trail'] = records.trail,
): Promise<OperatorService> {
  const { storage, clock, random } = records;
  const { transactor, stores } = storage;
  return openOperatorService({ store: stores.operators, transactor, trail, clock, random });
}

async function offerSetup(): Promise<string> {
  const { clock, random, storage } = records;
  const { secret, token } = createSetupToken({ random, nowMs: clock.now(), validityMs: dayMs });
  await storage.transactor.transact((tx) => storage.stores.operators.addSetupToken(tx, token));
  return secret;
}

const setUp = async (operatorName = 'ada') =>
  operators.completeSetup({ setupToken: await offerSetup(), operatorName });

describe('setup', () => {
  test('makes an operator whose token is good for 90 days', async () => {
    const { operator, token } = await setUp();
    expect(token.secret).toMatch(/^fwo_[A-Za-z0-9_-]{43}$/);
    expect(operators.authenticate(token.secret)).toEqual({ kind: 'accepted', operator });
    records.clock.advance(90 * dayMs - 1);
    expect(operators.authenticate(token.secret).kind).toBe('accepted');
    records.clock.advance(1);
    expect(operators.authenticate(token.secret)).toEqual({ kind: 'refused', reason: 'expired' });
  });

  test('happens once for a setup token, in its time, and says the same of every refusal', async () => {
    const used = await offerSetup();
    await operators.completeSetup({ setupToken: used, operatorName: 'ada' });
    const expired = await offerSetup();
    records.clock.advance(dayMs);
    const messages = new Set<string>();
    for (const setupToken of [used, expired, 'fws_unknown']) {
      const failure = await operators
        .completeSetup({ setupToken, operatorName: 'eve' })
        .catch((error) => error);
      expect(failure).toMatchObject({ code: 'operators.setup_refused' });
      messages.add(failure.message);
    }
    expect(messages.size).toBe(1);
    expect(operators.operators()).toHaveLength(1);
  });

  test('of two at the same moment makes one operator', async () => {
    const setupToken = await offerSetup();
    const tries = ['ada', 'bob', 'cid'].map((operatorName) =>
      operators.completeSetup({ setupToken, operatorName }),
    );
    const outcomes = await Promise.allSettled(tries);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(operators.operators()).toHaveLength(1);
    expect(await records.kinds()).toEqual(['setup.completed', 'operator.created', 'operator.token_created']);
  });

  test('under a name that is taken spends nothing', async () => {
    await setUp('ada');
    const setupToken = await offerSetup();
    const again = operators.completeSetup({ setupToken, operatorName: 'ada' });
    await expect(again).rejects.toMatchObject({ code: 'operators.name_taken' });
    await operators.completeSetup({ setupToken, operatorName: 'bob' });
    expect(operators.operators().map(({ name }) => name)).toEqual(['ada', 'bob']);
  });

  test('without its trail entry does not happen', async () => {
    const broken = await open({ append: async () => Promise.reject(new Error('no trail')) });
    const setupToken = await offerSetup();
    await expect(broken.completeSetup({ setupToken, operatorName: 'ada' })).rejects.toThrow('no trail');
    expect([broken.operators(), broken.tokens()]).toEqual([[], []]);
    await operators.completeSetup({ setupToken, operatorName: 'ada' });
  });
});

describe('an invitation', () => {
  const invitedBy = async () => (await setUp()).operator.operatorId;

  test('makes one operator of its name, in its time, and is in the trail', async () => {
    const by = await invitedBy();
    const { secret, invitation } = await operators.invite({ operatorName: 'bob', by });
    expect(invitation.expiresAtMs).toBe(records.clock.now() + dayMs);
    const asEve = operators.completeSetup({ setupToken: secret, operatorName: 'eve' });
    await expect(asEve).rejects.toMatchObject({ code: 'operators.setup_refused' });
    const { operator } = await operators.completeSetup({ setupToken: secret, operatorName: 'bob' });
    expect(operator).toMatchObject({ name: 'bob', invitedBy: by });
    const again = operators.completeSetup({ setupToken: secret, operatorName: 'bob' });
    await expect(again).rejects.toMatchObject({ code: 'operators.setup_refused' });
    const late = await operators.invite({ operatorName: 'cid', by, validityHours: 1 });
    records.clock.advance(dayMs / 24);
    const tooLate = operators.completeSetup({ setupToken: late.secret, operatorName: 'cid' });
    await expect(tooLate).rejects.toMatchObject({ code: 'operators.setup_refused' });
    expect((await records.kinds()).slice(3)).toEqual([
      'operator.invited',
      'setup.completed',
      'operator.created',
      'operator.token_created',
      'operator.invited',
    ]);
    operators = await open();
    expect(operators.operators()).toContainEqual(operator);
  });

  test('is void when it is withdrawn, when there is a newer one for the name, and after a setup token of the machine', async () => {
    const by = await invitedBy();
    const first = await operators.invite({ operatorName: 'bob', by });
    const second = await operators.invite({ operatorName: 'bob', by });
    expect((await operators.invitations()).map(({ hash }) => hash)).toEqual([second.invitation.hash]);
    await operators.withdrawInvitation({ operatorName: 'bob', by });
    expect(await operators.invitations()).toEqual([]);
    const none = operators.withdrawInvitation({ operatorName: 'bob', by });
    await expect(none).rejects.toMatchObject({ code: 'operators.not_found' });
    const third = await operators.invite({ operatorName: 'bob', by });
    const { transactor, stores } = records.storage;
    expect(await transactor.transact((tx) => stores.operators.removeUnusedSetupTokens(tx))).toBe(1);
    for (const { secret } of [first, second, third]) {
      const refused = operators.completeSetup({ setupToken: secret, operatorName: 'bob' });
      await expect(refused).rejects.toMatchObject({ code: 'operators.setup_refused' });
    }
  });

  test('is for nobody who is here, and there are twenty at most; those that expired take no room', async () => {
    const by = await invitedBy();
    const taken = operators.invite({ operatorName: 'ada', by });
    await expect(taken).rejects.toMatchObject({ code: 'operators.name_taken' });
    for (let at = 0; at < 20; at++) await operators.invite({ operatorName: `o${at}`, by });
    const more = operators.invite({ operatorName: 'bob', by });
    await expect(more).rejects.toMatchObject({ code: 'operators.too_many_invitations' });
    await operators.invite({ operatorName: 'o7', by });
    records.clock.advance(dayMs);
    expect(await operators.invitations()).toEqual([]);
    await operators.invite({ operatorName: 'bob', by });
    expect(await records.storage.stores.operators.unusedInvitations()).toHaveLength(1);
  });

  test('leads back to who came by the machine: nobody makes a second person of themselves', async () => {
    const ada = await invitedBy();
    const come = async (operatorName: string, by: string) => {
      const { secret } = await operators.invite({ operatorName, by });
      return (await operators.completeSetup({ setupToken: secret, operatorName })).operator.operatorId;
    };
    const bob = await come('bob', ada);
    const [cid, dan] = [await come('cid', bob), await come('dan', ada)];
    const { operatorId: eve } = (await setUp('eve')).operator;
    for (const [one, other] of [
      [ada, bob],
      [cid, ada],
      [cid, dan],
    ] as const)
      expect([operators.areIndependent(one, other), operators.areIndependent(other, one)]).toEqual([
        false,
        false,
      ]);
    expect(operators.areIndependent(cid, eve)).toBe(true);
    expect(operators.areIndependent(await come('fay', eve), dan)).toBe(true);
  });
});

describe('a token', () => {
  test('is good until it is revoked, then at once not', async () => {
    const { operator } = await setUp();
    const { operatorId } = operator;
    const { secret, token } = await operators.createToken({ operatorId, validityDays: 1 });
    expect(token.expiresAtMs).toBe(records.clock.now() + dayMs);
    await operators.revokeToken({ tokenId: token.tokenId, by: operatorId });
    expect(operators.authenticate(secret)).toEqual({ kind: 'refused', reason: 'revoked' });
    const again = operators.revokeToken({ tokenId: token.tokenId, by: operatorId });
    await expect(again).rejects.toMatchObject({ code: 'operators.not_found' });
    expect((await records.kinds()).slice(3)).toEqual(['operator.token_created', 'operator.token_revoked']);
  });

  test('is what it was after a restart', async () => {
    const { token } = await setUp();
    const { operatorId } = token.token;
    const revoked = await operators.createToken({ operatorId });
    await operators.revokeToken({ tokenId: revoked.token.tokenId, by: operatorId });
    operators = await open();
    expect(operators.authenticate(token.secret).kind).toBe('accepted');
    expect(operators.authenticate(revoked.secret)).toEqual({ kind: 'refused', reason: 'revoked' });
  });

  test('is not in the files of the records nor in the trail', async () => {
    const setupToken = await offerSetup();
    const { token } = await operators.completeSetup({ setupToken, operatorName: 'ada' });
    const { folder } = records;
    const files = readdirSync(folder.path).map((name) => readFileSync(folder.join(name)));
    expect(files.some((bytes) => bytes.includes('ada'))).toBe(true);
    for (const secret of [setupToken, token.secret]) {
      expect(files.some((bytes) => bytes.includes(secret))).toBe(false);
    }
    expect(JSON.stringify(await records.trail.page({ afterSeq: 0, limit: 10 }))).not.toMatch(/fw[os]_/);
  });

  test('more than a hundred of one operator are not made until one is revoked', async () => {
    const { token } = await setUp();
    const { operatorId } = token.token;
    const others = await Promise.all(Array.from({ length: 99 }, () => operators.createToken({ operatorId })));
    const more = () => operators.createToken({ operatorId });
    await expect(more()).rejects.toMatchObject({ code: 'operators.too_many_tokens' });
    await operators.revokeToken({ tokenId: others[0]!.token.tokenId, by: operatorId });
    expect((await more()).secret).toMatch(/^fwo_/);
  });

  test('that nobody made is refused, whatever it looks like', async () => {
    const { token } = await setUp();
    const near = fc
      .nat({ max: token.secret.length - 1 })
      .map((at) => `${token.secret.slice(0, at)}!${token.secret.slice(at + 1)}`);
    fc.assert(
      fc.property(fc.oneof(fc.string(), near), (guess) => {
        expect(operators.authenticate(guess)).toEqual({ kind: 'refused', reason: 'unknown' });
      }),
    );
  });
});
