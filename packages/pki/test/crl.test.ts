import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sequence } from '../src/der/writer.ts';
import {
  assembleCrl,
  buildTbsCrl,
  type CrlRequest,
  encodePem,
  isCrlSignedBy,
  issueCrl,
  lintTbsCrl,
  parseCrl,
  parseCrlsPem,
  type RevocationReason,
  revocationReasons,
} from '../src/index.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, issueDevice, newCa, newKey, nowMs, type TestCa } from './test-ca.ts';

let ca: TestCa;
beforeAll(async () => {
  ca = await newCa();
});

const request = (overrides: Partial<CrlRequest> = {}): CrlRequest => ({
  issuer: ca.issuing,
  signer: ca.issuingKey,
  number: 7n,
  thisUpdateMs: nowMs - dayMs,
  nextUpdateMs: nowMs + 7 * dayMs,
  revoked: [],
  ...overrides,
});
const revoked = (count: number) =>
  Array.from({ length: count }, (_, i) => ({
    serial: (0x4100_0000_0000 + i * 7919).toString(16).padStart(32, '7f'),
    revokedAtMs: nowMs - 2 * dayMs - i * 1000,
    reason: 'keyCompromise' as const,
  }));

describe('a CRL', () => {
  it('reads back with every serial number, date and reason', async () => {
    const reasons = Object.keys(revocationReasons).filter((reason) => reason !== 'removeFromCRL');
    const entries = reasons.map((reason, i) => ({
      serial: ['01', 'ff', '8000'][i % 3] + i.toString(16).padStart(2, '0'),
      revokedAtMs: Date.UTC(2025, 1, 1 + i),
      reason: reason as RevocationReason,
    }));
    const crl = await issueCrl(request({ revoked: entries }));
    const read = [...crl.revoked].map(([serial, entry]) => ({ serial, ...entry }));
    expect(read).toEqual(entries);
    expect(crl.number).toBe(7n);
    expect(isCrlSignedBy(crl, ca.issuing)).toBe(true);
    expect(isCrlSignedBy(crl, ca.root)).toBe(false);
  });

  it.each<[string, Partial<CrlRequest>, RegExp]>([
    ['an update that ends before it starts', { nextUpdateMs: nowMs - 2 * dayMs }, /nextUpdate is not after/],
    ['two years of life', { nextUpdateMs: nowMs + 800 * dayMs }, /more than 400 days/],
    [
      'a revocation from the future',
      { revoked: [{ serial: '41', revokedAtMs: nowMs, reason: 'superseded' }] },
      /after thisUpdate/,
    ],
    ['removeFromCRL', { revoked: [{ serial: '41', revokedAtMs: 0, reason: 'removeFromCRL' }] }, /delta/],
    ['a serial number twice', { revoked: [...revoked(1), ...revoked(1)] }, /revoked twice/],
    [
      'a serial number that is not hex',
      { revoked: [{ serial: 'xy', revokedAtMs: 0, reason: 'superseded' }] },
      /not a positive serial/,
    ],
    ['a negative number', { number: -1n }, /out of range/],
  ])('is not signed with %s', async (_, overrides, message) => {
    await expect(issueCrl(request(overrides))).rejects.toThrow(message);
  });

  it('is the same when it is put together from what a signer that lints has signed', async () => {
    // Ed25519 signs the same bytes the same way each time.
    const { issuing: issuer, issuingKey: signer } = await newCa('ed25519');
    const { algorithm } = signer;
    for (const count of [2_500, 0]) {
      const content = request({ issuer, signer, revoked: revoked(count) });
      const { der } = await issueCrl(content);
      const tbs = buildTbsCrl(content, algorithm);
      const signature = await signer.sign(tbs);
      expect(Buffer.compare(assembleCrl(tbs, { issuer, algorithm, signature }), der)).toBe(0);
      const wrong = { issuer, algorithm, signature: await newKey().sign(tbs) };
      expect(() => assembleCrl(tbs, wrong)).toThrow('does not verify');
    }
  });

  it('is not signed by another key', async () => {
    await expect(issueCrl(request({ signer: newKey() }))).rejects.toMatchObject({ code: 'pki.issue' });
  });

  it('is not recognised by the lint when it is something else', () => {
    expect(() => lintTbsCrl(sequence())).toThrow(expect.objectContaining({ code: 'pki.lint' }));
  });
});

withOpenssl.describe('for the openssl program', () => {
  const folder = opensslFolder();
  afterAll(() => folder[Symbol.dispose]());
  const verify = () => {
    folder.write(
      'chain.pem',
      encodePem('CERTIFICATE', ca.root.der) + encodePem('CERTIFICATE', ca.issuing.der),
    );
    const at = `${nowMs / 1000}`;
    return folder.try(
      'verify',
      '-x509_strict',
      '-attime',
      at,
      '-crl_check',
      '-CAfile',
      'chain.pem',
      '-CRLfile',
      'c.pem',
      'device.pem',
    );
  };

  it('a revoked device is revoked and another is not', async () => {
    const [good, bad] = [await issueDevice(ca), await issueDevice(ca)];
    const entry = { serial: bad.serial, revokedAtMs: nowMs - 2 * dayMs, reason: 'keyCompromise' } as const;
    const crl = await issueCrl(request({ revoked: [entry] }));
    folder.write('c.pem', encodePem('X509 CRL', crl.der));
    folder.write('device.pem', encodePem('CERTIFICATE', good.der));
    expect(verify()).toMatchObject({ ok: true });
    folder.write('device.pem', encodePem('CERTIFICATE', bad.der));
    expect(verify()).toMatchObject({ ok: false, output: expect.stringContaining('certificate revoked') });
    expect(folder.run('crl', '-in', 'c.pem', '-noout', '-text')).toContain('Key Compromise');
  });

  it('a CRL of 100,000 entries is signed, read back and accepted', async () => {
    const crl = await issueCrl(request({ revoked: revoked(100_000) }));
    expect(crl.revoked.size).toBe(100_000);
    folder.write('c.pem', encodePem('X509 CRL', crl.der));
    folder.write('device.pem', encodePem('CERTIFICATE', (await issueDevice(ca)).der));
    expect(verify()).toMatchObject({ ok: true });
    folder.write('issuing.pem', encodePem('CERTIFICATE', ca.issuing.der));
    expect(folder.run('crl', '-in', 'c.pem', '-noout', '-CAfile', 'issuing.pem')).toContain('verify OK');
    expect(parseCrlsPem(folder.read('c.pem'))[0]?.number).toBe(7n);
  });

  it('its own CRLs are read', () => {
    folder.write('db.txt', 'R\t400101000000Z\t300101000000Z,keyCompromise\t4177\tunknown\t/CN=x\n');
    folder.write(
      'ca.cnf',
      '[ca]\ndefault_ca=d\n[d]\ndatabase=db.txt\ncrlnumber=n\ndefault_md=sha256\ndefault_crl_days=9\ncrl_extensions=e\n[e]\nauthorityKeyIdentifier=keyid\n',
    );
    folder.write('n', '1000\n');
    folder.run(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'k.pem',
      '-subj',
      '/CN=ca',
      '-out',
      'ca.pem',
    );
    folder.run('ca', '-config', 'ca.cnf', '-gencrl', '-keyfile', 'k.pem', '-cert', 'ca.pem', '-out', 'o.pem');
    const [crl] = parseCrlsPem(folder.read('o.pem'));
    expect(crl?.number).toBe(0x1000n);
    expect(crl?.revoked.get('4177')).toEqual({ revokedAtMs: Date.UTC(2030, 0, 1), reason: 'keyCompromise' });
  });
});

describe('a foreign CRL', () => {
  it('is refused when a byte is missing or one is left over', async () => {
    const { der } = await issueCrl(request({ revoked: revoked(3) }));
    expect(() => parseCrl(der.subarray(0, -1))).toThrow(expect.objectContaining({ code: 'pki.der' }));
    expect(() => parseCrl(Buffer.concat([der, der]))).toThrow(expect.objectContaining({ code: 'pki.der' }));
  });
});
