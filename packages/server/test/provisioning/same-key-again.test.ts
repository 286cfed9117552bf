import { parsePolicyName, parseThingName } from '@fleetward/core';
import { openssl, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NewCertificate } from '../../src/provisioning/new-certificates.ts';
import type { Claim } from '../../src/provisioning/store.ts';
import { openPlatform, type Platform, type PlatformOptions, trailOf } from '../certificates/test-platform.ts';
import { askedBy, makeFleet, newClaim, operator, parameters } from './fleet.ts';

let csr: string;
let folder = temporaryFolder();
let platform: Platform;
let claim: Claim;

async function open(options: Partial<PlatformOptions> = {}): Promise<void> {
  platform = await openPlatform({ folder: folder.path, ...options });
}
beforeAll(async () => {
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', '/dev/null'];
  csr = (await openssl(['req', '-new', ...key, '-subj', '/CN=lamp'])).toString();
});
beforeEach(async () => {
  folder = temporaryFolder();
  await open();
  claim = await makeFleet(platform);
});
afterEach(async () => {
  await platform.close();
  folder.remove();
});

const ask = (by = claim) => platform.provisioning.createFromCsr(askedBy(by), csr);

async function create(by = claim): Promise<NewCertificate> {
  const created = await ask(by);
  if (created.kind === 'refused') throw new Error(created.explanation);
  return created;
}

function provision({ ownershipToken }: NewCertificate, SerialNumber = '7') {
  const given = parameters({ SerialNumber });
  return platform.provisioning.provision(askedBy(claim), {
    templateName: 'lamps',
    ownershipToken,
    parameters: given,
  });
}

const idOf = ({ signed }: NewCertificate) => signed.record.certificateId;
const standing = (one: NewCertificate) => platform.certificates.standing(idOf(one), platform.clock.now());
const keyInUse = { kind: 'refused', reason: 'key_in_use' };
const ownershipUnknown = { kind: 'refused', reason: 'ownership_unknown' };

describe('a device that was not told its certificate asks again with the same key', () => {
  test('and has another one at once, which takes the place of the first and of its token', async () => {
    const lost = await create();
    const created = await create();
    expect(idOf(created)).not.toBe(idOf(lost));
    expect([lost, created].map(standing)).toEqual(['unknown', 'pending']);
    expect(await provision(lost)).toMatchObject(ownershipUnknown);
    expect(await provision(created)).toMatchObject({ kind: 'provisioned', thingName: 'lamp-7' });
    expect(standing(created)).toBe('active');
  });

  test('and trail, issuance log and traces have both, with the end of the first', async () => {
    const [lost, created] = [await create(), await create()];
    const [attempt] = await platform.enrollment.attempts(1);
    expect(attempt).toMatchObject({ outcome: 'issued', certificateId: idOf(created) });
    expect(attempt?.explanation).toContain(`in place of \`${idOf(lost)}\``);
    const trail = (await trailOf(platform.trail)).slice(-3);
    expect(trail).toMatchObject([
      { kind: 'certificate.issued', payload: { certificateId: idOf(lost) } },
      {
        kind: 'certificate.deleted',
        payload: { certificateId: idOf(lost), reason: 'its key asked again before it was provisioned' },
      },
      { kind: 'certificate.issued', payload: { certificateId: idOf(created) } },
    ]);
    await platform.issuanceLog.sequence();
    for (const one of [lost, created])
      expect(await platform.issuanceLog.inclusion(idOf(one))).toMatchObject({
        entry: { certificateId: idOf(one) },
      });
  });

  test('also after a restart', async () => {
    const lost = await create();
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock });
    const created = await create();
    await platform.close();
    await open({ keys, clock });
    expect([lost, created].map(standing)).toEqual(['unknown', 'pending']);
    expect(await provision(lost)).toMatchObject(ownershipUnknown);
    expect(await provision(created)).toMatchObject({ kind: 'provisioned' });
  });

  test('also when its hour is over and nobody has cleaned up yet', async () => {
    const lasting = await newClaim(platform, { validityMs: 86_400_000 });
    const lost = await create(lasting);
    platform.clock.advance(3_600_000);
    const created = await create(lasting);
    await platform.provisioning.cleanUp();
    expect([lost, created].map(standing)).toEqual(['unknown', 'pending']);
  });

  test('twice at the same time: one certificate waits, and one token is good', async () => {
    const asked = await Promise.all([create(), create(), create()]);
    expect(asked.map(standing).toSorted()).toEqual(['pending', 'unknown', 'unknown']);
    const outcomes = await Promise.all(asked.map((one) => provision(one)));
    expect(outcomes.map(({ kind }) => kind).toSorted()).toEqual(['provisioned', 'refused', 'refused']);
  });

  test('takes no further use of its claim, and no further place among those that wait', async () => {
    const once = await newClaim(platform, { usesMax: 1 });
    await create(once);
    const [created, others] = [await create(once), await platform.provisioning.createKeys(askedBy(once))];
    expect(standing(created)).toBe('pending');
    expect(others).toMatchObject({ reason: 'claim_used' });
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock, provisioning: { pendingPerClaimMax: 1 } });
    expect(await platform.provisioning.createKeys(askedBy(claim))).toMatchObject({ kind: 'created' });
    expect(await platform.provisioning.createKeys(askedBy(claim))).toMatchObject({ reason: 'claim_busy' });
    expect(await ask(once)).toMatchObject({ kind: 'created' });
  });

  test('no oftener than its claim may ask at all', async () => {
    const { keys, clock } = platform;
    await platform.close();
    await open({ keys, clock, provisioning: { requestsPerSecondPerClaimMax: 2 } });
    const kinds = [];
    for (let asked = 0; asked < 3; asked++) kinds.push(await ask());
    expect(kinds).toMatchObject([{ kind: 'created' }, { kind: 'created' }, { reason: 'claim_busy' }]);
  });
});

describe('asking with the token while asking again with the key: one wins', () => {
  test('the new certificate, where it was made while the device was provisioned', async () => {
    const lost = await create();
    const hold = Promise.withResolvers<void>();
    const { things } = platform;
    const holding = things.hold(parseThingName('lamp-7'), () => hold.promise);
    const provisioning = provision(lost);
    const created = await create();
    hold.resolve();
    await holding;
    expect(await provisioning).toMatchObject(ownershipUnknown);
    expect(standing(created)).toBe('pending');
    expect(await platform.things.page({ limit: 10 })).toEqual([]);
  });

  test('the provisioning, where it was done while the new certificate was signed', async () => {
    const { keys, clock } = platform;
    await platform.close();
    const signing = {
      isHeld: false,
      begun: Promise.withResolvers<void>(),
      end: Promise.withResolvers<void>(),
    };
    await open({
      keys,
      clock,
      wrapSigner: (signer) => ({
        ...signer,
        sign: async (...wanted) => {
          if (signing.isHeld) {
            signing.begun.resolve();
            await signing.end.promise;
          }
          return signer.sign(...wanted);
        },
      }),
    });
    const first = await create();
    signing.isHeld = true;
    const again = ask();
    await signing.begun.promise;
    expect(await provision(first)).toMatchObject({ kind: 'provisioned' });
    signing.end.resolve();
    expect(await again).toMatchObject(keyInUse);
    expect(standing(first)).toBe('active');
    const issued = (await trailOf(platform.trail)).filter(({ kind }) => kind === 'certificate.issued');
    expect(issued.at(-1)).toMatchObject({ payload: { certificateId: idOf(first) } });
  });
});

describe('the key stays somebody else’s', () => {
  test('for another claim', async () => {
    const first = await create();
    expect(await ask(await newClaim(platform))).toMatchObject(keyInUse);
    expect(standing(first)).toBe('pending');
    expect(await provision(first)).toMatchObject({ kind: 'provisioned' });
  });

  test('once its certificate was provisioned', async () => {
    const provisioned = await create();
    await provision(provisioned);
    expect(await ask()).toMatchObject(keyInUse);
    expect(standing(provisioned)).toBe('active');
  });

  test.each(['inactive', 'revoked', 'pending'] as const)(
    'where an operator switched off what waits, revoked it or gave it a policy: %s',
    async (left) => {
      const first = await create();
      const certificateId = idOf(first);
      const { certificates, policies } = platform;
      if (left === 'inactive') await certificates.setState({ certificateId, state: 'INACTIVE' }, operator);
      if (left === 'revoked') await certificates.revoke({ certificateId, reason: 'superseded' }, operator);
      const policyName = parsePolicyName('lamps');
      if (left === 'pending') await policies.attachments.attach({ policyName, certificateId }, operator);
      expect(await ask()).toMatchObject(keyInUse);
      expect(standing(first)).toBe(left);
    },
  );
});
