import { generateKeyPairSync } from 'node:crypto';
import { type LeafProfileName, leafProfileNames, parsePublicKey } from '@fleetward/pki';
import { temporaryFolder } from '@fleetward/testkit';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createAdmission } from '../../src/gateway/admission.ts';
import { KnownCertificates } from '../../src/gateway/known-certificates.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

const known = new KnownCertificates({ certificatesMax: 10 });
const operator = { kind: 'operator', operatorId: 'ada' } as const;
const folder = temporaryFolder();
let platform: Platform;

beforeAll(async () => {
  platform = await openPlatform({ folder: folder.path });
});
afterAll(async () => {
  await platform.close();
  folder.remove();
});

async function issue(profile: LeafProfileName) {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const request = {
    profile,
    commonName: 'pump',
    publicKey: parsePublicKey(new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }))),
    ...(profile === 'server' ? { subjectAltName: [{ kind: 'dns', value: 'a.example' } as const] } : {}),
  };
  return (await platform.certificates.issue(request, operator)).certificate;
}

const expected = {
  device: 'admitted',
  provisioned: 'admitted',
  'tpm-device': 'admitted',
  claim: 'claim',
  operator: 'certificate_profile',
  server: 'certificate_untrusted',
} as const satisfies Record<LeafProfileName, string>;

test.each(leafProfileNames)(
  'a `%s` certificate is a device to the gateway only if it is one',
  async (profile) => {
    const { certificates, vendorCas, things, clock } = platform;
    const admit = createAdmission({ certificates, vendorCas, things, known, clock, graceMs: 0 });
    const certificate = await issue(profile);
    // Twice: what is kept of the first time must not decide otherwise.
    for (let time = 0; time < 2; time++) {
      const admission = admit(certificate.der);
      expect('cause' in admission ? admission.cause : admission.kind).toBe(expected[profile]);
    }
  },
);

test('a revoked certificate that is no device’s is called revoked', async () => {
  const { certificates, vendorCas, things, clock } = platform;
  const claim = await issue('claim');
  await certificates.revoke({ certificateId: claim.id, reason: 'unspecified' }, operator);
  const admission = createAdmission({ certificates, vendorCas, things, known, clock, graceMs: 0 })(claim.der);
  expect(admission).toMatchObject({ cause: 'certificate_revoked' });
});

test.each(leafProfileNames)('a `%s` certificate is valid as long as the settings say', async (profile) => {
  const { notBeforeMs, notAfterMs } = await issue(profile);
  const days = { device: 365, provisioned: 365, 'tpm-device': 365, claim: 365, operator: 90, server: 90 }[
    profile
  ];
  expect(notAfterMs - notBeforeMs).toBe(days * 86_400_000 + 3_600_000);
});
