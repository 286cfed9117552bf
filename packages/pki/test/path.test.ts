import { fromHex, toHex } from '@fleetward/core';
import { beforeAll, describe, expect, it } from 'vitest';
import { element, nullValue, oid, sequence } from '../src/der/writer.ts';
import {
  type Certificate,
  issueCertificate,
  issueCrl,
  makeName,
  type PathInput,
  parseCertificate,
  parseCertificatesPem,
  type RefusalCode,
  validatePath,
} from '../src/index.ts';
import {
  encodeAuthorityKeyId,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeExtension,
  encodeKeyUsage,
  encodeSubjectKeyId,
} from '../src/issue/encode-extensions.ts';
import { extensionOids, otherOids } from '../src/oids.ts';
import { keyIdentifier } from '../src/public-key.ts';
import { type CraftedParts, craft, leafExtensions } from './crafted.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import {
  dayMs,
  deviceRequest,
  issueDevice,
  newCa,
  newKey,
  nowMs,
  type TestCa,
  type TestKey,
} from './test-ca.ts';

let ca: TestCa;
let device: Certificate;
beforeAll(async () => {
  ca = await newCa();
  device = await issueDevice(ca);
});

const validate = (overrides: Partial<PathInput> = {}) =>
  validatePath({
    leaf: device,
    untrusted: [ca.issuing],
    roots: [ca.root],
    atMs: nowMs,
    purpose: 'clientAuth',
    ...overrides,
  });
const refusedAs = (code: RefusalCode) => ({
  kind: 'refused',
  code,
  reason: expect.stringMatching(/./),
  rfc: expect.stringContaining('RFC '),
});
const anyName = encodeExtension(
  extensionOids.nameConstraints,
  sequence(element(0xa1, sequence(element(0xa4, makeName([]).der)))),
  true,
);
const keyIdOf = (key: TestKey) => toHex(keyIdentifier(key.parsed));

describe('a presented certificate', () => {
  it('is accepted with its chain, from leaf to root', () => {
    expect(validate()).toEqual({ kind: 'accepted', chain: [device, ca.issuing, ca.root] });
  });

  it('is accepted straight under a trusted issuing CA', () => {
    expect(validate({ roots: [ca.issuing], untrusted: [] })).toMatchObject({ kind: 'accepted' });
  });

  it('is refused without its intermediate, without roots, and under another CA of the same name', async () => {
    expect(validate({ untrusted: [] })).toMatchObject(refusedAs('unknown_issuer'));
    expect(validate({ roots: [] })).toMatchObject(refusedAs('unknown_issuer'));
    expect(validate({ roots: [(await newCa()).root] })).toMatchObject(refusedAs('unknown_issuer'));
  });

  it('is refused when it is self-signed, also when it is itself among the roots', async () => {
    const key = newKey();
    const subject = makeName([['commonName', 'me']]);
    const leaf = await craft({ issuerName: subject, issuerKey: key, key, subject });
    expect(validate({ leaf })).toMatchObject(refusedAs('self_signed'));
    expect(validate({ leaf, roots: [leaf] })).toMatchObject(refusedAs('self_signed'));
  });

  it('is refused for a purpose it does not have', () => {
    expect(validate({ purpose: 'serverAuth' })).toMatchObject(refusedAs('purpose'));
  });

  it('of a server is accepted for serverAuth only', async () => {
    const leaf = await issueCertificate(
      deviceRequest(ca, { profile: 'server', subjectAltName: [{ kind: 'dns', value: 'localhost' }] }),
    );
    expect(validate({ leaf, purpose: 'serverAuth' })).toMatchObject({ kind: 'accepted' });
    expect(validate({ leaf })).toMatchObject(refusedAs('purpose'));
  });

  it('with any bit of its signature or content changed is refused', () => {
    for (let at = 0; at < device.der.length; at += 7) {
      const der = Uint8Array.from(device.der);
      der[at] = (der[at] ?? 0) ^ 0x10;
      expect(outcomeOf(der)).not.toBe('accepted');
    }
  });

  const outcomeOf = (der: Uint8Array) => {
    try {
      return validate({ leaf: parseCertificate(der) }).kind;
    } catch {
      return 'unreadable';
    }
  };
});

describe('the validity', () => {
  it('includes both ends and the whole last second', () => {
    expect(validate({ atMs: device.notBeforeMs })).toMatchObject({ kind: 'accepted' });
    expect(validate({ atMs: device.notAfterMs + 999 })).toMatchObject({ kind: 'accepted' });
    expect(validate({ atMs: device.notBeforeMs - 1 })).toMatchObject(refusedAs('not_yet_valid'));
    expect(validate({ atMs: device.notAfterMs + 1000 })).toMatchObject(refusedAs('expired'));
  });

  it('is never given at a time that is not a number', () => {
    expect(validate({ atMs: Number.NaN })).toMatchObject({ kind: 'refused' });
  });

  it('that ended within the grace is neither accepted nor refused', () => {
    const atMs = device.notAfterMs + dayMs;
    expect(validate({ atMs, graceMs: dayMs })).toMatchObject({ kind: 'grace', expiredForMs: dayMs });
    expect(validate({ atMs: atMs + 1, graceMs: dayMs })).toMatchObject(refusedAs('expired'));
  });

  it('has no grace for a stranger, a CA or a start in the future', () => {
    const atMs = device.notAfterMs + dayMs;
    expect(validate({ atMs, graceMs: 9 * dayMs, roots: [] })).toMatchObject(refusedAs('unknown_issuer'));
    const late = { atMs: ca.issuing.notAfterMs + dayMs, graceMs: 1e15 };
    expect(validate(late)).toMatchObject({
      ...refusedAs('expired'),
      reason: expect.stringContaining('Issuing'),
    });
    expect(validate({ atMs: 0, graceMs: 1e15 })).toMatchObject({ kind: 'refused' });
  });
});

describe('a leaf that someone else might sign', () => {
  const signed = (parts: Partial<CraftedParts>) =>
    craft({ issuerName: ca.issuing.subject, issuerKey: ca.issuingKey, ...parts });
  const withExtensions = (change: (list: readonly Uint8Array[], key: TestKey) => readonly Uint8Array[]) => {
    const key = newKey();
    return signed({ key, extensions: change(leafExtensions(key, ca.issuingKey), key) });
  };
  const sha1WithRsa = sequence(oid('1.2.840.113549.1.1.5'), nullValue());
  const rsaPss = sequence(oid('1.2.840.113549.1.1.10'), sequence());

  it('is accepted when nothing is wrong with it', async () => {
    expect(validate({ leaf: await signed({}) })).toMatchObject({ kind: 'accepted' });
  });

  it.each<[RefusalCode, string, () => Promise<Certificate>]>([
    ['ca_leaf', 'CA:true', () => withExtensions((list) => [...list, encodeBasicConstraints(undefined)])],
    ['version', 'version 1', () => signed({ version: 0, extensions: [] })],
    ['version', 'version 2', () => signed({ version: 1, extensions: [] })],
    ['serial', 'serial number zero', () => signed({ serial: fromHex('00') })],
    ['serial', 'a negative serial number', () => signed({ serial: fromHex('81') })],
    ['serial', 'a serial number of 21 octets', () => signed({ serial: fromHex(`41${'00'.repeat(20)}`) })],
    ['authority_key_id', 'no AKI', () => withExtensions((list) => list.slice(0, 3))],
    ['authority_key_id', 'no extensions', () => signed({ extensions: [] })],
    ['purpose', 'no extended key usage', () => withExtensions((list) => list.toSpliced(1, 1))],
    [
      'purpose',
      'any purpose',
      () => withExtensions((list) => list.with(1, encodeExtendedKeyUsage([otherOids.anyExtendedKeyUsage]))),
    ],
    [
      'key_usage',
      'keyCertSign',
      () => withExtensions((list) => list.with(0, encodeKeyUsage(['digitalSignature', 'keyCertSign']))),
    ],
    [
      'key_usage',
      'key agreement only',
      () => withExtensions((list) => list.with(0, encodeKeyUsage(['keyAgreement']))),
    ],
    ['name_constraints', 'name constraints', () => withExtensions((list) => [...list, anyName])],
    [
      'unknown_critical_extension',
      'an unknown critical extension',
      () => withExtensions((list) => [...list, encodeExtension('1.2.3.4', sequence(), true)]),
    ],
    [
      'extension_form',
      'a critical AKI',
      () =>
        withExtensions((list) =>
          list.with(
            3,
            encodeExtension(
              extensionOids.authorityKeyId,
              sequence(element(0x80, keyIdentifier(ca.issuingKey.parsed))),
              true,
            ),
          ),
        ),
    ],
    ['name', 'no subject and no alternative name', () => signed({ subject: makeName([]) })],
    [
      'unknown_issuer',
      'the AKI of another key',
      () => withExtensions((list) => list.with(3, encodeAuthorityKeyId('00'.repeat(20)))),
    ],
    ['weak_signature', 'a SHA-1 signature', () => signed({ algorithm: sha1WithRsa })],
    ['weak_signature', 'an RSA-PSS signature', () => signed({ algorithm: rsaPss })],
    [
      'bad_signature',
      'a signature of another kind of key',
      () => signed({ algorithm: sequence(oid('1.3.101.112')) }),
    ],
    [
      'bad_signature',
      'a signature of another key',
      () => {
        const key = newKey();
        return signed({ key, issuerKey: newKey(), extensions: leafExtensions(key, ca.issuingKey) });
      },
    ],
  ])('is refused as %s with %s', async (code, _, make) => {
    expect(validate({ leaf: await make() })).toMatchObject(refusedAs(code));
  });

  it('is accepted with an unknown extension that is not critical', async () => {
    const leaf = await withExtensions((list) => [...list, encodeExtension('1.2.3.4', sequence())]);
    expect(validate({ leaf })).toMatchObject({ kind: 'accepted' });
  });

  it('is unreadable with the same extension twice', async () => {
    await expect(withExtensions((list) => [...list, ...list])).rejects.toThrow(/given twice/);
  });
});

describe('a CA in the chain', () => {
  const caExtensions = (key: TestKey, issuerKey: TestKey) => [
    encodeBasicConstraints(undefined),
    encodeKeyUsage(['keyCertSign', 'cRLSign']),
    encodeSubjectKeyId(keyIdentifier(key.parsed)),
    encodeAuthorityKeyId(keyIdOf(issuerKey)),
  ];
  const caCertificate = (key: TestKey, parts: Partial<CraftedParts> = {}) =>
    craft({
      issuerName: ca.root.subject,
      issuerKey: ca.rootKey,
      key,
      subject: makeName([['commonName', 'Sub']]),
      extensions: caExtensions(key, ca.rootKey),
      ...parts,
    });
  const leafUnder = (issuer: Certificate, issuerKey: TestKey) =>
    craft({ issuerName: issuer.subject, issuerKey });

  it.each<[RefusalCode, string, (key: TestKey) => Partial<CraftedParts>]>([
    ['not_a_ca', 'no basic constraints', (key) => ({ extensions: caExtensions(key, ca.rootKey).slice(1) })],
    [
      'not_a_ca',
      'basic constraints that are not critical',
      (key) => ({
        extensions: caExtensions(key, ca.rootKey).with(
          0,
          encodeExtension(extensionOids.basicConstraints, fromHex('30030101ff')),
        ),
      }),
    ],
    [
      'not_a_ca',
      'no keyCertSign',
      (key) => ({ extensions: caExtensions(key, ca.rootKey).with(1, encodeKeyUsage(['cRLSign'])) }),
    ],
    ['subject_key_id', 'no SKI', (key) => ({ extensions: caExtensions(key, ca.rootKey).toSpliced(2, 1) })],
    ['authority_key_id', 'no AKI', (key) => ({ extensions: caExtensions(key, ca.rootKey).slice(0, 3) })],
    [
      'purpose',
      'a purpose of servers only',
      (key) => ({
        extensions: [...caExtensions(key, ca.rootKey), encodeExtendedKeyUsage([otherOids.serverAuth])],
      }),
    ],
    [
      'name_constraints',
      'name constraints',
      (key) => ({
        extensions: [...caExtensions(key, ca.rootKey), anyName],
      }),
    ],
    [
      'unknown_critical_extension',
      'an unknown critical extension',
      (key) => ({
        extensions: [...caExtensions(key, ca.rootKey), encodeExtension('1.2.3', sequence(), true)],
      }),
    ],
    ['expired', 'an end in the past', () => ({ notBeforeMs: nowMs - 9 * dayMs, notAfterMs: nowMs - dayMs })],
    ['serial', 'serial number zero', () => ({ serial: fromHex('00') })],
    ['bad_signature', 'a broken signature', () => ({ issuerKey: newKey() })],
  ])('is refused as %s with %s', async (code, _, change) => {
    const key = newKey();
    const sub = await caCertificate(key, change(key));
    const leaf = await leafUnder(sub, key);
    expect(validate({ leaf, untrusted: [sub] })).toMatchObject(refusedAs(code));
  });

  it('allows no more CAs below it than its path length', async () => {
    const key = newKey();
    const sub = await craft({
      issuerName: ca.issuing.subject,
      issuerKey: ca.issuingKey,
      key,
      subject: makeName([['commonName', 'Sub']]),
      extensions: caExtensions(key, ca.issuingKey),
    });
    const leaf = await leafUnder(sub, key);
    expect(validate({ leaf, untrusted: [sub, ca.issuing] })).toMatchObject(refusedAs('path_too_long'));
  });

  it('that is renewed, expired copy first, does not hide the good one', async () => {
    const key = newKey();
    const old = await caCertificate(key, { notBeforeMs: nowMs - 9 * dayMs, notAfterMs: nowMs - dayMs });
    const renewed = await caCertificate(key);
    const leaf = await leafUnder(old, key);
    expect(validate({ leaf, untrusted: [old, renewed] })).toMatchObject({
      kind: 'accepted',
      chain: [leaf, renewed, ca.root],
    });
  });

  it('is refused as an expired root too', async () => {
    expect(validate({ atMs: ca.root.notAfterMs + dayMs })).toMatchObject(refusedAs('expired'));
  });

  it('cannot make the search run on: many and circular intermediates end in a refusal', async () => {
    const keys = [newKey(), newKey()] as const;
    const names = [makeName([['commonName', 'A']]), makeName([['commonName', 'B']])] as const;
    const cross = (subject: 0 | 1, issuer: 0 | 1) =>
      craft({
        issuerName: names[issuer],
        issuerKey: keys[issuer],
        key: keys[subject],
        subject: names[subject],
        extensions: caExtensions(keys[subject], keys[issuer]),
      });
    const untrusted = [
      ...(await Promise.all(Array.from({ length: 40 }, () => cross(0, 1)))),
      await cross(1, 0),
    ];
    const leaf = await craft({ issuerName: names[0], issuerKey: keys[0] });
    expect(validate({ leaf, untrusted })).toMatchObject({ kind: 'refused' });
  });
});

describe('with CRLs', () => {
  const crlOf = (
    revoked: readonly Certificate[],
    overrides: { number?: bigint; nextUpdateMs?: number } = {},
  ) =>
    issueCrl({
      issuer: ca.issuing,
      signer: ca.issuingKey,
      number: 1n,
      thisUpdateMs: nowMs - dayMs,
      nextUpdateMs: nowMs + dayMs,
      revoked: revoked.map(({ serial }) => ({
        serial,
        revokedAtMs: nowMs - 2 * dayMs,
        reason: 'keyCompromise',
      })),
      ...overrides,
    });

  it('a certificate that is on none is accepted', async () => {
    expect(validate({ crls: [await crlOf([])] })).toMatchObject({ kind: 'accepted' });
  });

  it('a revoked one is refused, also from a stale list and also within the grace', async () => {
    const crls = [await crlOf([device])];
    expect(validate({ crls })).toMatchObject(refusedAs('revoked'));
    expect(validate({ crls, atMs: nowMs + 9 * dayMs })).toMatchObject(refusedAs('revoked'));
    const atMs = device.notAfterMs + dayMs;
    expect(validate({ crls, atMs, graceMs: 9 * dayMs })).toMatchObject(refusedAs('revoked'));
  });

  it('nothing is accepted without a current one of the issuer', async () => {
    expect(validate({ crls: [] })).toMatchObject(refusedAs('no_current_crl'));
    expect(validate({ crls: [await crlOf([])], atMs: nowMs + 2 * dayMs })).toMatchObject(
      refusedAs('no_current_crl'),
    );
    const stranger = await newCa();
    const forged = await issueCrl({
      issuer: stranger.issuing,
      signer: stranger.issuingKey,
      number: 1n,
      thisUpdateMs: nowMs - dayMs,
      nextUpdateMs: nowMs + dayMs,
      revoked: [{ serial: device.serial, revokedAtMs: 0, reason: 'keyCompromise' }],
    });
    expect(validate({ crls: [forged] })).toMatchObject(refusedAs('no_current_crl'));
  });

  it('a revoked issuing CA is refused', async () => {
    const ofRoot = await issueCrl({
      issuer: ca.root,
      signer: ca.rootKey,
      number: 1n,
      thisUpdateMs: nowMs - dayMs,
      nextUpdateMs: nowMs + dayMs,
      revoked: [{ serial: ca.issuing.serial, revokedAtMs: nowMs - 2 * dayMs, reason: 'cACompromise' }],
    });
    expect(validate({ crls: [await crlOf([]), ofRoot] })).toMatchObject(refusedAs('revoked'));
  });
});

withOpenssl.describe('certificates made by hand with the openssl program', () => {
  const make = (extensions: string, keyArgs: readonly string[] = ['-newkey', 'rsa:2048']) => {
    const folder = opensslFolder();
    try {
      const p256 = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'];
      const common = ['-nodes', '-keyout', 'k.pem'];
      folder.run(
        'req',
        '-x509',
        ...p256,
        ...common,
        '-subj',
        '/CN=Vendor',
        '-days',
        '3650',
        '-keyout',
        'ca.key',
        '-out',
        'ca.pem',
      );
      folder.run('req', '-new', ...keyArgs, ...common, '-subj', '/CN=my_iot_device', '-out', 'd.csr');
      folder.write('ext', extensions);
      folder.run(
        'x509',
        '-req',
        '-in',
        'd.csr',
        '-CA',
        'ca.pem',
        '-CAkey',
        'ca.key',
        '-CAcreateserial',
        '-days',
        '30',
        '-sha256',
        ...(extensions === '' ? [] : ['-extfile', 'ext']),
        '-out',
        'd.pem',
      );
      const [leaf] = parseCertificatesPem(folder.read('d.pem'));
      if (leaf === undefined) throw new Error('no certificate');
      const roots = parseCertificatesPem(folder.read('ca.pem'));
      return validatePath({ leaf, roots, atMs: leaf.notBeforeMs + dayMs, purpose: 'clientAuth' });
    } finally {
      folder[Symbol.dispose]();
    }
  };
  const good = 'extendedKeyUsage=clientAuth\nauthorityKeyIdentifier=keyid\n';

  it('are accepted under a vendor root when they name their purpose and issuer key', () => {
    expect(make(good)).toMatchObject({ kind: 'accepted' });
  });

  it('are refused as version 1 when made without an extension file', () => {
    expect(make('')).toMatchObject(refusedAs('version'));
  });

  it('are refused with RSA 1024', () => {
    expect(make(good, ['-newkey', 'rsa:1024'])).toMatchObject(refusedAs('weak_key'));
  });
});
