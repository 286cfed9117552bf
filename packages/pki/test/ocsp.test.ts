import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import {
  encodePem,
  isIssuedBy,
  issueOcspAnswer,
  lintTbsOcsp,
  type OcspAnswer,
  ocspError,
  parseOcspRequest,
} from '../src/index.ts';
import { buildTbsOcsp } from '../src/ocsp/ocsp-answer.ts';
import { type OpensslFolder, opensslFolder, withOpenssl } from './openssl.ts';
import { dayMs, issueDevice, newCa, newKey, nowMs, type TestCa } from './test-ca.ts';

let ca: TestCa;
let request: Uint8Array;

withOpenssl.describe('OCSP beside openssl', () => {
  let folder: OpensslFolder;
  let serial: string;
  beforeAll(async () => {
    ca = await newCa();
    const device = await issueDevice(ca);
    serial = device.serial;
    folder = opensslFolder();
    folder.write('root.pem', encodePem('CERTIFICATE', ca.root.der));
    folder.write('issuing.pem', encodePem('CERTIFICATE', ca.issuing.der));
    folder.write('device.pem', encodePem('CERTIFICATE', device.der));
    request = ask();
    return () => folder[Symbol.dispose]();
  });

  function ask(...more: readonly string[]): Uint8Array {
    folder.run('ocsp', '-issuer', 'issuing.pem', '-cert', 'device.pem', '-reqout', 'request.der', ...more);
    return new Uint8Array(folder.read('request.der'));
  }

  /** What openssl makes of an answer to the request in `request.der`. */
  function judge(answer: Uint8Array) {
    folder.write('answer.der', answer);
    // The certificates of these tests are of 2030; an answer is judged by the clock.
    const trust = ['-issuer', 'issuing.pem', '-CAfile', 'root.pem', '-attime', String(nowMs / 1000)];
    return folder.try('ocsp', '-reqin', 'request.der', '-respin', 'answer.der', '-resp_text', ...trust);
  }

  async function answer(der: Uint8Array, more: Partial<OcspAnswer> = {}): Promise<Uint8Array> {
    const { certIds, nonce } = parseOcspRequest(der);
    const atMs = Date.now();
    return issueOcspAnswer({
      issuer: ca.issuing,
      signer: ca.issuingKey,
      statuses: certIds.map((certId) => ({ certId, status: { kind: 'good' } })),
      producedAtMs: atMs,
      nextUpdateMs: atMs + dayMs,
      nonce,
      ...more,
    });
  }

  it.each([[[]], [['-no_nonce']], [['-sha256', '-cert', 'device.pem']]])(
    'reads a request with %j and knows whose it is',
    (more) => {
      const { certIds, nonce } = parseOcspRequest(ask(...more));
      expect(certIds.map((id) => id.serial)).toContain(serial);
      expect(certIds.every((id) => isIssuedBy(id, ca.issuing))).toBe(true);
      expect(certIds.some((id) => isIssuedBy(id, ca.root))).toBe(false);
      expect(nonce === undefined).toBe(more.includes('-no_nonce'));
    },
  );

  it('answers good, and openssl verifies signature and nonce', async () => {
    const verdict = judge(await answer(ask()));
    expect(verdict.output).toMatch(/Response verify OK/);
    expect(verdict.output).toMatch(/Cert Status: good/);
    expect(verdict.output).not.toMatch(/WARNING|Nonce Verify/);
  });

  it('answers revoked with time and reason', async () => {
    const { certIds } = parseOcspRequest(ask());
    const status = { kind: 'revoked', atMs: Date.UTC(2025, 1, 3, 4, 5, 6), reason: 'keyCompromise' } as const;
    const verdict = judge(await answer(ask(), { statuses: certIds.map((certId) => ({ certId, status })) }));
    expect(verdict.output).toMatch(/Cert Status: revoked/);
    expect(verdict.output).toMatch(/Revocation Reason: keyCompromise/);
    expect(verdict.output).toMatch(/Revocation Time: Feb {2}3 04:05:06 2025 GMT/);
  });

  it('an answer with one byte changed does not verify, nor one to another nonce', async () => {
    const good = await answer(ask());
    const changed = Uint8Array.from(good);
    changed[good.length - 10]! ^= 1;
    expect(judge(changed).output).not.toMatch(/Response verify OK/);
    ask();
    expect(judge(good).output).toMatch(/Nonce Verify error/);
  });

  it('says why it does not answer', () => {
    ask();
    expect(judge(ocspError('unauthorized')).output).toMatch(/unauthorized \(6\)/);
    expect(judge(ocspError('tryLater')).output).toMatch(/trylater \(3\)/i);
    expect(judge(ocspError('malformedRequest')).output).toMatch(/malformedrequest \(1\)/i);
  });

  it('is not signed by a key that is not the issuer’s', async () => {
    await expect(answer(request, { signer: newKey() })).rejects.toMatchObject({ code: 'pki.issue' });
    const liar = { ...ca.issuingKey, sign: async () => new Uint8Array(70) };
    await expect(answer(request, { signer: liar })).rejects.toMatchObject({ code: 'pki.issue' });
  });

  describe('what a key is asked to sign as an answer', () => {
    const tbs = (more: Partial<OcspAnswer> = {}) =>
      buildTbsOcsp({
        issuer: ca.issuing,
        statuses: parseOcspRequest(request).certIds.map((certId) => ({ certId, status: { kind: 'good' } })),
        producedAtMs: nowMs,
        nextUpdateMs: nowMs + dayMs,
        ...more,
      });

    it.each<[string, Partial<OcspAnswer>, RegExp]>([
      ['that is good for weeks', { nextUpdateMs: nowMs + 30 * dayMs }, /more than 8 days/],
      ['that ends before it begins', { nextUpdateMs: nowMs - dayMs }, /not after thisUpdate/],
      ['by a clock that is wrong', { producedAtMs: 0, nextUpdateMs: dayMs }, /before 2020/],
      ['about nothing', { statuses: [] }, /for 0 certificates/],
      ['with a nonce of any length', { nonce: new Uint8Array(500) }, /extension/],
    ])('is refused: one %s', (_, more, why) => {
      expect(() => lintTbsOcsp(tbs())).not.toThrow();
      expect(() => lintTbsOcsp(tbs(more))).toThrow(why);
    });

    it('is no certificate, no CRL, and nothing with bytes behind it', () => {
      const ok = tbs();
      for (const other of [ca.issuing.tbs, Uint8Array.of(...ok, 0), ok.subarray(0, -1), new Uint8Array()])
        expect(() => lintTbsOcsp(other)).toThrow(expect.objectContaining({ code: 'pki.lint' }));
    });
  });

  it('a changed request is read as another or refused, never worse', () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(255), fc.boolean(), (at, octet, isCut) => {
        const changed = Uint8Array.from(request);
        changed[at % changed.length] = octet;
        try {
          parseOcspRequest(isCut ? changed.subarray(0, at % changed.length) : changed);
        } catch (error) {
          expect(error).toMatchObject({ name: 'PkiError' });
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
