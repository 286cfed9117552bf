import { afterAll, expect, it } from 'vitest';
import { bitString, nullValue, oid, sequence } from '../src/der/writer.ts';
import {
  checkCsr,
  checkCsrAside,
  checkPublicKey,
  PkiError,
  parseCertificate,
  parseCertificatesPem,
  parseCsr,
  parseCsrPem,
  parsePem,
  verifyCsrSignature,
} from '../src/index.ts';
import { algorithmOids } from '../src/oids.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';

withOpenssl.describe('a CSR of the openssl program', () => {
  const folder = opensslFolder();
  afterAll(() => folder[Symbol.dispose]());

  const request = (keyArgs: readonly string[], ...more: readonly string[]) => {
    folder.run(...keyArgs, '-out', 'key.pem');
    folder.run('req', '-new', '-key', 'key.pem', '-subj', '/CN=my_iot_device', ...more, '-out', 'csr.pem');
    return parseCsrPem(folder.read('csr.pem'));
  };
  const rsa = (bits: string, ...more: readonly string[]) =>
    ['genpkey', '-algorithm', 'RSA', '-pkeyopt', `rsa_keygen_bits:${bits}`, ...more] as const;
  const ec = (curve: string) =>
    ['genpkey', '-algorithm', 'EC', '-pkeyopt', `ec_paramgen_curve:${curve}`] as const;

  it.each([
    ['RSA 2048', rsa('2048')],
    ['P-256', ec('P-256')],
    ['P-384', ec('P-384')],
    ['Ed25519', ['genpkey', '-algorithm', 'ed25519']],
  ])('with a key of %s is read, verified and accepted', async (_, keyArgs) => {
    const csr = request(keyArgs);
    expect(csr.subject.attributes).toEqual({ commonName: ['my_iot_device'] });
    expect(csr.subject.text).toBe('CN=my_iot_device');
    expect(verifyCsrSignature(csr)).toBe(true);
    expect(checkPublicKey(csr.publicKey)).toEqual({ kind: 'accepted' });
    expect(checkCsr(csr)).toEqual({ kind: 'accepted' });
    expect(await checkCsrAside(csr)).toEqual({ kind: 'accepted' });
  });

  it('signed by ECDSA with parameters of NULL, as `tpm2-openssl` before 1.2 writes it, is accepted; a certificate is not', async () => {
    const { tbs, signature } = request(ec('P-256'));
    const algorithm = sequence(oid(algorithmOids.ecdsaWithSha256), nullValue());
    const csr = parseCsr(sequence(tbs, algorithm, bitString(signature)));
    expect(checkCsr(csr)).toEqual({ kind: 'accepted' });
    expect(await checkCsrAside(csr)).toEqual({ kind: 'accepted' });
    folder.run('req', '-new', '-x509', '-key', 'key.pem', '-subj', '/CN=ca', '-out', 'ca.pem');
    const [certificate] = parseCertificatesPem(folder.read('ca.pem'));
    const der = sequence(certificate!.tbs, algorithm, bitString(certificate!.signature));
    expect(() => parseCertificate(der)).toThrow(PkiError);
  });

  it.each([
    ['RSA 1024', rsa('1024'), /1024.*at least 2048/],
    ['RSA with exponent 3', rsa('2048', '-pkeyopt', 'rsa_keygen_pubexp:3'), /exponent is `3`/],
    ['secp256k1', ec('secp256k1'), /curve `1\.3\.132\.0\.10`/],
    [
      'RSA-PSS',
      ['genpkey', '-algorithm', 'RSA-PSS', '-pkeyopt', 'rsa_keygen_bits:2048'],
      /1\.2\.840\.113549\.1\.1\.10/,
    ],
    ['Ed448', ['genpkey', '-algorithm', 'ed448'], /1\.3\.101\.113/],
  ])('with a key of %s is read, and its key refused with the reason', async (_, keyArgs, reason) => {
    const csr = request(keyArgs);
    const refusal = { kind: 'refused', reason: expect.stringMatching(reason) };
    expect(checkPublicKey(csr.publicKey)).toEqual(refusal);
    expect(checkCsr(csr)).toEqual({ ...refusal, code: 'weak_key' });
    expect(await checkCsrAside(csr)).toEqual({ ...refusal, code: 'weak_key' });
  });

  it('signed with SHA-1 does not verify', () => {
    const csr = request(rsa('2048'), '-sha1');
    expect(verifyCsrSignature(csr)).toBe(false);
    expect(checkCsr(csr)).toMatchObject({ kind: 'refused', code: 'weak_signature' });
  });

  it('with one bit of its signature or subject flipped does not verify', () => {
    const { der } = request(ec('P-256'));
    for (const at of [der.length - 5, Buffer.from(der).indexOf('my_iot_device')]) {
      const broken = Uint8Array.from(der);
      broken[at] = (broken[at] ?? 0) ^ 1;
      expect(verifyCsrSignature(parseCsr(broken))).toBe(false);
      expect(checkCsr(parseCsr(broken))).toMatchObject({ kind: 'refused', code: 'bad_signature' });
    }
  });

  it('with every alternative name, a challenge password and key usages shows what it asks for', () => {
    const san =
      'DNS:a.example,email:a@b.example,URI:urn:x:1,IP:192.0.2.1,IP:2001:db8::1,RID:1.2.3,dirName:dn';
    const config = `[req]\ndistinguished_name=dn\nattributes=at\nprompt=no\nreq_extensions=ext\n[dn]\nCN=x\nO=Org\n[at]\nchallengePassword=secret1\n[ext]\nsubjectAltName=${san}\nkeyUsage=critical,digitalSignature,keyAgreement\nextendedKeyUsage=clientAuth\nbasicConstraints=CA:false\n`;
    folder.write('req.cnf', config);
    folder.run(...ec('P-256'), '-out', 'key.pem');
    folder.run('req', '-new', '-key', 'key.pem', '-config', 'req.cnf', '-out', 'csr.pem');
    const csr = parseCsrPem(folder.read('csr.pem'));
    expect(csr.challengePassword).toBe('secret1');
    expect(csr.requestedExtensions).toMatchObject({
      keyUsage: ['digitalSignature', 'keyAgreement'],
      extendedKeyUsage: ['1.3.6.1.5.5.7.3.2'],
      basicConstraints: { ca: false },
      subjectAltName: [
        { kind: 'dns', value: 'a.example' },
        { kind: 'email', value: 'a@b.example' },
        { kind: 'uri', value: 'urn:x:1' },
        { kind: 'ip', value: '192.0.2.1' },
        { kind: 'ip', value: '2001:db8::1' },
        { kind: 'other', tag: 8 },
        { kind: 'directory', name: { text: 'O=Org,CN=x' } },
      ],
    });
    expect(verifyCsrSignature(csr)).toBe(true);
  });

  it('is refused when it is too large, cut off or followed by anything', () => {
    const { der } = request(ec('P-256'));
    expect(() => parseCsr(new Uint8Array(20_000))).toThrow(
      expect.objectContaining({ code: 'pki.too_large' }),
    );
    expect(() => parseCsr(der.subarray(0, -1))).toThrow(PkiError);
    expect(() => parseCsr(Buffer.concat([der, Buffer.of(0)]))).toThrow(PkiError);
    expect(() => parsePem(folder.read('key.pem'), { labels: ['CERTIFICATE REQUEST'] })).toThrow(
      /PRIVATE KEY/,
    );
  });
});
