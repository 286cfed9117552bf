import { needs, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { openPlatform } from '../certificates/test-platform.ts';
import { newVendor } from '../vendor-cas/vendor.ts';

const operator = { operatorId: 'ada' };

needs('openssl', 'openssl').describe('CAs of vendors of TPMs', () => {
  test('are as many as the settings allow, also when all are added at once, and a deleted one makes room', async () => {
    using folder = temporaryFolder();
    const platform = await openPlatform({ folder: folder.path });
    const vendors = await Promise.all(
      ['a', 'b', 'c'].map((name) => newVendor(folder, { subject: `/CN=${name}` })),
    );
    platform.clock.set(Date.now() + 1_000);
    const wanted = vendors.map(({ ca }) => ({ kind: 'root', certificate: ca }) as const);
    const added = await Promise.allSettled(wanted.map((each) => platform.endorsements.add(each, operator)));
    expect(added.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected']);
    expect(added[2]).toMatchObject({
      reason: { code: 'endorsements.limit', message: expect.stringContaining('`endorsements.rootsMax`') },
    });
    const [first] = await platform.endorsements.page({ limit: 10 });
    await platform.endorsements.remove(first!.endorsementId, operator);
    await platform.endorsements.add(wanted[2]!, operator);
    expect(await platform.endorsements.page({ limit: 10 })).toHaveLength(2);
    await platform.close();
  });
});
