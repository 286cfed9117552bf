import { readFileSync, writeFileSync } from 'node:fs';
import { getEnrollmentAttempt, listDenials, listEnrollmentAttempts } from '@fleetward/protocol';
import { needs, openssl } from '@fleetward/testkit';
import { startTestPlatform, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  csrFile,
  curl,
  madeKeyOf,
  openExporter,
  posting,
  pythonEnrol,
  subjectsOf,
} from './foreign-client.ts';

let platform: TestPlatform;

beforeAll(async () => {
  platform = await startTestPlatform({ settings: { enrollment: { serverKeygen: true } } });
});
afterAll(() => platform.stop());

const basic = (secret: string) => ['-u', `device:${secret}`];
const authorization = (secret: string) => `Basic ${Buffer.from(`device:${secret}`).toString('base64')}`;

/** The newest attempt, as its operator reads it. */
async function newestAttempt() {
  const { attempts } = await platform.api.call(listEnrollmentAttempts, { query: { limit: 1 } });
  return platform.api.call(getEnrollmentAttempt, { params: { attemptId: attempts[0]!.attemptId } });
}

needs('curl', 'curl').describe('EST by curl and openssl', () => {
  test('CA certificates are certs-only CMS in lines of base64 that openssl decodes', async () => {
    const answer = await curl(platform, 'cacerts');
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({
      'content-type': 'application/pkcs7-mime; smime-type=certs-only',
      'content-transfer-encoding': 'base64',
    });
    expect(Math.max(...answer.body.split('\n').map((line) => line.length))).toBe(76);
    const der = await openssl(['base64', '-d'], { input: answer.body });
    expect(await subjectsOf(der.toString('base64'))).toHaveLength(2);
  });

  test('the attributes a request should have are DER that openssl reads', async () => {
    const answer = await curl(platform, 'csrattrs');
    expect([answer.status, answer.headers['content-type']]).toEqual([200, 'application/csrattrs']);
    const input = Buffer.from(answer.body, 'base64');
    const text = (await openssl(['asn1parse', '-inform', 'DER'], { input })).toString();
    expect([...text.matchAll(/OBJECT\s+:(.*)/g)].map(([, name]) => name)).toEqual([
      'id-ecPublicKey',
      'prime256v1',
      'ecdsa-with-SHA256',
    ]);
  });

  test('a device enrols, and renews with the certificate it was given', async () => {
    const first = await csrFile(platform.folder, 'lamp-1');
    const enrolled = await curl(platform, 'simpleenroll', [
      ...basic(await platform.newJoinToken('lamp-1')),
      ...posting(first.csr),
    ]);
    expect(enrolled.status).toBe(200);
    expect((await subjectsOf(enrolled.body))[0]).toBe('CN = lamp-1');
    const input = Buffer.from(enrolled.body, 'base64');
    const pem = platform.folder.join('lamp-1.pem');
    writeFileSync(pem, await openssl(['pkcs7', '-inform', 'DER', '-print_certs'], { input }));
    const next = await csrFile(platform.folder, 'lamp-1-next', { subject: '/CN=lamp-1' });
    const renewed = await curl(platform, 'simplereenroll', [
      ...['--cert', pem, '--key', first.key],
      ...posting(next.csr),
    ]);
    expect(renewed.status).toBe(200);
    expect(await newestAttempt()).toMatchObject({ operation: 'simplereenroll', outcome: 'renewed' });
  });

  test('a key is made for a device that cannot, and is in no file of the platform', async () => {
    const { csr } = await csrFile(platform.folder, 'lamp-2');
    const secret = await platform.newJoinToken('lamp-2');
    const answer = await curl(platform, 'serverkeygen', [...basic(secret), ...posting(csr)]);
    expect([answer.status, answer.headers['cache-control']]).toEqual([200, 'no-store']);
    const { types, pkcs8, isKeyOfCertificate } = await madeKeyOf(answer);
    expect(types).toEqual(['application/pkcs8', 'application/pkcs7-mime; smime-type=certs-only']);
    expect(isKeyOfCertificate).toBe(true);
    expect(await newestAttempt()).toMatchObject({ operation: 'serverkeygen', outcome: 'issued' });
    for (const file of ['records.db', 'records.db-wal'])
      expect(readFileSync(platform.folder.join('data', file)).includes(pkcs8.subarray(36, 68))).toBe(false);
  });

  test('a device that cannot make keys renews with another one that is made for it', async () => {
    const { csr } = await csrFile(platform.folder, 'lamp-4');
    const secret = await platform.newJoinToken('lamp-4');
    const files = ['pem', 'key'].map((ending) => platform.folder.join(`lamp-4-made.${ending}`));
    const [pemFile = '', keyFile = ''] = files;
    const own = ['--cert', pemFile, '--key', keyFile];
    let credentials: readonly string[] = basic(secret);
    const publicKeys = new Set<string>();
    for (const outcome of ['issued', 'renewed', 'renewed']) {
      const answer = await curl(platform, 'serverkeygen', [...credentials, ...posting(csr)]);
      expect(answer.status).toBe(200);
      expect(await newestAttempt()).toMatchObject({
        operation: 'serverkeygen',
        outcome,
        thingName: 'lamp-4',
      });
      const { pkcs8, pem, isKeyOfCertificate } = await madeKeyOf(answer);
      expect(isKeyOfCertificate).toBe(true);
      writeFileSync(pemFile, pem);
      writeFileSync(keyFile, await openssl(['pkey', '-inform', 'DER'], { input: pkcs8 }));
      publicKeys.add((await openssl(['x509', '-noout', '-pubkey'], { input: pem })).toString());
      credentials = own;
    }
    expect(publicKeys.size).toBe(3);
    const other = await csrFile(platform.folder, 'lamp-5');
    const refused = await curl(platform, 'serverkeygen', [...own, ...posting(other.csr)]);
    expect([refused.status, (await newestAttempt()).reason]).toEqual([400, 'subject_differs']);
  });

  test('a key that is to be encrypted to another one is refused, not sent in the clear', async () => {
    // DecryptKeyIdentifier (RFC 4108 §2.2.5)
    const attributes = '1.2.840.113549.1.9.16.2.37 = key';
    const { csr } = await csrFile(platform.folder, 'lamp-3', { attributes });
    const secret = await platform.newJoinToken('lamp-3');
    const answer = await curl(platform, 'serverkeygen', [...basic(secret), ...posting(csr)]);
    expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(/encrypted to another/)]);
  });

  test.for([
    ['a CA', 'basicConstraints=CA:TRUE', /asks for a CA certificate/],
    ['a key usage beyond its profile', 'keyUsage=keyEncipherment', /key usage `keyEncipherment`/],
    [
      'a purpose beyond its profile',
      'extendedKeyUsage=serverAuth',
      /extended key usage `1\.3\.6\.1\.5\.5\.7\.3\.1`/,
    ],
    ['another name', 'subjectAltName=DNS:console.example', /an alternative name \(dns\)/],
  ] as const)('a CSR that asks for %s is refused, and only its trace is kept', async ([, extension, why]) => {
    const { csr } = await csrFile(platform.folder, 'greedy', { extra: ['-addext', extension] });
    const secret = await platform.newJoinToken('greedy');
    const answer = await curl(platform, 'simpleenroll', [...basic(secret), ...posting(csr)]);
    expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(why)]);
    const { steps, reason, certificateId } = await newestAttempt();
    expect([reason, certificateId]).toEqual(['csr_asks_too_much', undefined]);
    expect(steps.at(-1)).toMatchObject({ outcome: 'refused', detail: expect.stringMatching(why) });
  });

  test.for([
    ['a control character', 'a\tb'],
    ['a wildcard', '*'],
    ['a homograph', 'l\u0430mp'],
  ] as const)('a name with %s is refused', async ([, name]) => {
    const extra = ['-utf8'];
    const { csr } = await csrFile(platform.folder, 'odd', { subject: `/CN=${name}`, extra });
    const secret = await platform.newJoinToken('*');
    const answer = await curl(platform, 'simpleenroll', [...basic(secret), ...posting(csr)]);
    expect([answer.status, (await newestAttempt()).reason]).toEqual([400, 'name_invalid']);
  });

  test('a CSR in PEM, or in bare DER, is told what to send, and its operator sees who tried with which token', async () => {
    const { csr, base64 } = await csrFile(platform.folder, 'pem-1');
    const pem = platform.folder.join('pem-1.pem');
    const label = 'CERTIFICATE REQUEST';
    writeFileSync(pem, `-----BEGIN ${label}-----\n${readFileSync(csr, 'utf8')}-----END ${label}-----\n`);
    const der = platform.folder.join('pem-1.der');
    writeFileSync(der, Buffer.from(base64, 'base64'));
    const secret = await platform.newJoinToken('pem-*');
    for (const [file, why] of [
      [pem, /^the body is PEM: leave out the BEGIN and END lines; send the base64 of .* DER/],
      [der, /^the body is (DER itself, not its base64|not base64); send the base64 of .* DER/],
    ] as const) {
      const answer = await curl(platform, 'simpleenroll', [...basic(secret), ...posting(file)]);
      expect([answer.status, answer.body]).toEqual([400, expect.stringMatching(why)]);
      const { reason, outcome, tokenId, explanation, steps } = await newestAttempt();
      expect({ reason, outcome }).toEqual({ reason: 'csr_malformed', outcome: 'refused' });
      expect(tokenId).toBeDefined();
      expect(explanation).toMatch(why);
      expect(steps.map(({ step }) => step)).toEqual(['token', 'csr']);
    }
    const { denials } = await platform.api.call(listDenials, { query: { limit: 2 } });
    expect(denials[0]).toMatchObject({
      cause: 'enrollment_refused',
      explanation: expect.stringContaining('csr_malformed: the body is'),
    });
    expect((await curl(platform, 'simpleenroll', [...basic(secret), ...posting(csr)])).status).toBe(200);
  });

  test('a label of the path chooses the profile: another than the token’s is refused, one that is none is not found', async () => {
    const { csr } = await csrFile(platform.folder, 'labelled');
    const asked = [...basic(await platform.newJoinToken('labelled')), ...posting(csr)];
    const other = await curl(platform, 'claim/simpleenroll', asked);
    expect([other.status, other.body]).toEqual([403, expect.stringMatching(/profile `device`/)]);
    expect((await newestAttempt()).reason).toBe('profile_not_allowed');
    expect((await curl(platform, 'printers/simpleenroll', asked)).status).toBe(404);
    expect((await curl(platform, 'device/cacerts')).status).toBe(200);
    expect((await curl(platform, 'device/simpleenroll', asked)).status).toBe(200);
  });

  test('who shows nothing is asked for HTTP Basic, and an operation or label that is not there is not found', async () => {
    const { csr } = await csrFile(platform.folder, 'nobody');
    const asked = await curl(platform, 'simpleenroll', posting(csr));
    expect([asked.status, asked.headers['www-authenticate']]).toEqual([
      401,
      'Basic realm="fleetward enrolment", charset="UTF-8"',
    ]);
    const empty = await curl(platform, 'simpleenroll', [...posting(csr), '--user', 'device:']);
    expect([empty.status, empty.body.toString()]).toEqual([401, asked.body.toString()]);
    expect((await curl(platform, 'simplereenroll', posting(csr))).status).toBe(401);
    expect((await curl(platform, 'fullcmc', posting(csr))).status).toBe(404);
    expect((await curl(platform, 'printers/cacerts')).status).toBe(404);
    const big = platform.folder.join('big');
    writeFileSync(big, 'A'.repeat(40_000));
    const tooMuch = await curl(platform, 'simpleenroll', [...basic('fwj_any'), ...posting(big)]);
    expect(tooMuch.status).toBe(413);
    const untyped = ['-u', 'a:b', '-H', 'Content-Type: text/plain', '--data-binary', `@${csr}`];
    expect((await curl(platform, 'simpleenroll', untyped)).status).toBe(415);
  });

  test('a CSR is linked to its TLS 1.3 connection by tls-exporter, as openssl exports it', async () => {
    const right = await openExporter(platform);
    const other = await openExporter(platform);
    const { base64 } = await csrFile(platform.folder, 'linked', {
      attributes: `challengePassword = ${right.binding}`,
    });
    const secret = await platform.newJoinToken('linked');
    const stolen = await other.post('simpleenroll', base64, authorization(secret));
    expect([stolen.status, stolen.body]).toEqual([400, expect.stringMatching(/tls-exporter/)]);
    expect((await newestAttempt()).reason).toBe('linking_refused');
    const answer = await right.post('simpleenroll', base64, authorization(secret));
    expect(answer.status).toBe(200);
    expect((await newestAttempt()).steps).toContainEqual({
      step: 'linking',
      outcome: 'passed',
      detail: 'the CSR was made for this TLS connection (tls-exporter)',
    });
  });
});

needs('python3', 'python3').describe('EST by Python on TLS 1.2', () => {
  test('a CSR is linked to its connection by tls-unique; one of another connection, or of a resumed one, is refused', async () => {
    const secret = await platform.newJoinToken('py-*');
    const asked = { authorization: authorization(secret) };
    const wrong = await pythonEnrol(platform, { ...asked, name: 'py-wrong', binding: 'wrong' });
    expect([wrong.status, wrong.body]).toEqual([400, expect.stringMatching(/tls-unique/)]);
    const resumed = await pythonEnrol(platform, { ...asked, name: 'py-resumed', binding: 'resumed' });
    expect([resumed.status, resumed.body]).toEqual([
      400,
      expect.stringMatching(/a resumed TLS 1\.2 session/),
    ]);
    expect((await pythonEnrol(platform, { ...asked, name: 'py-right' })).status).toBe(200);
    expect((await newestAttempt()).steps).toContainEqual({
      step: 'linking',
      outcome: 'passed',
      detail: 'the CSR was made for this TLS connection (tls-unique)',
    });
  });
});

needs('openssl', 'openssl').describe('EST where linking is required and keys are not made', () => {
  test('says so in its attributes, refuses what is not linked, and makes no key', async () => {
    await platform.restart({ enrollment: { linkingRequired: true } });
    const input = Buffer.from((await curl(platform, 'csrattrs')).body, 'base64');
    const text = (await openssl(['asn1parse', '-inform', 'DER'], { input })).toString();
    expect(text).toContain(':challengePassword');
    const { csr } = await csrFile(platform.folder, 'loose');
    const asked = [...basic(await platform.newJoinToken('loose')), ...posting(csr)];
    const answer = await curl(platform, 'simpleenroll', asked);
    expect([answer.status, (await newestAttempt()).reason]).toEqual([400, 'linking_missing']);
    const keyless = await curl(platform, 'serverkeygen', asked);
    expect([keyless.status, keyless.body]).toEqual([403, expect.stringMatching(/enrollment\.serverKeygen/)]);
  });
});
