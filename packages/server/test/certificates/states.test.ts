import { generateKeyPairSync } from 'node:crypto';
import type { Transactor } from '@fleetward/core';
import { parsePublicKey } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mayBecome, shownState, standingOf } from '../../src/certificates/states.ts';
import type { CertificateState, CertificateSummary } from '../../src/certificates/store.ts';
import { issueDevice, openPlatform, type Platform, trailOf } from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const states: readonly CertificateState[] = ['PENDING_ACTIVATION', 'ACTIVE', 'INACTIVE', 'REVOKED'];
let folder: TemporaryFolder;
let platform: Platform;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

function standing({ certificateId }: Pick<CertificateSummary, 'certificateId'>) {
  return platform.certificates.standing(certificateId, platform.clock.now());
}

function signPending() {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  return platform.certificates.sign({
    profile: 'device',
    commonName: 'pump',
    publicKey: parsePublicKey(spki),
    state: 'PENDING_ACTIVATION',
  });
}

describe('the table of steps', () => {
  test('leads nobody out of a revocation, and nobody back to waiting for activation', () => {
    for (const state of states) {
      expect(mayBecome('REVOKED', state)).toBe(false);
      expect(mayBecome(state, 'PENDING_ACTIVATION')).toBe(false);
      expect(mayBecome(state, 'REVOKED')).toBe(state !== 'REVOKED');
    }
  });

  test('only what is active and has not ended stands as active; only what was active is shown as expired', () => {
    fc.assert(
      fc.property(fc.constantFrom(...states), fc.nat(20), fc.nat(20), (state, notAfterMs, nowMs) => {
        const certificate = { state, notAfterMs } as CertificateSummary;
        const isActive = state === 'ACTIVE' && nowMs <= notAfterMs;
        expect(standingOf(certificate, nowMs) === 'active').toBe(isActive);
        expect(shownState(certificate, nowMs)).toBe(state === 'ACTIVE' && !isActive ? 'EXPIRED' : state);
      }),
    );
  });
});

describe('a certificate', () => {
  test('recorded to be activated later may not speak before, also after a restart', async () => {
    const signed = await signPending();
    await platform.storage.transactor.transact((tx) => platform.certificates.record(tx, signed, operator));
    expect(standing(signed.record)).toBe('pending');
    const { keys, clock } = platform;
    await platform.close();
    platform = await openPlatform({ folder: folder.path, keys, clock });
    expect(standing(signed.record)).toBe('pending');
    const { certificateId } = signed.record;
    await platform.certificates.setState({ certificateId, state: 'ACTIVE' }, operator);
    expect(standing(signed.record)).toBe('active');
  });

  test('can be activated in the transaction that records it', async () => {
    const signed = await signPending();
    const { certificateId } = signed.record;
    await platform.storage.transactor.transact(async (tx) => {
      await platform.certificates.record(tx, signed, operator);
      await platform.certificates.setStateWithin(tx, { certificateId, state: 'ACTIVE' }, operator);
    });
    expect(standing(signed.record)).toBe('active');
    expect((await platform.certificates.get(certificateId)).state).toBe('ACTIVE');
  });

  test('is switched off and on again, with who and why in the trail; what it is already leaves no trace', async () => {
    const { record } = await issueDevice(platform, 'pump');
    const { certificateId } = record;
    const off = { certificateId, state: 'INACTIVE', reason: 'seen twice' } as const;
    expect(await platform.certificates.setState(off, operator)).toMatchObject({ kind: 'changed' });
    expect(standing(record)).toBe('inactive');
    expect((await platform.certificates.setState(off, operator)).kind).toBe('unchanged');
    await platform.certificates.setState({ certificateId, state: 'ACTIVE' }, operator);
    expect(standing(record)).toBe('active');
    expect(platform.events).toEqual([
      { kind: 'certificate-suspended', certificateId },
      { kind: 'certificate-resumed', certificateId },
    ]);
    expect((await trailOf(platform.trail)).slice(1)).toEqual([
      {
        kind: 'certificate.state_changed',
        payload: { certificateId, from: 'ACTIVE', to: 'INACTIVE', reason: 'seen twice' },
      },
      { kind: 'certificate.state_changed', payload: { certificateId, from: 'INACTIVE', to: 'ACTIVE' } },
    ]);
  });

  test('that is revoked cannot be activated, and one that is inactive can be revoked', async () => {
    const { record } = await issueDevice(platform, 'pump');
    const { certificateId } = record;
    await platform.certificates.setState({ certificateId, state: 'INACTIVE' }, operator);
    await platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator);
    for (const state of ['ACTIVE', 'INACTIVE'] as const)
      await expect(platform.certificates.setState({ certificateId, state }, operator)).rejects.toMatchObject({
        code: 'certificates.state',
      });
    expect(standing(record)).toBe('revoked');
  });

  test('that nobody issued is not found', async () => {
    const { record } = await signPending();
    const { certificateId } = record;
    await expect(
      platform.certificates.setState({ certificateId, state: 'ACTIVE' }, operator),
    ).rejects.toMatchObject({ code: 'certificates.not_found' });
  });
});

test('memory and live sessions know of it in the tick of the commit, and of a failed one nothing', async () => {
  const { keys, clock } = platform;
  await platform.close();
  const seen: unknown[] = [];
  let isBroken = false;
  platform = await openPlatform({
    folder: folder.path,
    keys,
    clock,
    wrapStorage: (storage) => {
      const transactor: Transactor = {
        transact: (work) =>
          storage.transactor.transact(async (tx) => {
            const result = await work(tx);
            if (isBroken) throw new Error('the disk is full');
            tx.afterCommit(() => seen.push([...platform.events]));
            return result;
          }),
      };
      return { ...storage, transactor };
    },
  });
  const { record } = await issueDevice(platform, 'pump');
  const { certificateId } = record;
  isBroken = true;
  const off = { certificateId, state: 'INACTIVE' } as const;
  await expect(platform.certificates.setState(off, operator)).rejects.toThrow('the disk is full');
  expect([standing(record), platform.events]).toEqual(['active', []]);
  isBroken = false;
  await platform.certificates.setState(off, operator);
  expect(seen.at(-1)).toEqual([{ kind: 'certificate-suspended', certificateId }]);
});

test('a revocation that is in force stays so when a change that was on its way is committed after it', async () => {
  const { record } = await issueDevice(platform, 'pump');
  const { certificateId } = record;
  await platform.certificates.setState({ certificateId, state: 'INACTIVE' }, operator);
  const [revoked] = await Promise.allSettled([
    platform.certificates.revoke({ certificateId, reason: 'keyCompromise' }, operator),
    platform.certificates.setState({ certificateId, state: 'ACTIVE' }, operator),
  ]);
  expect(revoked.status).toBe('fulfilled');
  expect(standing(record)).toBe('revoked');
  expect((await platform.certificates.get(certificateId)).state).toBe('REVOKED');
});
