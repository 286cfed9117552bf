import { generateKeyPairSync } from 'node:crypto';
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { Transactor } from '@fleetward/core';
import { encodePem, issueCertificate, parseCrl, parsePublicKey, validatePath } from '@fleetward/pki';
import { needs, openssl, seededRandom, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Storage } from '../../src/storage/index.ts';
import {
  issueDevice as issueDeviceOn,
  openPlatform,
  type Platform,
  reopened,
  trailOf,
} from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const dayMs = 86_400_000;
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

function issueDevice(commonName = 'dev-1') {
  return issueDeviceOn(platform, commonName);
}

/** Runs `look` as the last effect of every commit, in the same tick as the effects of the change itself. */
function afterEachCommit(storage: Storage, look: () => void): Storage {
  const transactor: Transactor = {
    transact: (work) =>
      storage.transactor.transact(async (tx) => {
        const result = await work(tx);
        tx.afterCommit(look);
        return result;
      }),
  };
  return { ...storage, transactor };
}

function currentCrl() {
  return parseCrl(platform.certificates.crl(platform.certificates.activeIssuer()!.certificateId)!.der);
}

function crlSerials(): readonly string[] {
  return [...currentCrl().revoked.keys()];
}

async function reopen(): Promise<void> {
  platform = await reopened(platform);
}

describe('issuing', () => {
  test('a device certificate is accepted by the gateway’s own path validation and is active', async () => {
    const { certificate } = await issueDevice();
    const { roots, issuers } = platform.certificates.trust();
    const atMs = platform.clock.now();
    const path = validatePath({ leaf: certificate, untrusted: issuers, roots, atMs, purpose: 'clientAuth' });
    expect(path.kind).toBe('accepted');
    expect(platform.certificates.standing(certificate.id, atMs)).toBe('active');
    expect((await trailOf(platform.trail)).map(({ kind }) => kind)).toEqual(['certificate.issued']);
  });

  test('a server certificate is refused as a client', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const chain = await platform.certificates.issueServerCertificate({
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
    });
    const { roots, issuers } = platform.certificates.trust();
    const input = { leaf: chain[0]!, untrusted: issuers, roots, atMs: platform.clock.now() } as const;
    expect(validatePath({ ...input, purpose: 'serverAuth' }).kind).toBe('accepted');
    expect(validatePath({ ...input, purpose: 'clientAuth' }).kind).toBe('refused');
  });

  test('a certificate that was signed and not recorded is unknown', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
    const request = { profile: 'device', commonName: 'x', publicKey: parsePublicKey(spki) } as const;
    const { certificate } = await platform.certificates.sign(request);
    expect(platform.certificates.standing(certificate.id, platform.clock.now())).toBe('unknown');
  });

  test('the registry survives a restart, and tells expiry by the clock', async () => {
    const { certificate } = await issueDevice();
    await reopen();
    expect(platform.certificates.standing(certificate.id, certificate.notAfterMs)).toBe('active');
    expect(platform.certificates.standing(certificate.id, certificate.notAfterMs + 1)).toBe('expired');
  });

  test('many certificates are signed and recorded together: in force at once, one entry a hundred in the trail', async () => {
    const requests = Array.from({ length: 130 }, (_, at) => {
      const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
      return { profile: 'device', commonName: `device-${at}`, publicKey: parsePublicKey(spki) } as const;
    });
    const signed = await platform.certificates.signAll(requests);
    const record = () =>
      platform.storage.transactor.transact((tx) =>
        platform.certificates.recordAll(tx, signed, { kind: 'system' }),
      );
    await record();
    for (const { certificate } of signed)
      expect(platform.certificates.standing(certificate.id, platform.clock.now())).toBe('active');
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds).toEqual(['certificate.batch_issued', 'certificate.batch_issued']);
    await expect(record()).rejects.toMatchObject({ code: 'certificates.exists' });
  });

  test('a retired CA issues no more', async () => {
    const { certificateId } = platform.certificates.activeIssuer()!;
    await platform.certificates.setAuthorityState({ certificateId, state: 'retired' }, operator);
    await expect(issueDevice()).rejects.toMatchObject({ code: 'certificates.no_issuing_ca' });
  });
});

describe('revocation', () => {
  test('takes effect in memory, on live sessions, in the trail and on the CRL', async () => {
    const { certificate } = await issueDevice();
    const outcome = await platform.certificates.revoke(
      { certificateId: certificate.id, reason: 'keyCompromise' },
      operator,
    );
    expect(outcome.kind).toBe('revoked');
    if (outcome.kind !== 'revoked') return;
    expect(outcome.steps.map(({ step }) => step)).toEqual([
      'requested',
      'journalled',
      'committed',
      'in-force',
      'sessions-cut',
    ]);
    expect(platform.events).toEqual([{ kind: 'certificate-revoked', certificateId: certificate.id }]);
    expect(platform.certificates.standing(certificate.id, platform.clock.now())).toBe('revoked');
    expect((await outcome.crl).kind).toBe('signed');
    expect(crlSerials()).toEqual([certificate.serial]);
    expect((await trailOf(platform.trail)).map(({ kind }) => kind)).toEqual([
      'certificate.issued',
      'certificate.revoked',
    ]);
  });

  test('memory and sessions follow in the very tick in which the commit is known', async () => {
    const { certificate } = await issueDevice();
    const { keys, clock } = platform;
    await platform.close();
    const seen: unknown[] = [];
    platform = await openPlatform({
      folder: folder.path,
      keys,
      clock,
      wrapStorage: (storage) =>
        afterEachCommit(storage, () => {
          seen.push([platform.certificates.standing(certificate.id, clock.now()), platform.events.length]);
        }),
    });
    const wanted = { certificateId: certificate.id, reason: 'unspecified' } as const;
    const outcome = await platform.certificates.revoke(wanted, operator);
    expect(outcome.kind).toBe('revoked');
    expect(seen[0]).toEqual(['revoked', 1]);
  });

  test('of two racing revocations one revokes and leaves one entry', async () => {
    const { certificate } = await issueDevice();
    const wanted = { certificateId: certificate.id, reason: 'unspecified' } as const;
    const outcomes = await Promise.all([1, 2].map(() => platform.certificates.revoke(wanted, operator)));
    expect(outcomes.map(({ kind }) => kind).sort()).toEqual(['already-revoked', 'revoked']);
    const kinds = (await trailOf(platform.trail)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'certificate.revoked')).toHaveLength(1);
  });

  test('an unknown certificate cannot be revoked', async () => {
    const certificateId = platform.certificates.activeIssuer()!.certificateId;
    await expect(
      platform.certificates.revoke({ certificateId, reason: 'unspecified' }, operator),
    ).rejects.toMatchObject({
      code: 'certificates.not_found',
    });
  });

  test('revocations that come together share a CRL, and every one of them is on it', async () => {
    const issued = await Promise.all(Array.from({ length: 8 }, (_, n) => issueDevice(`dev-${n}`)));
    const outcomes = await Promise.all(
      issued.map(({ record: { certificateId } }) =>
        platform.certificates.revoke({ certificateId, reason: 'superseded' }, operator),
      ),
    );
    const crls = await Promise.all(
      outcomes.map((outcome) => (outcome.kind === 'revoked' ? outcome.crl : undefined)),
    );
    const numbers = new Set(crls.map((crl) => (crl?.kind === 'signed' ? crl.number : undefined)));
    expect(numbers.has(undefined)).toBe(false);
    expect(numbers.size).toBeLessThanOrEqual(2);
    expect([...crlSerials()].sort()).toEqual(issued.map(({ record }) => record.serial).sort());
  });

  test('CRL numbers rise and are at least the Unix time in seconds', async () => {
    const numbers: number[] = [];
    for (const name of ['a', 'b', 'c']) {
      const { record } = await issueDevice(name);
      const outcome = await platform.certificates.revoke(
        { certificateId: record.certificateId, reason: 'unspecified' },
        operator,
      );
      const crl = outcome.kind === 'revoked' ? await outcome.crl : undefined;
      if (crl?.kind === 'signed') numbers.push(crl.number);
    }
    expect(numbers).toHaveLength(3);
    expect(numbers).toEqual([...new Set(numbers)].sort((a, b) => a - b));
    expect(numbers[0]).toBeGreaterThanOrEqual(Math.floor(platform.clock.now() / 1000));
  });

  test('the CRL is signed again after half of its life, and not before', async () => {
    const issuer = platform.certificates.activeIssuer()!.certificateId;
    const first = platform.certificates.crl(issuer);
    platform.clock.advance(11 * 3_600_000);
    await platform.certificates.refreshCrls();
    expect(platform.certificates.crl(issuer)).toBe(first);
    platform.clock.advance(2 * 3_600_000);
    await platform.certificates.refreshCrls();
    expect(platform.certificates.crl(issuer)).not.toBe(first);
  });
});

test('a CRL that cannot be signed is told, stays owed, and is signed once that is possible', async () => {
  const { keys, clock } = platform;
  await platform.close();
  let isBroken = false;
  const gone = () => Promise.reject(new Error('the signing process is gone'));
  platform = await openPlatform({
    folder: folder.path,
    keys,
    clock,
    wrapSigner: (signer) => ({ ...signer, sign: (message) => (isBroken ? gone() : signer.sign(message)) }),
  });
  const { certificate } = await issueDevice();
  isBroken = true;
  const wanted = { certificateId: certificate.id, reason: 'unspecified' } as const;
  const outcome = await platform.certificates.revoke(wanted, operator);
  expect(platform.certificates.standing(certificate.id, clock.now())).toBe('revoked');
  expect(outcome.kind === 'revoked' && (await outcome.crl).kind).toBe('failed');
  await expect(platform.certificates.refreshCrls()).rejects.toThrow('the signing process is gone');
  isBroken = false;
  await platform.certificates.refreshCrls();
  expect(crlSerials()).toEqual([certificate.serial]);
});

describe('a revocation outlives', () => {
  test('a restart', async () => {
    const { certificate } = await issueDevice();
    await platform.certificates.revoke({ certificateId: certificate.id, reason: 'unspecified' }, operator);
    await reopen();
    expect(platform.certificates.standing(certificate.id, platform.clock.now())).toBe('revoked');
  });

  test('a restore of the database from a backup made before it', async () => {
    const { certificate } = await issueDevice();
    const { keys, clock } = platform;
    await platform.close();
    copyFileSync(folder.join('records.db'), folder.join('backup.db'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
    const { certificate: later } = await issueDevice('issued-after-the-backup');
    for (const { id: certificateId } of [certificate, later]) {
      const outcome = await platform.certificates.revoke(
        { certificateId, reason: 'keyCompromise' },
        operator,
      );
      if (outcome.kind === 'revoked') await outcome.crl;
    }
    const before = currentCrl();
    await platform.close();
    for (const ending of ['', '-wal', '-shm']) rmSync(folder.join(`records.db${ending}`), { force: true });
    copyFileSync(folder.join('backup.db'), folder.join('records.db'));
    clock.advance(60_000);
    platform = await openPlatform({ folder: folder.path, keys, clock });

    expect(platform.certificates.standing(certificate.id, clock.now())).toBe('revoked');
    expect(platform.certificates.standing(later.id, clock.now())).toBe('revoked');
    expect([...crlSerials()].sort()).toEqual([certificate.serial, later.serial].sort());
    expect(currentCrl().number).toBeGreaterThan(before.number);
    const replayed = (await trailOf(platform.trail)).filter(({ kind }) => kind === 'certificate.revoked');
    expect(replayed).toMatchObject([
      { payload: { certificateId: certificate.id, replayedFromJournal: true } },
    ]);
    await reopen();
    expect(platform.certificates.standing(later.id, clock.now())).toBe('revoked');
  });

  test('a database that fails in the middle of it: in force at once, and repeated when asked again', async () => {
    const { certificate } = await issueDevice();
    const { keys, clock } = platform;
    await platform.close();
    let isBroken = false;
    platform = await openPlatform({
      folder: folder.path,
      keys,
      clock,
      wrapStorage: (storage) => ({
        ...storage,
        transactor: {
          transact: (work) =>
            isBroken ? Promise.reject(new Error('the disk is full')) : storage.transactor.transact(work),
        },
      }),
    });
    const wanted = { certificateId: certificate.id, reason: 'unspecified' } as const;
    isBroken = true;
    await expect(platform.certificates.revoke(wanted, operator)).rejects.toMatchObject({
      code: 'certificates.revocation_unrecorded',
    });
    expect(platform.certificates.standing(certificate.id, clock.now())).toBe('revoked');
    expect(platform.events).toEqual([{ kind: 'certificate-revoked', certificateId: certificate.id }]);
    isBroken = false;
    expect((await platform.certificates.revoke(wanted, operator)).kind).toBe('revoked');
    expect((await platform.certificates.revoke(wanted, operator)).kind).toBe('already-revoked');
    expect((await platform.certificates.get(certificate.id)).state).toBe('REVOKED');
  });

  test('a crash between journal and commit', async () => {
    const { certificate } = await issueDevice();
    const { id: certificateId, serial, notAfterMs } = certificate;
    const issuerId = platform.certificates.activeIssuer()!.certificateId;
    const { keys, clock } = platform;
    await platform.close();
    const entry = {
      kind: 'certificate-revoked',
      certificateId,
      issuerId,
      serial,
      notAfterMs,
      revokedAtMs: clock.now(),
      reason: 'unspecified',
    };
    // What was cut off in the middle of its line was never acknowledged.
    writeFileSync(folder.join('revocations.jsonl'), `${JSON.stringify(entry)}\n{"kind":"certifica`);
    platform = await openPlatform({ folder: folder.path, keys, clock });
    expect(platform.certificates.standing(certificateId, clock.now())).toBe('revoked');
    expect(readFileSync(folder.join('revocations.jsonl'), 'utf8')).toBe(`${JSON.stringify(entry)}\n`);
  });

  test('the loss of the journal: the next start writes it anew from the records', async () => {
    const { certificate } = await issueDevice();
    await platform.certificates.revoke({ certificateId: certificate.id, reason: 'superseded' }, operator);
    const { keys, clock } = platform;
    await platform.close();
    const before = readFileSync(folder.join('revocations.jsonl'), 'utf8');
    rmSync(folder.join('revocations.jsonl'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
    expect(readFileSync(folder.join('revocations.jsonl'), 'utf8')).toBe(before);
    await reopen();
    expect(readFileSync(folder.join('revocations.jsonl'), 'utf8')).toBe(before);
  });

  test('nothing else: a damaged journal stops the start', async () => {
    const { keys, clock } = platform;
    await platform.close();
    writeFileSync(folder.join('revocations.jsonl'), '{"kind":"certificate-revoked"}\n');
    await expect(openPlatform({ folder: folder.path, keys, clock })).rejects.toMatchObject({
      code: 'certificates.journal_unreadable',
    });
    rmSync(folder.join('revocations.jsonl'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
  });
});

test('two certificates of one key are not imported as two CAs, also when they come together', async () => {
  const { certificates, keys, clock } = platform;
  const request = { algorithm: 'ecdsa-p256-sha256', store: 'file' } as const;
  const { csr } = await certificates.requestCa(request, operator);
  const [root] = certificates.trust().roots;
  const content = {
    profile: 'issuing-ca',
    issuer: root!,
    subject: csr.subject,
    publicKey: csr.publicKey,
    signer: keys.root,
    random: seededRandom(1),
    notBeforeMs: clock.now(),
  } as const;
  const one = await issueCertificate({ ...content, notAfterMs: clock.now() + 300 * dayMs });
  const two = await issueCertificate({ ...content, notAfterMs: clock.now() + 400 * dayMs });
  await expect(certificates.importCas([one, two], operator)).rejects.toMatchObject({
    code: 'certificates.ca_refused',
  });
  expect(await certificates.importCas([one, one], operator)).toHaveLength(1);
  await expect(certificates.importCas([two], operator)).rejects.toMatchObject({
    code: 'certificates.ca_refused',
  });
});

describe('the removal of a CA', () => {
  test('takes trust away at once, is announced, and cannot be undone', async () => {
    const { certificateId } = platform.certificates.activeIssuer()!;
    await platform.certificates.setAuthorityState({ certificateId, state: 'removed' }, operator);
    expect(platform.certificates.trust().issuers).toEqual([]);
    expect(platform.events).toEqual([{ kind: 'authority-changed', certificateId, state: 'removed' }]);
    await expect(
      platform.certificates.setAuthorityState({ certificateId, state: 'active' }, operator),
    ).rejects.toMatchObject({ code: 'certificates.ca_state' });
  });

  test('is not undone by a step that was asked for while it was being recorded', async () => {
    const { keys, clock } = platform;
    const { certificateId } = platform.certificates.activeIssuer()!;
    await platform.close();
    let retired: Promise<unknown> | undefined;
    platform = await openPlatform({
      folder: folder.path,
      keys,
      clock,
      wrapStorage: (storage) => ({
        ...storage,
        stores: {
          ...storage.stores,
          certificates: {
            ...storage.stores.certificates,
            setAuthorityState: async (tx, change) => {
              const { certificates } = platform;
              if (change.state === 'removed')
                retired = certificates
                  .setAuthorityState({ certificateId, state: 'retired' }, operator)
                  .catch(({ code }) => code);
              await storage.stores.certificates.setAuthorityState(tx, change);
            },
          },
        },
      }),
    });
    await platform.certificates.setAuthorityState({ certificateId, state: 'removed' }, operator);
    expect(await retired).toBe('certificates.ca_state');
    expect(platform.certificates.trust().issuers).toEqual([]);
  });

  test('is in force though the database fails in the middle of it, and recorded by the next start', async () => {
    const { keys, clock } = platform;
    const { certificateId } = platform.certificates.activeIssuer()!;
    await platform.close();
    const failing = { transact: () => Promise.reject(new Error('the disk is full')) };
    let isBroken = false;
    platform = await openPlatform({
      folder: folder.path,
      keys,
      clock,
      wrapStorage: (storage) => ({
        ...storage,
        transactor: { transact: (work) => (isBroken ? failing : storage.transactor).transact(work) },
      }),
    });
    isBroken = true;
    const change = { certificateId, state: 'removed' } as const;
    await expect(platform.certificates.setAuthorityState(change, operator)).rejects.toThrow(
      'the disk is full',
    );
    expect(platform.certificates.trust().issuers).toEqual([]);
    isBroken = false;
    await reopen();
    expect(platform.certificates.trust().issuers).toEqual([]);
    expect((await trailOf(platform.trail)).at(-1)).toMatchObject({
      kind: 'ca.state_changed',
      payload: { ...change, replayedFromJournal: true },
    });
  });

  test('outlives a restore from a backup', async () => {
    const { keys, clock } = platform;
    const { certificateId } = platform.certificates.activeIssuer()!;
    await platform.close();
    copyFileSync(folder.join('records.db'), folder.join('backup.db'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
    await platform.certificates.setAuthorityState({ certificateId, state: 'removed' }, operator);
    await platform.close();
    for (const ending of ['', '-wal', '-shm']) rmSync(folder.join(`records.db${ending}`), { force: true });
    copyFileSync(folder.join('backup.db'), folder.join('records.db'));
    platform = await openPlatform({ folder: folder.path, keys, clock });
    expect(platform.certificates.trust().issuers).toEqual([]);
  });
});

needs('openssl', 'openssl').describe('openssl', () => {
  test('accepts a certificate by the CRL, and refuses it once it is revoked', async () => {
    const { certificate, chain } = await issueDevice();
    const { roots } = platform.certificates.trust();
    writeFileSync(folder.join('roots.pem'), roots.map(({ der }) => encodePem('CERTIFICATE', der)).join(''));
    writeFileSync(folder.join('issuing.pem'), encodePem('CERTIFICATE', chain[1]!.der));
    writeFileSync(folder.join('leaf.pem'), encodePem('CERTIFICATE', certificate.der));
    const verify = async () => {
      const crl = platform.certificates.crl(platform.certificates.activeIssuer()!.certificateId)?.der;
      writeFileSync(folder.join('crl.pem'), encodePem('X509 CRL', crl!));
      const at = String(Math.floor(platform.clock.now() / 1000));
      const files = ['-CAfile', folder.join('roots.pem'), '-untrusted', folder.join('issuing.pem')];
      const crlFile = ['-CRLfile', folder.join('crl.pem'), '-crl_check'];
      return openssl(['verify', ...files, ...crlFile, '-attime', at, folder.join('leaf.pem')]);
    };
    expect((await verify()).toString()).toContain('OK');
    const outcome = await platform.certificates.revoke(
      { certificateId: certificate.id, reason: 'keyCompromise' },
      operator,
    );
    if (outcome.kind === 'revoked') await outcome.crl;
    await expect(verify()).rejects.toThrow('certificate revoked');
  });
});
