import { createHash } from 'node:crypto';
import { type Certificate, parseCertificate } from '@fleetward/pki';
import { temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ocspRoutes } from '../../src/gateway/public-http.ts';
import type { RawAnswer, RawRequest } from '../../src/http/index.ts';
import { issueDevice, openPlatform, type Platform } from './test-platform.ts';

const minuteMs = 60_000;
let folder: ReturnType<typeof temporaryFolder>;
let platform: Platform;
let signatures: number;
let isBroken = false;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({
    folder: folder.path,
    wrapSigner: (signer) => ({
      ...signer,
      sign: (message) => {
        signatures++;
        return isBroken ? Promise.resolve(new Uint8Array(70)) : signer.sign(message);
      },
    }),
  });
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});

/** An OCSPRequest made by hand from its parts (RFC 6960 §4.1.1). */
function requestFor(
  { serial }: Pick<Certificate, 'serial'>,
  nonce?: Uint8Array,
  { times } = { times: 1 },
): Uint8Array {
  const issuer = platform.certificates.activeIssuer()!.certificate;
  const element = (tag: number, ...parts: readonly Uint8Array[]) => {
    const content = Buffer.concat(parts);
    const length = content.length < 0x80 ? [content.length] : [0x81, content.length];
    return Buffer.concat([Buffer.from([tag, ...length]), content]);
  };
  const hash = (bytes: Uint8Array) => element(0x04, createHash('sha1').update(bytes).digest());
  const algorithm = element(0x30, Buffer.from('06052b0e03021a0500', 'hex'));
  const digits = Buffer.from(serial, 'hex');
  const number = element(0x02, digits[0]! >= 0x80 ? Buffer.concat([Buffer.alloc(1), digits]) : digits);
  const certId = element(0x30, algorithm, hash(issuer.subject.der), hash(issuer.publicKey.bits), number);
  const list = element(0x30, ...Array.from({ length: times }, () => element(0x30, certId)));
  const type = Buffer.from('06092b0601050507300102', 'hex');
  const extension = nonce && element(0x30, type, element(0x04, element(0x04, nonce)));
  const extensions = extension === undefined ? [] : [element(0xa2, element(0x30, extension))];
  return element(0x30, element(0x30, list, ...extensions));
}

const good = Buffer.from([0x80, 0x00]);
const unauthorized = Buffer.from('30030a0106', 'hex');
const malformed = Buffer.from('30030a0101', 'hex');
const internalError = Buffer.from('30030a0102', 'hex');
const tryLater = Buffer.from('30030a0103', 'hex');

async function device(name = 'pump'): Promise<Certificate> {
  const { record } = await issueDevice(platform, name);
  signatures = 0;
  return parseCertificate(record.der);
}
const ask = async (request: Uint8Array) => {
  const { der, cacheSeconds } = await platform.certificates.ocsp(request);
  return { der: Buffer.from(der), cacheSeconds };
};

describe('an OCSP answer', () => {
  test('is signed once for all who ask without a nonce, until half of its validity', async () => {
    const request = requestFor(await device());
    const first = await ask(request);
    expect(first.der.includes(good)).toBe(true);
    expect(first.cacheSeconds).toBe(300);
    platform.clock.advance(29 * minuteMs);
    expect((await ask(request)).der).toEqual(first.der);
    expect(signatures).toBe(1);
    platform.clock.advance(minuteMs);
    expect((await ask(request)).der).not.toEqual(first.der);
    expect(signatures).toBe(2);
  });

  test('with a nonce is its own, and no cache may keep it', async () => {
    const pump = await device();
    const nonce = Buffer.from('a nonce of mine.');
    const { der, cacheSeconds } = await ask(requestFor(pump, nonce));
    expect(der.includes(nonce)).toBe(true);
    expect(cacheSeconds).toBe(0);
    await ask(requestFor(pump, nonce));
    expect(signatures).toBe(2);
  });

  test('says revoked from the moment of the revocation, whatever was kept', async () => {
    const pump = await device();
    const request = requestFor(pump);
    expect((await ask(request)).der.includes(good)).toBe(true);
    const revoked = { certificateId: pump.id, reason: 'superseded' } as const;
    await platform.certificates.revoke(revoked, { kind: 'system' });
    expect((await ask(request)).der.includes(good)).toBe(false);
  });

  test('says that it is on hold, is good again once the hold is lifted, and keeps no reason that has changed', async () => {
    const pump = await device();
    const { id: certificateId } = pump;
    const request = requestFor(pump);
    const reason = (code: number) => Buffer.from([0xa0, 0x03, 0x0a, 0x01, code]);
    const revoke = (reason: 'certificateHold' | 'keyCompromise') =>
      platform.certificates.revoke({ certificateId, reason }, { kind: 'system' });
    await revoke('certificateHold');
    expect((await ask(request)).der.includes(reason(6))).toBe(true);
    await platform.certificates.unhold(certificateId, { kind: 'system' });
    expect((await ask(request)).der.includes(good)).toBe(true);
    await revoke('certificateHold');
    expect((await ask(request)).der.includes(reason(6))).toBe(true);
    await revoke('keyCompromise');
    expect((await ask(request)).der.includes(reason(1))).toBe(true);
  });

  test('is not given for what the CA did not issue, nor after the CA was removed, and nothing is signed', async () => {
    const pump = await device();
    expect((await ask(requestFor({ serial: '4711' }))).der).toEqual(unauthorized);
    const { certificateId } = platform.certificates.activeIssuer()!;
    const request = requestFor(pump);
    for (const state of ['retired', 'removed'] as const)
      await platform.certificates.setAuthorityState({ certificateId, state }, { kind: 'system' });
    signatures = 0;
    expect((await ask(request)).der).toEqual(unauthorized);
    expect(signatures).toBe(0);
  });

  test('costs no more signatures a second than the setting allows; what is kept is still given', async () => {
    const pump = await device();
    const request = requestFor(pump);
    const kept = await ask(request);
    const nonces = Array.from({ length: 200 }, (_, index) => requestFor(pump, Buffer.from([index, 1])));
    const answers = await Promise.all(nonces.map(ask));
    expect(signatures).toBe(51);
    expect(answers.slice(-150).map(({ der }) => der)).toEqual(Array.from({ length: 150 }, () => kept.der));
    // Who asks without a nonce still has the other half.
    const other = await device('valve');
    expect((await ask(requestFor(other))).der.includes(good)).toBe(true);
    expect(platform.certificates.ocspCounts).toMatchObject({ asked: 202, signaturesPerSecondMax: 150 });
  });

  test('about several certificates, which is not kept, costs no more than half of the signatures either', async () => {
    const twice = requestFor(await device(), undefined, { times: 2 });
    const answers = await Promise.all(Array.from({ length: 200 }, () => ask(twice)));
    expect(answers.filter(({ der }) => der.equals(tryLater))).toHaveLength(150);
    expect((await ask(requestFor(await device('valve')))).der.includes(good)).toBe(true);
  });

  test('without a nonce waits as well when all signatures of a second are made', async () => {
    await device('first');
    const serials = await Promise.all(Array.from({ length: 101 }, (_, index) => device(`pump-${index}`)));
    const answers = await Promise.all(serials.map((one) => ask(requestFor(one))));
    expect(answers.filter(({ der }) => der.equals(tryLater))).toHaveLength(1);
    expect(signatures).toBe(100);
  });

  test('that the CA’s key does not sign as it should is our fault, and is counted', async () => {
    const pump = await device();
    isBroken = true;
    expect((await ask(requestFor(pump))).der).toEqual(internalError);
    isBroken = false;
    expect((await ask(requestFor(pump))).der.includes(good)).toBe(true);
    expect(platform.certificates.ocspCounts).toMatchObject({ failed: 1 });
  });

  test('to what is no request is unsigned and says so', async () => {
    await device();
    for (const noise of [new Uint8Array(), Buffer.from('hello'), new Uint8Array(5_000)])
      expect(await ask(noise)).toEqual({ der: malformed, cacheSeconds: 0 });
    expect(signatures).toBe(0);
  });

  test('comes over GET as over POST, with what caches need', async () => {
    const request = requestFor(await device());
    const [post, get] = ocspRoutes(platform.certificates);
    const given = { headers: {}, body: request, params: {} } as unknown as RawRequest;
    const posted = await post!.handle(given);
    const path = { '*': Buffer.from(request).toString('base64') };
    const got = (await get!.handle({ ...given, body: new Uint8Array(), params: path })) as RawAnswer;
    expect(got).toEqual(posted);
    expect(got.headers).toEqual({
      'content-type': 'application/ocsp-response',
      'cache-control': 'public, no-transform, must-revalidate, max-age=300',
    });
    const noise = (await get!.handle({ ...given, params: { '*': '../../etc' } })) as RawAnswer;
    expect(Buffer.from(noise.body)).toEqual(malformed);
    expect(noise.headers['cache-control']).toBe('no-store');
  });
});
