import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type CertificateId, parseCertificateId } from '@fleetward/core';
import { type Certificate, otherEncodingsOf, parseCertificate } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Authority } from '../../src/certificates/authorities.ts';
import { UnloggedCertificates } from '../../src/detections/index.ts';
import { createAdmission } from '../../src/gateway/admission.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { issueDevice, openPlatform, type Platform, trailOf } from '../certificates/test-platform.ts';
import { operator } from '../provisioning/fleet.ts';

const address = '192.0.2.9';
let folder: TemporaryFolder;
let platform: Platform;
let told: CertificateId[];

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  told = [];
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});

function watch(
  over: { readonly incidentsMax?: number } = {},
  authorities: readonly Authority[] = [],
): UnloggedCertificates {
  return new UnloggedCertificates({
    ...platform,
    certificates: {
      authorities: () => authorities,
      summaries: (range) => platform.certificates.summaries(range),
    },
    transactor: platform.storage.transactor,
    announce: ({ certificateId }) => told.push(certificateId),
    warn: (message) => expect.unreachable(message),
    settings: { compareHours: 24, incidentsMax: 100, unregisteredPerSecondMax: 1, ...over },
  });
}

/** Copies of the row, as who has the database writes it, while no platform runs. */
async function forge(certificateId: CertificateId, count: number): Promise<readonly CertificateId[]> {
  await platform.close();
  const ids = Array.from({ length: count }, (_, at) =>
    parseCertificateId(at.toString(16).padStart(4, '0').repeat(16)),
  );
  {
    using records = new DatabaseSync(join(folder.path, 'records.db'));
    const columns = records.prepare('SELECT * FROM certificates WHERE certificate_id = ?').get(certificateId);
    const names = Object.keys(columns ?? {});
    const values = names.map((name) => (name === 'certificate_id' || name === 'serial' ? '?' : name));
    const copy = records.prepare(
      `INSERT INTO certificates (${names.join()}) SELECT ${values.join()} FROM certificates WHERE certificate_id = ?`,
    );
    records.exec('BEGIN');
    for (const id of ids) copy.run(...inOrder(names, id), certificateId);
    records.exec('COMMIT');
  }
  const { keys, clock } = platform;
  platform = await openPlatform({ folder: folder.path, keys, clock });
  return ids;
}

function inOrder(names: readonly string[], id: CertificateId): readonly string[] {
  return names.flatMap((name) =>
    name === 'certificate_id' ? [id] : name === 'serial' ? [id.slice(0, 32)] : [],
  );
}

async function entriesOf(kind: string) {
  return (await trailOf(platform.trail)).filter((entry) => entry.kind === kind);
}

test('a certificate that is in the registry and not in the log is told once, and each time to who counts', async () => {
  const { certificate } = await issueDevice(platform, 'one');
  await platform.issuanceLog.sequence();
  const [forged] = await forge(certificate.id, 1);
  await issueDevice(platform, 'waits-for-its-entry');
  const unlogged = watch();
  await unlogged.compare();
  await unlogged.compare();
  expect(unlogged.counts).toEqual({ unlogged: 1, unregistered: 0, untold: 0 });
  expect(unlogged.list(10)).toMatchObject([
    { certificateId: forged, sign: 'unlogged', response: 'alert', count: 2 },
  ]);
  expect(told).toEqual([forged]);
  expect(await entriesOf('detection.unlogged_certificate')).toMatchObject([
    { payload: { certificateId: forged, sign: 'unlogged' } },
  ]);
});

test('it is over when the operator has revoked and deleted it', async () => {
  const { certificate } = await issueDevice(platform, 'one');
  const [forged] = await forge(certificate.id, 1);
  await platform.certificates.revoke({ certificateId: forged!, reason: 'keyCompromise' }, operator);
  const unlogged = watch();
  await unlogged.compare();
  expect(unlogged.counts.unlogged).toBe(1);
  await platform.certificates.remove(forged!, operator);
  await unlogged.compare();
  expect(unlogged.counts.unlogged).toBe(0);
});

test('of more than the setting says the rest is counted, however many pages the registry has', async () => {
  const { certificate } = await issueDevice(platform, 'one');
  await forge(certificate.id, 2_100);
  const unlogged = watch({ incidentsMax: 3 });
  await unlogged.compare();
  expect(unlogged.counts).toEqual({ unlogged: 2_100, unregistered: 0, untold: 2_097 });
  expect(unlogged.list(10)).toHaveLength(3);
  expect(await entriesOf('detection.unlogged_certificate')).toHaveLength(3);
});

test('whoever connects with ever new certificates of a stolen CA key is told at a rate, and always counted', async () => {
  const unlogged = watch();
  const ids = ['a1', 'b2', 'c3'].map((byte) => parseCertificateId(byte.repeat(32)));
  for (const id of ids) await unlogged.presented([id], address);
  platform.clock.advance(1_000);
  await unlogged.presented([ids[2]!], address);
  platform.clock.advance(1_000);
  await unlogged.presented([ids[0]!], '192.0.2.10');
  await unlogged.close();
  expect(unlogged.counts).toEqual({ unlogged: 0, unregistered: 5, untold: 2 });
  expect(unlogged.list(10)).toMatchObject([
    { certificateId: ids[0], sign: 'unregistered', count: 2, addresses: [address, '192.0.2.10'] },
    { certificateId: ids[2], sign: 'unregistered', response: 'refuse', count: 1 },
  ]);
  expect(told).toEqual([ids[0], ids[2]]);
});

test('no device makes an incident of its own certificate: deleted, or written anew with another id', async () => {
  const { certificate } = await issueDevice(platform, 'one');
  const rewritten = parseCertificate(mirror(certificate));
  expect(rewritten.id).not.toBe(certificate.id);
  const { clock, certificates, vendorCas, things } = platform;
  const known = new KnownCertificates({ certificatesMax: 10 });
  const admit = createAdmission({ certificates, vendorCas, things, known, clock, graceMs: 0 });
  expect(admit(rewritten.der)).toMatchObject({ cause: 'certificate_unknown' });
  await platform.certificates.revoke({ certificateId: certificate.id, reason: 'keyCompromise' }, operator);
  await platform.certificates.remove(certificate.id, operator);
  const unlogged = watch();
  await unlogged.presented([rewritten.id, ...otherEncodingsOf(rewritten)], address);
  await unlogged.presented([certificate.id, ...otherEncodingsOf(certificate)], address);
  expect(unlogged.counts).toEqual({ unlogged: 0, unregistered: 0, untold: 0 });
  expect(told).toEqual([]);
});

/** The certificate with (r, n - s) for its ECDSA signature (r, s) on P-256: as right, and another id. */
function mirror({ tbs, der, signature }: Certificate): Uint8Array {
  const order = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
  const at = 4 + signature[3]!;
  const s = BigInt(`0x${Buffer.from(signature.subarray(at + 2)).toString('hex')}`);
  const hex = (order - s).toString(16).padStart(64, '0');
  const digits = Buffer.from(/^[89a-f]/.test(hex) ? `00${hex}` : hex, 'hex');
  const other = Buffer.concat([signature.subarray(2, at), Buffer.from([2, digits.length]), digits]);
  const bits = Buffer.concat([Buffer.from([3, other.length + 3, 0, 0x30, other.length]), other]);
  const algorithm = der.subarray(4 + tbs.length, der.length - signature.length - 3);
  const body = Buffer.concat([tbs, algorithm, bits]);
  return Buffer.concat([Buffer.from([0x30, 0x82, body.length >> 8, body.length & 0xff]), body]);
}

test('a CA is looked up as well, at the start and again after the hours of the setting', async () => {
  // Those of this platform are made in the records, without an entry.
  const authorities = platform.certificates.authorities();
  const unlogged = watch({}, authorities);
  const counts: (number | undefined)[] = [];
  for (const hours of [0, 23, 2]) {
    platform.clock.advance(hours * 3_600_000);
    await unlogged.compareWhenDue();
    counts.push(unlogged.list(1)[0]?.count);
  }
  expect(counts).toEqual([1, 1, 2]);
  expect(told.toSorted()).toEqual(authorities.map(({ certificateId }) => certificateId).toSorted());
});
