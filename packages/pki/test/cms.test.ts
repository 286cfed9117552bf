import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  certsOnly,
  encodePem,
  issueCrl,
  PkiError,
  parseCertificatesPem,
  parseCertsOnly,
} from '../src/index.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, issueDevice, newCa, nowMs, type TestCa } from './test-ca.ts';

let ca: TestCa;
beforeAll(async () => {
  ca = await newCa();
});

describe('a certs-only message', () => {
  it('reads back with its certificates in order', async () => {
    const chain = [await issueDevice(ca), ca.issuing, ca.root];
    expect(parseCertsOnly(certsOnly(chain)).map(({ id }) => id)).toEqual(chain.map(({ id }) => id));
    expect(parseCertsOnly(certsOnly([]))).toEqual([]);
  });

  it('with more certificates than the limit is refused', () => {
    expect(() => parseCertsOnly(certsOnly(Array.from({ length: 33 }, () => ca.root)))).toThrow(
      /more than 32/,
    );
  });
});

withOpenssl.describe('with the openssl program', () => {
  const folder = opensslFolder();
  afterAll(() => folder[Symbol.dispose]());

  it('a message is printed as the certificates in it', async () => {
    const chain = [await issueDevice(ca), ca.issuing];
    folder.write('m.p7', certsOnly(chain));
    const text = folder.run('pkcs7', '-inform', 'DER', '-in', 'm.p7', '-print_certs');
    expect(parseCertificatesPem(text).map(({ id }) => id)).toEqual(chain.map(({ id }) => id));
  });

  it('a message of its own is read, with or without a CRL beside', async () => {
    const window = { thisUpdateMs: nowMs - dayMs, nextUpdateMs: nowMs };
    const crl = await issueCrl({
      issuer: ca.issuing,
      signer: ca.issuingKey,
      number: 1n,
      revoked: [],
      ...window,
    });
    folder.write('c.pem', encodePem('CERTIFICATE', ca.issuing.der) + encodePem('CERTIFICATE', ca.root.der));
    folder.write('crl.pem', encodePem('X509 CRL', crl.der));
    for (const crlArgs of [['-nocrl'], ['-in', 'crl.pem']]) {
      folder.run('crl2pkcs7', ...crlArgs, '-certfile', 'c.pem', '-outform', 'DER', '-out', 'o.p7');
      expect(parseCertsOnly(folder.read('o.p7')).map(({ id }) => id)).toEqual([ca.issuing.id, ca.root.id]);
    }
  });

  it('a signed message is refused: its signer would be taken for checked', () => {
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
      '/CN=x',
      '-out',
      's.pem',
    );
    folder.write('data', 'x');
    folder.run(
      'cms',
      '-sign',
      '-in',
      'data',
      '-signer',
      's.pem',
      '-inkey',
      'k.pem',
      '-outform',
      'DER',
      '-out',
      'o.p7',
    );
    expect(() => parseCertsOnly(folder.read('o.p7'))).toThrow(PkiError);
  });
});
