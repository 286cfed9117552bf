import { parseThingName } from '@fleetward/core';
import { expect, test } from 'vitest';
import type { Claim, OwnershipToken, TemplateRecord } from '../../../src/provisioning/store.ts';
import { certificateIdOf, type Opened, outcomes, sha256Of } from './backend.ts';

export function describeProvisioning(opened: () => Opened): void {
  const template = (name: string, changes: Partial<TemplateRecord> = {}): TemplateRecord => ({
    name,
    defaultVersionId: 1,
    isEnabled: true,
    mayRejoin: false,
    createdAtMs: 5,
    ...changes,
  });
  const version = (name: string, versionId: number) => ({
    name,
    versionId,
    body: `{"v":${versionId}}`,
    createdAtMs: 6,
  });
  const add = (given: TemplateRecord) =>
    opened().transact((tx) => opened().stores.provisioning.addTemplate(tx, given, version(given.name, 1)));
  const token = (label: string, changes: Partial<OwnershipToken> = {}): OwnershipToken => ({
    hash: sha256Of(label),
    certificateId: certificateIdOf(label),
    claimId: certificateIdOf('claim'),
    expiresAtMs: 100,
    ...changes,
  });

  test('a template comes back as it was stored and changed, and a name is there once', async () => {
    const { stores, transact } = opened();
    const stored = template('b', { hookUrl: 'https://hook.example/', mayRejoin: true });
    await add(stored);
    await add(template('a'));
    await expect(add(template('a'))).rejects.toMatchObject({ code: 'store.conflict' });
    expect(await stores.provisioning.templates()).toEqual([template('a'), stored]);
    const changed = template('b', { isEnabled: false, defaultVersionId: 2 });
    expect(await transact((tx) => stores.provisioning.updateTemplate(tx, changed))).toBe(true);
    expect(await transact((tx) => stores.provisioning.updateTemplate(tx, template('none')))).toBe(false);
    expect(await stores.provisioning.templates()).toEqual([template('a'), changed]);
  });

  test('a version number is never given twice, and versions go with their template', async () => {
    const { stores, transact } = opened();
    const { provisioning } = stores;
    await add(template('versions'));
    await transact((tx) => provisioning.addVersion(tx, version('versions', 2)));
    expect(await provisioning.versions('versions')).toEqual([version('versions', 1), version('versions', 2)]);
    const key = { name: 'versions', versionId: 2 };
    const remove = () => transact((tx) => provisioning.removeVersion(tx, key));
    expect([await remove(), await remove()]).toEqual([true, false]);
    expect(await transact((tx) => provisioning.lastVersionId(tx, 'versions'))).toBe(2);
    const removeTemplate = () => transact((tx) => provisioning.removeTemplate(tx, 'versions'));
    expect([await removeTemplate(), await removeTemplate()]).toEqual([true, false]);
    expect(await provisioning.versions('versions')).toEqual([]);
  });

  test('claims stay until they have ended', async () => {
    const { stores, transact } = opened();
    const claim = (label: string, expiresAtMs: number): Claim => ({
      certificateId: certificateIdOf(label),
      templateName: 'lamps',
      createdAtMs: 1,
      expiresAtMs,
      createdBy: 'ada',
    });
    for (const each of [claim('soon', 10), claim('late', 11)])
      await transact((tx) => stores.provisioning.addClaim(tx, each));
    expect(await stores.provisioning.claims()).toHaveLength(2);
    await transact((tx) => stores.provisioning.removeEndedClaims(tx, 10));
    expect(await stores.provisioning.claims()).toEqual([claim('late', 11)]);
  });

  test('a claim comes back with its bounds, and is used as often as it may be and no more', async () => {
    const { stores, transact } = opened();
    const claim: Claim = {
      certificateId: certificateIdOf('bounded'),
      templateName: 'lamps',
      createdAtMs: 1,
      expiresAtMs: 50,
      createdBy: 'ada',
    };
    const { certificateId } = claim;
    const bounded = { ...claim, uses: { max: 2, left: 2 }, thingName: parseThingName('lamp-7') };
    const free = { ...claim, certificateId: certificateIdOf('free') };
    for (const each of [bounded, free]) await transact((tx) => stores.provisioning.addClaim(tx, each));
    expect(await stores.provisioning.claims()).toEqual(expect.arrayContaining([bounded, free]));
    const use = (id = certificateId) => transact((tx) => stores.provisioning.useClaim(tx, id));
    const used = await outcomes([use(), use(), use()]);
    expect(used.filter((each) => each === true)).toHaveLength(2);
    expect(await use(free.certificateId)).toBe(true);
    expect(await use(certificateIdOf('no claim'))).toBe(false);
    expect(await stores.provisioning.claims()).toContainEqual({ ...bounded, uses: { max: 2, left: 0 } });
    await transact((tx) => stores.provisioning.removeEndedClaims(tx, 50));
  });

  test('of racing takers of a token one wins; one that is rolled back gives it back', async () => {
    const { stores, transact } = opened();
    const { provisioning } = stores;
    await transact((tx) => provisioning.addToken(tx, token('taken')));
    expect(await provisioning.findToken(sha256Of('taken'))).toEqual(token('taken'));
    const failing = transact(async (tx) => {
      await provisioning.takeToken(tx, sha256Of('taken'));
      throw new Error('the hook said no');
    });
    await expect(failing).rejects.toThrow('the hook');
    const take = () => transact((tx) => provisioning.takeToken(tx, sha256Of('taken')));
    const taken = await outcomes(Array.from({ length: 5 }, take));
    expect(taken.filter((each) => each === true)).toHaveLength(1);
    expect(await provisioning.findToken(sha256Of('taken'))).toBeUndefined();
  });

  test('the token of a certificate that waits is found for the claim that asked for it, until it is taken', async () => {
    const { stores, transact } = opened();
    const { provisioning } = stores;
    const [waiting, other] = [token('waiting'), token('beside it')];
    for (const each of [waiting, other]) await transact((tx) => provisioning.addToken(tx, each));
    expect(await provisioning.findTokenOf(waiting)).toEqual(waiting);
    const byAnother = { ...waiting, claimId: certificateIdOf('another claim') };
    expect(await provisioning.findTokenOf(byAnother)).toBeUndefined();
    await transact((tx) => provisioning.takeToken(tx, waiting.hash));
    expect(await provisioning.findTokenOf(waiting)).toBeUndefined();
    expect(await provisioning.findTokenOf(other)).toEqual(other);
  });

  test('an answer comes back as it was kept, until it ends', async () => {
    const { stores, transact } = opened();
    const answer = {
      ...token('answered'),
      requestHash: sha256Of('request'),
      thingName: parseThingName('lamp-7'),
      deviceConfiguration: { url: 'https://lamps.example', nested: [1, { a: null }] },
    };
    await transact((tx) => stores.provisioning.addAnswer(tx, answer));
    expect(await stores.provisioning.findAnswer(answer.hash)).toEqual(answer);
    await transact((tx) => stores.provisioning.removeEndedAnswers(tx, answer.expiresAtMs - 1));
    expect(await stores.provisioning.findAnswer(answer.hash)).toEqual(answer);
    await transact((tx) => stores.provisioning.removeEndedAnswers(tx, answer.expiresAtMs));
    expect(await stores.provisioning.findAnswer(answer.hash)).toBeUndefined();
  });

  test('tokens that ended are found, and those of a claim counted', async () => {
    const { stores, transact } = opened();
    const { provisioning } = stores;
    const claimId = certificateIdOf('other claim');
    for (const expiresAtMs of [30, 10, 20])
      await transact((tx) => provisioning.addToken(tx, token(`t${expiresAtMs}`, { claimId, expiresAtMs })));
    expect(await provisioning.countTokens(claimId)).toBe(3);
    expect(await provisioning.countTokens(certificateIdOf('nobody'))).toBe(0);
    const ended = await provisioning.endedTokens({ atMs: 20, limit: 10 });
    expect(ended.map(({ expiresAtMs }) => expiresAtMs)).toEqual([10, 20]);
  });
}
