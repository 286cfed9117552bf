import './reflect-metadata.ts';
import { fromHex, type Signer, utf8 } from '@fleetward/core';
import { X509Certificate } from '@peculiar/x509';
import * as pkijs from 'pkijs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { element, explicit, sequence } from '../src/der/writer.ts';
import {
  buildTbsCertificate,
  encodePem,
  type IssueRequest,
  issueCertificate,
  issueTogether,
  leafProfileNames,
  lintTbsCertificate,
  makeName,
  type ProfileName,
  parseCertificate,
  parseName,
  validatePath,
} from '../src/index.ts';
import { encodeExtension, encodeSubjectAltName } from '../src/issue/encode-extensions.ts';
import { extensionOids } from '../src/oids.ts';
import { craft, leafExtensions } from './crafted.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, deviceRequest, issueDevice, newCa, newKey, nowMs, random, type TestCa } from './test-ca.ts';

let ca: TestCa;
beforeAll(async () => {
  ca = await newCa();
});

const serverRequest = (overrides: Partial<IssueRequest> = {}) =>
  deviceRequest(ca, {
    profile: 'server',
    subject: makeName([['commonName', 'Fleetward']]),
    subjectAltName: [
      { kind: 'dns', value: 'localhost' },
      { kind: 'ip', value: '::1' },
      { kind: 'ip', value: '127.0.0.1' },
    ],
    ...overrides,
  });

describe('issuing', () => {
  it('gives each certificate a positive random serial number of 16 octets', async () => {
    const serials = await Promise.all(Array.from({ length: 8 }, async () => (await issueDevice(ca)).serial));
    for (const serial of serials) expect(serial).toMatch(/^[4-7][0-9a-f]{31}$/);
    expect(new Set(serials).size).toBe(8);
  });

  it('carries the CRL and OCSP addresses it was given', async () => {
    const certificate = await issueDevice(ca, {
      crlUrls: ['http://crl.example/issuing.crl'],
      ocspUrls: ['http://ocsp.example/'],
    });
    expect(certificate.extensions.crlDistributionPoints).toEqual(['http://crl.example/issuing.crl']);
    expect(certificate.extensions.authorityInfoAccess?.ocspUrls).toEqual(['http://ocsp.example/']);
  });

  it('refuses a signer that is not the issuer', async () => {
    await expect(issueDevice(ca, { signer: newKey() })).rejects.toMatchObject({ code: 'pki.issue' });
  });

  it('refuses a signer that returns something else than its signature', async () => {
    const signer = { ...ca.issuingKey, sign: async () => newKey().sign(new Uint8Array(1)) };
    await expect(issueDevice(ca, { signer })).rejects.toThrow(/does not verify/);
  });

  it('refuses an issuer that is no CA, and a life longer than the issuer has', async () => {
    const leafKey = newKey();
    const leaf = await issueDevice(ca, { publicKey: leafKey.parsed });
    await expect(issueDevice(ca, { issuer: leaf, signer: leafKey })).rejects.toThrow(/not a CA/);
    await expect(issueDevice(ca, { notAfterMs: nowMs + 4000 * dayMs })).rejects.toThrow(/beyond/);
  });

  it('never calls the signer with bytes that do not pass the lint', async () => {
    let calls = 0;
    const signer = {
      ...ca.issuingKey,
      sign: (message: Uint8Array) => {
        calls++;
        return ca.issuingKey.sign(message);
      },
    };
    const rejected = issueDevice(ca, { signer, subject: makeName([['commonName', 'a\nb']]) });
    await expect(rejected).rejects.toMatchObject({ code: 'pki.lint' });
    expect(calls).toBe(0);
  });

  it('does not sign with RSA-PSS', async () => {
    const signer = { ...ca.issuingKey, algorithm: 'rsa-pss-sha256' } as const;
    await expect(issueDevice(ca, { signer })).rejects.toThrow(/RSA-PSS/);
  });
});

describe('issuing many together', () => {
  const contentsOf = (count: number) =>
    Array.from({ length: count }, (_, at) => {
      const { issuer: _issuer, signer: _signer, random: _random, ...content } = deviceRequest(ca);
      return { ...content, subject: makeName([['commonName', `device-${at}`]]) };
    });
  const request = {
    random,
    get issuer() {
      return ca.issuing;
    },
    get signer(): Signer {
      return ca.issuingKey;
    },
  };

  it('gives what each alone would: parsed from its bytes, valid, in the order asked', async () => {
    const certificates = await issueTogether({ ...request, contents: contentsOf(5) });
    expect(certificates.map(({ subject }) => subject.text)).toEqual(
      Array.from({ length: 5 }, (_, at) => `CN=device-${at}`),
    );
    for (const certificate of certificates) {
      expect(certificate).toEqual(parseCertificate(certificate.der));
      expect(
        validatePath({
          leaf: certificate,
          untrusted: [ca.issuing],
          roots: [ca.root],
          atMs: nowMs,
          purpose: 'clientAuth',
        }),
      ).toMatchObject({ kind: 'accepted' });
    }
    expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(5);
  });

  it('signs none when one does not pass the lint', async () => {
    let calls = 0;
    const signer = {
      ...ca.issuingKey,
      signAll: async () => {
        calls++;
        return [];
      },
    };
    const contents = [
      ...contentsOf(2),
      { ...contentsOf(1)[0]!, subject: makeName([['commonName', 'a\nb']]) },
    ];
    await expect(issueTogether({ ...request, signer, contents })).rejects.toMatchObject({ code: 'pki.lint' });
    expect(calls).toBe(0);
  });

  it('leaves the lint to a signer that lints, and what that one says stands', async () => {
    const refusal = new TypeError('its own words');
    const signer = { ...ca.issuingKey, lints: true, signAll: () => Promise.reject(refusal) } as const;
    const contents = [{ ...contentsOf(1)[0]!, subject: makeName([['commonName', 'a\nb']]) }];
    await expect(issueTogether({ ...request, signer, contents })).rejects.toBe(refusal);
  });

  it('gives no profile by its name to a certificate that was asked for as another', async () => {
    const signer = { ...ca.issuingKey, lints: true } as const;
    const uri = { kind: 'uri', value: 'URN:fleetward:key:tpm' } as const;
    const tpm = { kind: 'uri', value: 'urn:fleetward:key:tpm' } as const;
    for (const name of [tpm, uri]) {
      const contents = [{ ...contentsOf(1)[0]!, subjectAltName: [name] }];
      await expect(issueTogether({ ...request, signer, contents })).rejects.toMatchObject({
        code: 'pki.lint',
      });
    }
  });

  it.each([
    ['one wrong signature among them', (all: readonly Uint8Array[]) => all.with(1, all[0]!)],
    ['a signature too few', (all: readonly Uint8Array[]) => all.slice(1)],
  ])('refuses all for %s', async (_, spoil) => {
    const signAll = async (messages: readonly Uint8Array[]) =>
      spoil(await Promise.all(messages.map(ca.issuingKey.sign)));
    const signer = { ...ca.issuingKey, signAll };
    const issued = issueTogether({ ...request, signer, contents: contentsOf(3) });
    await expect(issued).rejects.toMatchObject({ code: 'pki.issue' });
  });

  it.each([
    ['goes wrong with the second and stays so', (all: readonly Uint8Array[]) => all.map(() => all[0]!)],
    ['leaves one out', (all: readonly Uint8Array[]) => all.slice(1)],
    ['gives one more', (all: readonly Uint8Array[]) => [...all, all[2]!]],
  ])('refuses all of a signer in software that %s', async (_, spoil) => {
    const signAll = async (messages: readonly Uint8Array[]) =>
      spoil(await Promise.all(messages.map(ca.issuingKey.sign)));
    const signer = { ...ca.issuingKey, signAll, inSoftware: true } as const;
    const issued = issueTogether({ ...request, signer, contents: contentsOf(3) });
    await expect(issued).rejects.toMatchObject({ code: 'pki.issue' });
  });

  it('refuses all for one wrong signature of Ed25519, also of a signer in software', async () => {
    const { issuing: issuer, issuingKey } = await newCa('ed25519');
    const signAll = async (messages: readonly Uint8Array[]) =>
      (await Promise.all(messages.map(issuingKey.sign))).with(1, new Uint8Array(64));
    const signer = { ...issuingKey, signAll, inSoftware: true } as const;
    const issued = issueTogether({ ...request, issuer, signer, contents: contentsOf(3) });
    await expect(issued).rejects.toMatchObject({ code: 'pki.issue' });
  });
});

describe('the lint', () => {
  const lint = (request: IssueRequest, profile: ProfileName = request.profile) => {
    const serial = Uint8Array.of(0x41, ...random.bytes(15));
    lintTbsCertificate(buildTbsCertificate(request, { algorithm: 'ecdsa-p256-sha256', serial }), profile);
  };
  const manyUnits = makeName([
    ['organizationalUnit', 'x'.repeat(65)],
    ['commonName', 'x'],
  ]);

  it('takes what the builder makes for each profile', () => {
    expect(() => lint(deviceRequest(ca))).not.toThrow();
    expect(() => lint(serverRequest())).not.toThrow();
  });

  it.each<[string, Partial<IssueRequest>, RegExp]>([
    ['an empty subject', { subject: makeName([]) }, /subject is empty/],
    ['a subject without common name', { subject: makeName([['organization', 'x']]) }, /one commonName/],
    ['control characters', { subject: makeName([['commonName', 'a\u0000b']]) }, /control/],
    ['invisible characters', { subject: makeName([['commonName', 'a\u202eb']]) }, /invisible/],
    ['leading blanks', { subject: makeName([['commonName', ' a']]) }, /blank/],
    ['a common name of 65 characters', { subject: makeName([['commonName', 'x'.repeat(65)]]) }, /1 to 64/],
    ['a unit of 65 characters', { subject: manyUnits }, /organizationalUnit must have 1 to 64/],
    [
      'a country of 3 letters',
      {
        subject: makeName([
          ['country', 'DEU'],
          ['commonName', 'x'],
        ]),
      },
      /1 to 2/,
    ],
    ['an end before the start', { notAfterMs: nowMs - 2 * dayMs }, /notAfter is not after/],
    ['a start before 2020', { notBeforeMs: Date.UTC(2019, 0, 1) }, /before 2020/],
    ['eleven years', { notAfterMs: nowMs + 11 * 366 * dayMs }, /more than 3660 days/],
    [
      'a host name with a wildcard',
      { subjectAltName: [{ kind: 'dns', value: '*.a.example' }] },
      /not a host name/,
    ],
    [
      'the name of another profile',
      { subjectAltName: [{ kind: 'uri', value: 'urn:fleetward:claim:my_iot_device' }] },
      /the alternative name `urn:fleetward:claim:my_iot_device`/,
    ],
    [
      'the name of another thing, in capitals',
      { subjectAltName: [{ kind: 'uri', value: 'URN:Fleetward:thing:other' }] },
      /the alternative name `URN:Fleetward:thing:other`/,
    ],
    ['a relative URI', { subjectAltName: [{ kind: 'uri', value: 'a/b' }] }, /absolute URI/],
    ['an https CRL address', { crlUrls: ['https://a.example/'] }, /not an http address/],
  ])('refuses %s in a device certificate', (_, overrides, message) => {
    expect(() => lint(deviceRequest(ca, overrides))).toThrow(
      expect.objectContaining({ code: 'pki.lint', message: expect.stringMatching(message) }),
    );
  });

  withOpenssl.describe('with a certificate of openssl', () => {
    it('refuses a weak key', async () => {
      const folder = opensslFolder();
      try {
        folder.run('genpkey', '-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024', '-out', 'k.pem');
        folder.run('req', '-x509', '-key', 'k.pem', '-subj', '/CN=x', '-outform', 'DER', '-out', 'c.der');
        const { publicKey } = parseCertificate(folder.read('c.der'));
        expect(() => lint(deviceRequest(ca, { publicKey }))).toThrow(/at least 2048/);
      } finally {
        folder[Symbol.dispose]();
      }
    });
  });

  it('refuses to take one profile for another', () => {
    const names: readonly ProfileName[] = ['root-ca', 'issuing-ca', ...leafProfileNames];
    for (const built of names) {
      const request = deviceRequest(ca, {
        profile: built,
        issuer: built === 'root-ca' ? 'self' : ca.issuing,
        ...(built === 'server' ? { subjectAltName: [{ kind: 'dns', value: 'a.example' } as const] } : {}),
        ...(built === 'root-ca' ? { publicKey: ca.issuingKey.parsed } : {}),
      });
      expect(() => lint(request, built)).not.toThrow();
      for (const asked of names)
        if (asked !== built)
          expect(() => lint(request, asked)).toThrow(expect.objectContaining({ code: 'pki.lint' }));
    }
  });

  it('refuses what is readable but says more than we do: reasons in a distribution point', async () => {
    const key = newKey();
    const fullName = explicit(0, explicit(0, element(0x86, utf8('http://a.example/'))));
    const leafWith = (point: Uint8Array) =>
      craft({
        issuerName: ca.issuing.subject,
        issuerKey: ca.issuingKey,
        key,
        extensions: [
          ...leafExtensions(key, ca.issuingKey),
          encodeSubjectAltName([{ kind: 'uri', value: 'urn:fleetward:thing:crafted' }]),
          encodeExtension(extensionOids.crlDistributionPoints, sequence(point)),
        ],
      });
    const plain = await leafWith(sequence(fullName));
    expect(() => lintTbsCertificate(plain.tbs, 'device')).not.toThrow();
    const sly = await leafWith(sequence(fullName, element(0x81, fromHex('0640'))));
    expect(() => lintTbsCertificate(sly.tbs, 'device')).toThrow(/not the encoding we make/);
  });

  it('refuses bytes that are no certificate, with its own code', () => {
    expect(() => lintTbsCertificate(sequence(), 'device')).toThrow(
      expect.objectContaining({ code: 'pki.lint' }),
    );
  });

  it('names every finding at once', () => {
    const request = deviceRequest(ca, { subject: makeName([]), notBeforeMs: 0 });
    const findings = expect.arrayContaining([
      expect.stringContaining('subject is empty'),
      expect.stringContaining('before 2020'),
    ]);
    expect(() => lint(request)).toThrow(
      expect.objectContaining({ details: { profile: 'device', findings } }),
    );
  });

  it('wants alternative names in a server certificate and only hosts there', () => {
    expect(() => lint(serverRequest({ subjectAltName: [] }))).toThrow(/no subject alternative name/);
    expect(() => lint(serverRequest({ subjectAltName: [{ kind: 'email', value: 'a@b' }] }))).toThrow(
      /kind `email`/,
    );
  });
});

withOpenssl.describe('what is issued', () => {
  const folder = opensslFolder();
  afterAll(() => folder[Symbol.dispose]());

  it.each(['ecdsa-p256-sha256', 'ecdsa-p384-sha384', 'ed25519', 'rsa-pkcs1-sha256'] as const)(
    'by a CA of %s is valid for openssl, strictly, and read the same by two libraries',
    async (algorithm) => {
      const own = await newCa(algorithm);
      const device = await issueDevice(own, {
        subject: makeName([
          ['country', 'DE'],
          ['commonName', 'pump-17'],
        ]),
      });
      folder.write('root.pem', encodePem('CERTIFICATE', own.root.der));
      folder.write('issuing.pem', encodePem('CERTIFICATE', own.issuing.der));
      folder.write('device.pem', encodePem('CERTIFICATE', device.der));
      const at = `${nowMs / 1000}`;
      const verify = ['verify', '-x509_strict', '-check_ss_sig', '-purpose', 'sslclient', '-attime', at];
      expect(
        folder.run(...verify, '-CAfile', 'root.pem', '-untrusted', 'issuing.pem', 'device.pem'),
      ).toContain('OK');
      const text = folder.run(
        'x509',
        '-in',
        'device.pem',
        '-noout',
        '-serial',
        '-subject',
        '-nameopt',
        'rfc2253',
      );
      expect(text.toLowerCase()).toContain(`serial=${device.serial}`);
      expect(text).toContain(`subject=${device.subject.text}`);
      const peculiar = new X509Certificate(Buffer.from(device.der));
      expect(peculiar.serialNumber).toBe(device.serial);
      expect(peculiar.notAfter.getTime()).toBe(device.notAfterMs);
      const foreign = pkijs.Certificate.fromBER(Uint8Array.from(device.der).buffer);
      expect(foreign.extensions?.map((extension) => extension.extnID)).toEqual(
        device.extensions.present.map(({ oid }) => oid),
      );
    },
  );

  it('for a server names its hosts', async () => {
    const server = await issueCertificate(serverRequest());
    folder.write('server.pem', encodePem('CERTIFICATE', server.der));
    expect(folder.run('x509', '-in', 'server.pem', '-noout', '-checkhost', 'localhost')).toContain(
      'does match',
    );
    expect(folder.run('x509', '-in', 'server.pem', '-noout', '-checkip', '::1')).toContain('does match');
  });

  it('after 2049 has its end as GeneralizedTime', async () => {
    const key = newKey();
    const root = await issueCertificate(
      deviceRequest(ca, {
        profile: 'root-ca',
        issuer: 'self',
        publicKey: key.parsed,
        signer: key,
        notAfterMs: Date.UTC(2055, 0, 1),
      }),
    );
    folder.write('late.pem', encodePem('CERTIFICATE', root.der));
    expect(folder.run('x509', '-in', 'late.pem', '-noout', '-enddate')).toContain('Jan  1 00:00:00 2055');
  });
});

withOpenssl.describe('names', () => {
  it('written by openssl are values by attribute, in their order', () => {
    const folder = opensslFolder();
    try {
      const subject =
        '/C=DE/ST=Bayern/O=Müller \\+ Söhne/OU=a/OU=b/CN=x,y/serialNumber=17/dnQualifier=q/title=t/SN=s/GN=g/initials=i/pseudonym=p/generationQualifier=III';
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
        '-utf8',
        '-subj',
        subject,
        '-outform',
        'DER',
        '-out',
        'c.der',
      );
      const name = parseName(parseCertificate(folder.read('c.der')).subject.der);
      expect(name.attributes).toEqual({
        country: ['DE'],
        state: ['Bayern'],
        organization: ['Müller + Söhne'],
        organizationalUnit: ['a', 'b'],
        commonName: ['x,y'],
        serialNumber: ['17'],
        dnQualifier: ['q'],
        title: ['t'],
        surname: ['s'],
        givenName: ['g'],
        initials: ['i'],
        pseudonym: ['p'],
        generationQualifier: ['III'],
      });
      expect(name.text).toContain('CN=x\\,y,OU=b,OU=a,O=Müller \\+ Söhne,ST=Bayern,C=DE');
    } finally {
      folder[Symbol.dispose]();
    }
  });

  it('with control characters stay on one line of text', () => {
    expect(makeName([['commonName', 'a\nb\u202e']]).text).toBe('CN=a\\0ab\\e2\\80\\ae');
  });
});
