import { listCertificates, listThings, revokeCertificate } from '@fleetward/protocol';
import { needs, startPostgres } from '@fleetward/testkit';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';

needs('initdb', 'postgresql').describe('the platform on PostgreSQL', () => {
  test('enrols, revokes and keeps both over a restart', async () => {
    await using postgres = await startPostgres();
    await using platform = await startTestPlatform({
      settings: { storage: postgres.storage },
    });
    await platform.enrol('kept');
    await platform.enrol('revoked');
    const { certificates } = await platform.api.call(listCertificates, { query: {} });
    const revoked = certificates.find(({ subject }) => subject === 'CN=revoked')!;
    await platform.api.call(revokeCertificate, {
      params: { certificateId: revoked.certificateId },
      body: {},
    });
    await platform.restart();
    const { things } = await platform.api.call(listThings, { query: {} });
    expect(things.map(({ thingName }) => thingName)).toEqual(['kept', 'revoked']);
    const after = await platform.api.call(listCertificates, { query: {} });
    expect(
      after.certificates.find(({ certificateId }) => certificateId === revoked.certificateId)?.state,
    ).toBe('REVOKED');
  });
});
