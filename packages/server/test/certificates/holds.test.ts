import { copyFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseCertificateId } from '@fleetward/core';
import { encodePem, parseCrl } from '@fleetward/pki';
import { needs, openssl, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { JournalEntry } from '../../src/certificates/journal-entry.ts';
import { foldJournal } from '../../src/certificates/journal-fold.ts';
import { issueDevice, openPlatform, type Platform, reopened, trailOf } from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
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

type Device = Awaited<ReturnType<typeof issueDevice>>;

function standing({ record }: Device) {
  return platform.certificates.standing(record.certificateId, platform.clock.now());
}

async function revoke({ record }: Device, reason: 'certificateHold' | 'keyCompromise') {
  platform.clock.advance(1_000);
  const { certificateId } = record;
  const outcome = await platform.certificates.revoke({ certificateId, reason }, operator);
  if (outcome.kind === 'revoked') await outcome.crl;
  return outcome;
}

async function unhold({ record }: Device) {
  platform.clock.advance(1_000);
  const outcome = await platform.certificates.unhold(record.certificateId, operator);
  if (outcome.kind === 'lifted') await outcome.crl;
  return outcome;
}

/** What the CRL in force says of it. */
function onCrl({ record }: Device): string | undefined {
  const issuerId = platform.certificates.activeIssuer()!.certificateId;
  return parseCrl(platform.certificates.crl(issuerId)!.der).revoked.get(record.serial)?.reason;
}

async function reopen(backup?: string): Promise<void> {
  platform = await reopened(platform, backup);
}

async function backUp(name: string): Promise<void> {
  const { keys, clock } = platform;
  await platform.close();
  copyFileSync(folder.join('records.db'), folder.join(name));
  platform = await openPlatform({ folder: folder.path, keys, clock });
}

describe('a hold', () => {
  test('shuts out and stands on the CRL; lifted it does neither, and the trail has both', async () => {
    const device = await issueDevice(platform, 'pump');
    await revoke(device, 'certificateHold');
    expect([standing(device), onCrl(device)]).toEqual(['revoked', 'certificateHold']);
    expect(await unhold(device)).toMatchObject({ kind: 'lifted', state: 'ACTIVE' });
    expect([standing(device), onCrl(device)]).toEqual(['active', undefined]);
    const { certificateId } = device.record;
    expect(platform.events).toEqual([
      { kind: 'certificate-suspended', certificateId },
      { kind: 'certificate-resumed', certificateId },
    ]);
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(['certificate.issued', 'certificate.revoked', 'certificate.unheld']);
    await reopen();
    expect([standing(device), onCrl(device)]).toEqual(['active', undefined]);
  });

  test('may be laid again, and each is lifted on its own', async () => {
    const device = await issueDevice(platform, 'pump');
    for (let times = 0; times < 2; times++) {
      await revoke(device, 'certificateHold');
      await reopen();
      expect(standing(device)).toBe('revoked');
      await unhold(device);
      await reopen();
      expect(standing(device)).toBe('active');
    }
  });

  test('of an inactive certificate leaves it inactive when it is lifted', async () => {
    const device = await issueDevice(platform, 'pump');
    const { certificateId } = device.record;
    await platform.certificates.setState({ certificateId, state: 'INACTIVE' }, operator);
    await revoke(device, 'certificateHold');
    await unhold(device);
    expect(standing(device)).toBe('inactive');
    await reopen();
    expect(standing(device)).toBe('inactive');
  });

  test('becomes a revocation for ever, also on the CRL, which nothing lifts', async () => {
    const device = await issueDevice(platform, 'pump');
    await revoke(device, 'certificateHold');
    expect(await revoke(device, 'keyCompromise')).toMatchObject({ kind: 'revoked' });
    expect(await revoke(device, 'certificateHold')).toMatchObject({ kind: 'already-revoked' });
    await expect(unhold(device)).rejects.toMatchObject({ code: 'certificates.state' });
    await reopen();
    await expect(unhold(device)).rejects.toMatchObject({ code: 'certificates.state' });
    expect([standing(device), onCrl(device)]).toEqual(['revoked', 'keyCompromise']);
  });

  test('cannot be lifted from what is not held, or is not there', async () => {
    const device = await issueDevice(platform, 'pump');
    expect(await unhold(device)).toEqual({ kind: 'not-held', state: 'ACTIVE' });
    const nobody = parseCertificateId('ab'.repeat(32));
    await expect(platform.certificates.unhold(nobody, operator)).rejects.toMatchObject({
      code: 'certificates.not_found',
    });
  });
});

describe('after a restore of an older database', () => {
  test.each([
    ['from before the hold', 'before', 'revoked'],
    ['from within an earlier hold', 'within', 'revoked'],
    ['from after that was lifted', 'after', 'revoked'],
  ])('%s, a hold in force is in force', async (_, backup, expected) => {
    const device = await issueDevice(platform, 'pump');
    await backUp('before');
    await revoke(device, 'certificateHold');
    await backUp('within');
    await unhold(device);
    await backUp('after');
    await revoke(device, 'certificateHold');
    await reopen(backup);
    expect([standing(device), onCrl(device)]).toEqual([expected, 'certificateHold']);
  });

  test.each(['before', 'within', 'after'])('from %s, a hold that was lifted is lifted', async (backup) => {
    const device = await issueDevice(platform, 'pump');
    await backUp('before');
    await revoke(device, 'certificateHold');
    await backUp('within');
    await unhold(device);
    await backUp('after');
    await reopen(backup);
    expect([standing(device), onCrl(device)]).toEqual(['active', undefined]);
    if (backup === 'within')
      expect((await trailOf(platform.trail)).at(-1)).toMatchObject({
        kind: 'certificate.unheld',
        payload: { replayedFromJournal: true },
      });
  });

  test('a revocation that took the place of a hold is for ever', async () => {
    const device = await issueDevice(platform, 'pump');
    await revoke(device, 'certificateHold');
    await backUp('held');
    await revoke(device, 'keyCompromise');
    await reopen('held');
    expect([standing(device), onCrl(device)]).toEqual(['revoked', 'keyCompromise']);
  });

  test('a lost journal is written anew, and holds what is held now', async () => {
    const device = await issueDevice(platform, 'pump');
    await backUp('before');
    await revoke(device, 'certificateHold');
    await unhold(device);
    await revoke(device, 'certificateHold');
    const { keys, clock } = platform;
    await platform.close();
    rmSync(folder.join('revocations.jsonl'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
    await reopen('before');
    expect(standing(device)).toBe('revoked');
  });
});

test('a hold whose end could not be journalled lasts, until it is lifted again', async () => {
  const device = await issueDevice(platform, 'pump');
  await revoke(device, 'certificateHold');
  const { storage } = platform;
  // As when the process ended between the commit and the journal.
  const { certificateId } = device.record;
  await storage.transactor.transact((tx) =>
    storage.stores.certificates.unhold(tx, { certificateId, heldAtMs: platform.clock.now() }),
  );
  expect(standing(device)).toBe('revoked');
  expect(await unhold(device)).toMatchObject({ kind: 'lifted', state: 'ACTIVE' });
  await revoke(device, 'certificateHold');
  await platform.storage.transactor.transact((tx) =>
    platform.storage.stores.certificates.unhold(tx, { certificateId, heldAtMs: platform.clock.now() }),
  );
  await reopen();
  expect([standing(device), onCrl(device)]).toEqual(['revoked', 'certificateHold']);
});

test('whatever the journal holds, what is for ever governs, then the later of a hold and its end', () => {
  const certificateId = parseCertificateId('ab'.repeat(32));
  const step = fc.constantFrom<('hold' | 'for ever' | 'end')[]>('hold', 'for ever', 'end');
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 8 }), (steps) => {
      const governing = foldJournal(steps.map((one, at) => entryOf(one, at))).get(certificateId);
      const isRevoked = steps.includes('for ever') || steps.at(-1) === 'hold';
      expect(governing?.kind).toBe(isRevoked ? 'revoked' : 'lifted');
      if (governing?.kind === 'revoked')
        expect(governing.entry.reason).toBe(steps.includes('for ever') ? 'superseded' : 'certificateHold');
    }),
  );
  function entryOf(step: 'hold' | 'for ever' | 'end', atMs: number): JournalEntry {
    if (step === 'end')
      return { kind: 'certificate-unheld', certificateId, heldAtMs: atMs, unheldAtMs: atMs };
    const reason = step === 'hold' ? 'certificateHold' : 'superseded';
    const entry = { certificateId, issuerId: certificateId, serial: '1', notAfterMs: 9, revokedAtMs: atMs };
    return { kind: 'certificate-revoked', ...entry, reason };
  }
});

needs('openssl', 'openssl').describe('openssl', () => {
  test('refuses a certificate on hold, and accepts it again', async () => {
    const device = await issueDevice(platform, 'pump');
    const { roots } = platform.certificates.trust();
    writeFileSync(folder.join('roots.pem'), roots.map(({ der }) => encodePem('CERTIFICATE', der)).join(''));
    writeFileSync(folder.join('issuing.pem'), encodePem('CERTIFICATE', device.chain[1]!.der));
    writeFileSync(folder.join('leaf.pem'), encodePem('CERTIFICATE', device.certificate.der));
    const verify = () => {
      const issuerId = platform.certificates.activeIssuer()!.certificateId;
      writeFileSync(folder.join('crl.pem'), encodePem('X509 CRL', platform.certificates.crl(issuerId)!.der));
      const at = String(Math.floor(platform.clock.now() / 1000));
      const files = ['-CAfile', folder.join('roots.pem'), '-untrusted', folder.join('issuing.pem')];
      const crlFile = ['-CRLfile', folder.join('crl.pem'), '-crl_check', '-attime', at];
      return openssl(['verify', ...files, ...crlFile, folder.join('leaf.pem')]);
    };
    await revoke(device, 'certificateHold');
    await expect(verify()).rejects.toThrow('certificate revoked');
    await unhold(device);
    expect((await verify()).toString()).toContain('OK');
  });
});
