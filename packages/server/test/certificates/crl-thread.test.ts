import { randomBytes } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { type CertificateId, canonicalJson, parseCertificateId, type Signer } from '@fleetward/core';
import { isCrlSignedBy, parseCrl } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Authorities } from '../../src/certificates/authorities.ts';
import { CrlBuilder } from '../../src/certificates/crl-builder.ts';
import { CrlPublisher } from '../../src/certificates/crl-publisher.ts';
import { CertificateRegistry } from '../../src/certificates/registry.ts';
import type { RevokedEntry } from '../../src/certificates/revocation-list.ts';
import type { CertificateSummary } from '../../src/certificates/store.ts';
import { issueDevice, openPlatform, type Platform } from './test-platform.ts';

// More than a CRL that is made in place has.
const manyRevoked = 600;
const yearMs = 365 * 86_400_000;
const operator = { kind: 'operator', operatorId: 'ada' } as const;
const justSign = (message: Uint8Array, signer: Signer): Promise<Uint8Array> => signer.sign(message);

let folder: TemporaryFolder;
let platform: Platform;
let issuerId: CertificateId;
/** Of the issuing key. */
let sign = justSign;

beforeEach(async () => {
  folder = temporaryFolder();
  sign = justSign;
  platform = await openPlatform({ folder: folder.path, wrapSigner });
  issuerId = platform.certificates.activeIssuer()!.certificateId;
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

function wrapSigner(signer: Signer): Signer {
  return { ...signer, sign: (message) => sign(message, signer) };
}

function newEntries(): readonly RevokedEntry[] {
  const revokedAtMs = platform.clock.now();
  return Array.from({ length: manyRevoked }, () => ({
    certificateId: parseCertificateId(randomBytes(32).toString('hex')),
    issuerId,
    serial: `4${randomBytes(15).toString('hex')}a`,
    notAfterMs: revokedAtMs + yearMs,
    revokedAtMs,
    reason: 'keyCompromise',
  }));
}

describe('a platform where much is revoked', () => {
  beforeEach(async () => {
    const lines = newEntries().map((entry) => canonicalJson({ kind: 'certificate-revoked', ...entry }));
    await reopen(() => appendFileSync(folder.join('revocations.jsonl'), `${lines.join('\n')}\n`));
  });

  async function reopen(meanwhile = () => {}): Promise<void> {
    const { keys, clock } = platform;
    await platform.close();
    meanwhile();
    platform = await openPlatform({ folder: folder.path, keys, clock, wrapSigner });
  }

  function crl() {
    const crl = parseCrl(platform.certificates.crl(issuerId)!.der);
    expect(isCrlSignedBy(crl, platform.certificates.activeIssuer()!.certificate)).toBe(true);
    return crl;
  }

  async function newDevice() {
    const { record } = await issueDevice(platform, 'pump');
    return { ...record, onCrl: () => crl().revoked.get(record.serial)?.reason };
  }

  async function revoke(
    { certificateId }: { readonly certificateId: CertificateId },
    reason: 'keyCompromise' | 'certificateHold' = 'keyCompromise',
  ) {
    platform.clock.advance(2_000);
    const outcome = await platform.certificates.revoke({ certificateId, reason }, operator);
    if (outcome.kind !== 'revoked') throw new TypeError(outcome.kind);
    return outcome;
  }

  test('has all of it on its CRL, and what is revoked while one is signed on the next, with a higher number', async () => {
    expect(crl().revoked.size).toBe(manyRevoked);
    const [first, second, third] = [await newDevice(), await newDevice(), await newDevice()];
    const later: ReturnType<typeof revoke>[] = [];
    const messages: Uint8Array[] = [];
    sign = (message, signer) => {
      messages.push(message);
      if (messages.length === 1) later.push(revoke(second), revoke(third));
      return Promise.all(later).then(() => signer.sign(message));
    };
    const before = crl().number;
    await (await revoke(first)).crl;
    expect([first.onCrl(), second.onCrl(), third.onCrl()]).toEqual(['keyCompromise', undefined, undefined]);
    const number = crl().number;
    expect(number).toBeGreaterThan(before);
    const [next, same] = await Promise.all(later.map(async (one) => (await one).crl));
    expect(next).toEqual(same);
    expect(crl().number).toBeGreaterThan(number);
    expect(crl().revoked.size).toBe(manyRevoked + 3);
    expect(messages).toHaveLength(2);
  });

  test('takes a lifted hold off its CRL, and no restart brings it back', async () => {
    const [held, lost] = [await newDevice(), await newDevice()];
    await (await revoke(held, 'certificateHold')).crl;
    await (await revoke(lost, 'certificateHold')).crl;
    expect([held.onCrl(), lost.onCrl()]).toEqual(['certificateHold', 'certificateHold']);
    await (await revoke(lost)).crl;
    const lifted = await platform.certificates.unhold(held.certificateId, operator);
    if (lifted.kind === 'lifted') await lifted.crl;
    expect([held.onCrl(), lost.onCrl()]).toEqual([undefined, 'keyCompromise']);
    await reopen();
    expect([held.onCrl(), lost.onCrl()]).toEqual([undefined, 'keyCompromise']);
    expect(crl().revoked.size).toBe(manyRevoked + 1);
  });

  test('whose thread ends while it makes a CRL fails that one, and the next has everything', async () => {
    const device = await newDevice();
    const before = crl().number;
    // What nobody can check ends it.
    sign = async () => undefined as unknown as Uint8Array;
    const outcome = await (await revoke(device)).crl;
    expect(outcome).toMatchObject({ kind: 'failed', error: { code: 'certificates.crl_failed' } });
    expect(platform.warnings).toEqual([expect.stringContaining('thread that makes CRLs has ended')]);
    expect([crl().number, device.onCrl()]).toEqual([before, undefined]);
    sign = justSign;
    await platform.certificates.refreshCrls();
    expect(crl().revoked.size).toBe(manyRevoked + 1);
    expect(device.onCrl()).toBe('keyCompromise');
    expect(crl().number).toBeGreaterThan(before);
  });

  test('gives out no CRL with a signature that is not its own, nor loses its thread by it', async () => {
    const device = await newDevice();
    sign = async () => new Uint8Array(64);
    const outcome = await (await revoke(device)).crl;
    expect(outcome).toMatchObject({ kind: 'failed', error: { message: expect.stringContaining('verify') } });
    expect(device.onCrl()).toBeUndefined();
    sign = justSign;
    await platform.certificates.refreshCrls();
    expect(device.onCrl()).toBe('keyCompromise');
    expect(platform.warnings).toEqual([]);
  });

  test('finds at its start that the CRL of before lacks a revocation', async () => {
    const device = await newDevice();
    sign = () => new Promise(() => undefined);
    await revoke(device);
    sign = justSign;
    await reopen();
    expect(device.onCrl()).toBe('keyCompromise');
    expect(crl().revoked.size).toBe(manyRevoked + 1);
  });

  test('ends at once, and the CRL that was being made has failed', async () => {
    const device = await newDevice();
    const signing = Promise.withResolvers<void>();
    const signed = Promise.withResolvers<void>();
    sign = async (message, signer) => {
      signing.resolve();
      await signed.promise;
      return signer.sign(message);
    };
    const { crl: outcome } = await revoke(device);
    await signing.promise;
    await platform.certificates.close();
    signed.resolve();
    expect(await outcome).toMatchObject({ kind: 'failed', error: { code: 'certificates.crl_failed' } });
    expect(platform.warnings).toEqual([]);
  });
});

function device({ certificateId, serial, notAfterMs }: RevokedEntry): CertificateSummary {
  return {
    certificateId,
    serial,
    issuerId,
    profile: 'device',
    state: 'ACTIVE',
    notBeforeMs: 0,
    notAfterMs,
    issuedAtMs: 0,
    publicKeyHash: '00'.repeat(32),
  };
}

describe('the publisher of CRLs', () => {
  let registry: CertificateRegistry;
  let started: () => CrlPublisher;
  let publisher: CrlPublisher;
  let warnings: string[];
  /** Just before a CRL is begun. */
  let beforeBuild: () => void;

  beforeEach(async () => {
    const { clock, keys, storage } = platform;
    const { certificates: store } = storage.stores;
    registry = new CertificateRegistry(() => undefined);
    for (const entry of newEntries()) registry.revoke(entry);
    const authorities = new Authorities();
    await authorities.load(store);
    warnings = [];
    beforeBuild = () => undefined;
    started = () =>
      new CrlPublisher({
        store,
        transactor: storage.transactor,
        clock,
        registry,
        authorities,
        signer: async () => {
          beforeBuild();
          return wrapSigner(keys.issuing);
        },
        validityMs: 86_400_000,
        warn: (message) => warnings.push(message),
      });
    publisher = started();
    await publisher.load();
  });

  afterEach(() => publisher.close());

  function serials(): ReadonlySet<string> {
    return new Set(parseCrl(publisher.current(issuerId)!.der).revoked.keys());
  }

  function revokedSerials(): ReadonlySet<string> {
    return new Set([...registry.revokedBy(issuerId).values()].map(({ serial }) => serial));
  }

  test('signs nothing that lacks what is revoked: it collects it anew, and says so', async () => {
    const messages: Uint8Array[] = [];
    sign = (message, signer) => {
      messages.push(message);
      return signer.sign(message);
    };
    // As if a revocation had been forgotten: the first record says that something has ended.
    const [chunk] = registry.revokedBy(issuerId).take().records.chunks;
    new Uint8Array(chunk!)[0] = 0xff;
    expect(await publisher.request(issuerId)).toMatchObject({ kind: 'signed' });
    expect(serials()).toEqual(revokedSerials());
    expect(serials().size).toBe(manyRevoked);
    expect(messages).toHaveLength(1);
    expect(warnings).toEqual([expect.stringContaining('collected anew')]);
  });

  test('owes nothing at its start for a CRL that is as it should be, and another for one that is not', async () => {
    const restart = async () => {
      await publisher.close();
      publisher = started();
      await publisher.load();
      return publisher.refresh();
    };
    expect(await restart()).toMatchObject([{ kind: 'signed' }]);
    expect(await restart()).toEqual([]);
    const [one] = newEntries();
    const held = { ...one!, reason: 'certificateHold' } as const;
    registry.add(device(one!));
    registry.revoke(held);
    expect(await restart()).toMatchObject([{ kind: 'signed' }]);
    registry.lift(held, 'ACTIVE');
    expect(await restart()).toMatchObject([{ kind: 'signed' }]);
    registry.revoke(held);
    expect(await restart()).toMatchObject([{ kind: 'signed' }]);
    registry.revoke(one!);
    expect(await restart()).toMatchObject([{ kind: 'signed' }]);
    expect(await restart()).toEqual([]);
    expect(serials()).toEqual(revokedSerials());
  });

  test('signs no CRL at all while one revocation cannot be named', async () => {
    const [entry] = newEntries();
    registry.revoke({ ...entry!, serial: '123' });
    expect(await publisher.request(issuerId)).toMatchObject({ kind: 'failed' });
  });

  test('dates a CRL by when it is begun, so that it may name what was revoked while it waited for its key', async () => {
    const [late] = newEntries();
    beforeBuild = () => {
      platform.clock.advance(2_500);
      registry.revoke({ ...late!, revokedAtMs: platform.clock.now() });
    };
    expect(await publisher.request(issuerId)).toMatchObject({ kind: 'signed' });
    expect(serials()).toEqual(revokedSerials());
    const { revoked, thisUpdateMs } = parseCrl(publisher.current(issuerId)!.der);
    expect(Math.max(...[...revoked.values()].map(({ revokedAtMs }) => revokedAtMs))).toBeLessThanOrEqual(
      thisUpdateMs,
    );
  });

  test('gives up a thread that does not answer, and starts another', async () => {
    const hasty = new CrlBuilder({ answerTimeoutMs: 1, warn: (message) => warnings.push(message) });
    const { der: issuerDer } = platform.certificates.activeIssuer()!;
    const task = {
      list: registry.revokedBy(issuerId).take(),
      issuerDer,
      algorithm: platform.keys.issuing.algorithm,
      number: 1,
      thisUpdateMs: platform.clock.now(),
      nextUpdateMs: platform.clock.now() + 1_000,
    };
    for (let times = 1; times <= 2; times++) {
      await expect(hasty.build(task)).rejects.toMatchObject({ code: 'certificates.crl_failed' });
      expect(warnings).toHaveLength(times);
    }
    await hasty.close();
  });
});
