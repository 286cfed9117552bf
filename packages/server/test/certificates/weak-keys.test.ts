import { createHash, generateKeyPairSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { utf8 } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { encodePem, issueCsr, makeName, parsePublicKey, parseWeakKeys } from '@fleetward/pki';
import { temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { Trace } from '../../src/enrollment/index.ts';
import { createAdmission } from '../../src/gateway/admission.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { keyRulesOf } from '../../src/key-rules.ts';
import { readCsr } from '../../src/provisioning/read-csr.ts';
import { openPlatform, type Platform } from './test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const key = generateKeyPairSync('rsa', { modulusLength: 2048 });
const spki = new Uint8Array(key.publicKey.export({ type: 'spki', format: 'der' }));
const signer = localSigner(key.privateKey, 'rsa-pkcs1-sha256');
const modulus = Buffer.from(key.publicKey.export({ format: 'jwk' }).n ?? '', 'base64url').toString('hex');
const entry = createHash('sha1').update(`Modulus=${modulus.toUpperCase()}\n`).digest('hex').slice(20);

function admissionOf({ certificates, vendorCas, things, clock }: Platform) {
  return createAdmission({
    things,
    certificates,
    vendorCas,
    clock,
    known: new KnownCertificates({ certificatesMax: 10 }),
    graceMs: 0,
  });
}

test('a list that is set shuts out the keys on it: requests for certificates, and certificates that there are already', async () => {
  using folder = temporaryFolder();
  const { der: csrDer } = await issueCsr({ subject: makeName([['commonName', 'lamp-1']]), signer });
  const before = await openPlatform({ folder: folder.path });
  const publicKey = parsePublicKey(spki);
  const { certificate } = await before.certificates.issue(
    { profile: 'device', commonName: 'lamp-0', publicKey },
    operator,
  );
  expect(admissionOf(before)(certificate.der).kind).toBe('admitted');
  await before.close();

  const keyRules = { weakKeys: parseWeakKeys([utf8(entry)]) };
  const { keys, clock } = before;
  const platform = await openPlatform({ folder: folder.path, keys, clock, keyRules });
  expect(admissionOf(platform)(certificate.der)).toMatchObject({
    kind: 'refused',
    explanation: expect.stringContaining('list of weak keys'),
  });
  const request = { csrDer, profile: 'device', policyNames: [], altNames: [] } as const;
  const refused = { kind: 'refused', reason: 'key_refused' };
  expect(await platform.enrollment.issueForOperator([request], operator)).toMatchObject([refused]);
  const pem = encodePem('CERTIFICATE REQUEST', csrDer);
  expect(readCsr(pem, { keyRules, trace: new Trace('test') })).toMatchObject(refused);
  await platform.close();
});

test('the lists of the setting are read from the folder, all or none', () => {
  using folder = temporaryFolder();
  writeFileSync(folder.join('a.list'), `${entry}\n`);
  writeFileSync(folder.join('b.list'), '# nothing here\n00005890bc78bcbee3ca\n');
  const rulesOf = (...weakKeyBlacklist: readonly string[]) =>
    keyRulesOf({ folder: folder.path, weakKeyBlacklist, experimental: { mlDsa: true } });
  expect(rulesOf('a.list', folder.join('b.list')).weakKeys?.size).toBe(2);
  expect(rulesOf()).toEqual({});
  expect(() => rulesOf('a.list', 'c.list')).toThrow(
    expect.objectContaining({ code: 'config.unreadable', message: expect.stringContaining('c.list') }),
  );
  expect(() => rulesOf('a.list,b.list')).toThrow(
    expect.objectContaining({ message: expect.stringContaining('`weakKeyBlacklist=["a.list","b.list"]`') }),
  );
  writeFileSync(folder.join('b.list'), 'not a list\n');
  expect(() => rulesOf('a.list', 'b.list')).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      message: expect.stringMatching(/line 1 of `\/.*\/b\.list`/),
    }),
  );
  writeFileSync(folder.join('b.list'), '');
  expect(() => rulesOf('a.list', 'b.list')).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      message: expect.stringMatching(/^`weakKeyBlacklist`: `\/.*\/b\.list` lists no key: it is empty; /),
    }),
  );
});
