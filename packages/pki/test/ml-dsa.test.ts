import { X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  certIdOf,
  checkCsr,
  isCrlSignedBy,
  issueCrl,
  issueCsr,
  issueOcspAnswer,
  makeName,
  parseCertificate,
  parseCsr,
  validatePath,
} from '../src/index.ts';
import { dayMs, deviceRequest, issueDevice, newCa, newKey, nowMs } from './test-ca.ts';

// Debian's openssl is 3.0 and knows nothing of ML-DSA: what checks here is the OpenSSL 3.5 within the pinned Node.js.

describe.each(['ml-dsa-44', 'ml-dsa-65', 'ml-dsa-87'] as const)('%s', (algorithm) => {
  it('signs certificates that OpenSSL 3.5 and our own path validation believe', async () => {
    const ca = await newCa(algorithm);
    const leaf = await issueDevice(ca, { publicKey: newKey(algorithm).parsed });
    const [root, issuing, device] = [ca.root, ca.issuing, leaf].map(({ der }) => new X509Certificate(der));
    expect(issuing!.verify(root!.publicKey)).toBe(true);
    expect(device!.verify(issuing!.publicKey)).toBe(true);
    expect(device!.checkIssued(issuing!)).toBe(true);
    expect(device!.verify(root!.publicKey)).toBe(false);
    expect(device!.publicKey.asymmetricKeyType).toBe(algorithm);
    const path = { untrusted: [ca.issuing], roots: [ca.root], atMs: nowMs, purpose: 'clientAuth' } as const;
    expect(validatePath({ ...path, leaf: parseCertificate(leaf.der) }).kind).toBe('accepted');
  });

  it('signs requests, which rules without ML-DSA refuse, revocation lists and OCSP answers', async () => {
    const ca = await newCa(algorithm);
    const { der } = await issueCsr({
      subject: makeName([['commonName', 'lamp-1']]),
      signer: newKey(algorithm),
    });
    expect(checkCsr(parseCsr(der))).toEqual({ kind: 'accepted' });
    expect(checkCsr(parseCsr(der), { withoutMlDsa: true })).toMatchObject({ code: 'weak_key' });
    const times = { issuer: ca.issuing, signer: ca.issuingKey, nextUpdateMs: nowMs + dayMs };
    const crl = await issueCrl({ ...times, number: 1n, thisUpdateMs: nowMs, revoked: [] });
    expect(isCrlSignedBy(crl, ca.issuing)).toBe(true);
    const leaf = await issueDevice(ca);
    const statuses = [{ certId: certIdOf(leaf, ca.issuing), status: { kind: 'good' } }] as const;
    expect((await issueOcspAnswer({ ...times, producedAtMs: nowMs, statuses })).length).toBeGreaterThan(
      2_000,
    );
  });
});

it('a signature of one parameter set is none of another', async () => {
  const ca = await newCa('ml-dsa-65');
  const other = newKey('ml-dsa-44');
  const signer = { ...ca.issuingKey, algorithm: other.algorithm, sign: other.sign };
  await expect(issueDevice(ca, { signer })).rejects.toThrow(/does not verify/);
});

it('the profile of keys in a TPM takes none: no TPM 2.0 makes one', async () => {
  const ca = await newCa('ml-dsa-65');
  const request = {
    ...deviceRequest(ca),
    profile: 'tpm-device',
    publicKey: newKey('ml-dsa-44').parsed,
  } as const;
  await expect(issueDevice(ca, request)).rejects.toThrow(/a key of kind `ml-dsa`/);
});
