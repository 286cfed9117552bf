import { parseCrl } from '@fleetward/pki';
import { temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform } from './test-platform.ts';

/** Serial numbers on the CRL in force. */
function onCrl({ certificates }: Platform): readonly string[] {
  const der = certificates.crl(certificates.activeIssuer()!.certificateId)?.der;
  return der === undefined ? [] : [...parseCrl(der).revoked.keys()];
}

test('a revocation whose process ended before its CRL was signed is on the CRL of the next start', async () => {
  using folder = temporaryFolder();
  let isStuck = false;
  const platform = await openPlatform({
    folder: folder.path,
    wrapSigner: (signer) => ({
      ...signer,
      sign: (message) => (isStuck ? new Promise(() => undefined) : signer.sign(message)),
    }),
  });
  const { record } = await issueDevice(platform, 'pump');
  isStuck = true;
  const { certificateId } = record;
  const revoked = { certificateId, reason: 'keyCompromise' } as const;
  const outcome = await platform.certificates.revoke(revoked, { kind: 'system' });
  expect(outcome.kind).toBe('revoked');
  expect(onCrl(platform)).toEqual([]);
  await platform.close();

  const { keys, clock } = platform;
  const next = await openPlatform({ folder: folder.path, keys, clock });
  expect(onCrl(next)).toEqual([record.serial]);
  await next.close();
});
