import {
  createClaim,
  createPolicy,
  createProvisioningTemplate,
  getCertificate,
  listCertificates,
  listEnrollmentAttempts,
  listThings,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { lampPolicy } from '../provisioning/fleet.ts';
import { ApiSession } from './api-session.ts';
import { type Applicant, type Enrolled, enrol, getAs, newApplicant } from './device.ts';
import { killEachRound } from './kill-loop.ts';
import { assertWhole, type VerifiedTrail } from './whole.ts';

const rounds = 4;
const devicesPerRound = 12;
/** Devices that provision at once. */
const lanes = 4;
const policyName = 'lamps';
const templateName = 'lamps';

const template = JSON.stringify({
  Parameters: { CommonName: { Type: 'String' } },
  Resources: {
    thing: { Type: 'AWS::IoT::Thing', Properties: { ThingName: { Ref: 'CommonName' } } },
    certificate: {
      Type: 'AWS::IoT::Certificate',
      Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' }, Status: 'ACTIVE' },
    },
    policy: { Type: 'AWS::IoT::Policy', Properties: { PolicyName: policyName } },
  },
});

test('kill -9 at any moment of provisioning by a claim loses nothing answered, and a device that asks again gets what it had', {
  timeout: 240_000,
}, async () => {
  await using session = await ApiSession.start({ provisioning: { requestsPerSecondPerClaimMax: 1_000 } });
  const claim = await begin(session);
  const answered = new Map<string, Enrolled>();
  const everybody: Applicant[] = [];
  await killEachRound(session, {
    rounds,
    answered: () => answered.size,
    // Fewer than devices: some are always under way when the kill comes.
    answersMax: devicesPerRound,
    pauseMsMax: 16,
    begin: async (round) => {
      const applicants = await newApplicants(session, round);
      everybody.push(...applicants);
      return () =>
        provisionInLanes(applicants, async (applicant) => {
          answered.set(applicant.thingName, await enrol(session, applicant, claim));
        });
    },
    lost: async (trail) => {
      await assertNothingHalf(session, trail);
      return lostOf(session, answered);
    },
  });
  for (const applicant of everybody) {
    const { certificateId } = await enrol(session, applicant, claim);
    const before = answered.get(applicant.thingName)?.certificateId ?? certificateId;
    expect(certificateId, applicant.thingName).toBe(before);
  }
  await assertNothingHalf(session, await assertWhole(session));
});

async function begin({ api }: ApiSession): Promise<{ readonly key: string; readonly cert: string }> {
  await api.call(createPolicy, { body: { policyName, document: lampPolicy } });
  await api.call(createProvisioningTemplate, { body: { templateName, template } });
  const claim = await api.call(createClaim, { body: { templateName, expiresInSeconds: 3_600 } });
  return { key: claim.privateKeyPem ?? '', cert: claim.certificatePem };
}

async function newApplicants({ folder }: ApiSession, round: number): Promise<readonly Applicant[]> {
  const made: Applicant[] = [];
  for (let index = 0; index < devicesPerRound; index++)
    made.push(await newApplicant(folder, `lamp-${round}-${index}`));
  return made;
}

/** Each lane ends with its first failure: the platform is gone. */
function provisionInLanes(
  applicants: readonly Applicant[],
  provision: (applicant: Applicant) => Promise<void>,
): Promise<unknown> {
  return Promise.allSettled(
    Array.from({ length: lanes }, async (_, lane) => {
      for (const applicant of applicants.filter((_, index) => index % lanes === lane))
        await provision(applicant);
    }),
  );
}

/** Nothing is published: a device that may speak is told so. */
async function lostOf(
  session: ApiSession,
  answered: ReadonlyMap<string, Enrolled>,
): Promise<readonly string[]> {
  const lost: string[] = [];
  for (const [thingName, device] of answered) {
    const { status } = await getAs(session, device, '/tuf/metadata/timestamp.json');
    if (status !== 404) lost.push(`${thingName}: ${status}`);
  }
  return lost;
}

/** Each provisioned certificate has all that the template gives, and nothing is there without its certificate. */
async function assertNothingHalf({ api }: ApiSession, trail: VerifiedTrail): Promise<void> {
  const query = { profile: 'provisioned', limit: 1000 } as const;
  const { certificates } = await api.call(listCertificates, { query });
  const names: string[] = [];
  for (const { certificateId } of certificates) {
    const shown = await api.call(getCertificate, { params: { certificateId } });
    expect(shown).toMatchObject({ state: 'ACTIVE', policyNames: [policyName] });
    expect(shown.thingNames).toHaveLength(1);
    names.push(...shown.thingNames);
  }
  const ids = sorted(certificates.map(({ certificateId }) => certificateId));
  const { things } = await api.call(listThings, { query: { limit: 1000 } });
  const { attempts } = await api.call(listEnrollmentAttempts, { query: { limit: 1000 } });
  const provisioned = attempts.filter(({ outcome }) => outcome === 'provisioned');
  expect(sorted(things.map(({ thingName }) => thingName))).toEqual(sorted(names));
  expect(sorted(provisioned.map(({ certificateId }) => certificateId))).toEqual(ids);
  expect(sorted(trail.values('certificate.provisioned', 'certificateId'))).toEqual(ids);
  expect(sorted(trail.values('thing.certificate_attached', 'certificateId'))).toEqual(ids);
}

function sorted(values: readonly unknown[]): readonly string[] {
  return values.map(String).toSorted();
}
