import {
  type ApiClient,
  createJoinToken,
  createPolicy,
  createPolicyVersion,
  getCertificate,
  getPolicy,
  revokeCertificate,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { type Applicant, type Enrolled, enrol, getAs, newApplicant } from './device.ts';
import { killEachRound } from './kill-loop.ts';

const rounds = 2;
const applicantsPerRound = 12;

/** What the platform said is done, over all rounds. */
interface Acknowledged {
  readonly enrolled: Map<string, Enrolled>;
  readonly revoked: Map<string, Enrolled>;
  /** Policy name to its highest acknowledged version. */
  readonly versions: Map<string, number>;
}

test('kill -9 at any moment under load loses nothing acknowledged and leaves nothing half made', {
  timeout: 120_000,
}, async () => {
  const acknowledged: Acknowledged = { enrolled: new Map(), revoked: new Map(), versions: new Map() };
  await using session = await ApiSession.start();
  const body = { namePattern: 'dev-*', usesMax: 1000 };
  const { secret } = await session.api.call(createJoinToken, { body });
  await killEachRound(session, {
    rounds,
    answered: () => acknowledged.enrolled.size,
    answersMax: 4,
    pauseMsMax: 1_000,
    begin: async (round) => {
      const applicants = await newApplicants(session, round);
      const load = { applicants, joinToken: secret, acknowledged };
      return () =>
        Promise.allSettled([
          enrolAndRevoke(session, { ...load, odd: 0 }),
          enrolAndRevoke(session, { ...load, odd: 1 }),
          writePolicies(session.api, { round, acknowledged }),
        ]);
    },
    lost: () => lostOf(session, acknowledged),
  });
  expect(acknowledged.enrolled.size + acknowledged.versions.size).toBeGreaterThan(0);
});

async function newApplicants(session: ApiSession, round: number): Promise<readonly Applicant[]> {
  const applicants: Applicant[] = [];
  for (let index = 0; index < applicantsPerRound; index++)
    applicants.push(await newApplicant(session.folder, `dev-${round}-${index}`));
  return applicants;
}

/** Ends with the first failure: the platform is gone. */
async function enrolAndRevoke(
  session: ApiSession,
  load: {
    readonly applicants: readonly Applicant[];
    readonly joinToken: string;
    readonly acknowledged: Acknowledged;
    readonly odd: 0 | 1;
  },
): Promise<void> {
  for (const applicant of load.applicants.filter((_, index) => index % 2 === load.odd)) {
    const device = await enrol(session, applicant, load.joinToken);
    const { certificateId } = device;
    load.acknowledged.enrolled.set(certificateId, device);
    // One lane is told once the CRL is signed, the other before.
    const options = { params: { certificateId }, body: { wait: load.odd === 1 } };
    await session.api.call(revokeCertificate, options);
    load.acknowledged.revoked.set(certificateId, device);
  }
}

async function writePolicies(
  api: ApiClient,
  load: { readonly round: number; readonly acknowledged: Acknowledged },
): Promise<void> {
  for (let count = 0; count < 1000; count++) {
    const policyName = `policy-${load.round}-${count}`;
    const statement = { Effect: 'Allow', Action: 'iot:Connect', Resource: '*' };
    const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    await api.call(createPolicy, { body: { policyName, document } });
    load.acknowledged.versions.set(policyName, 1);
    const body = { document, setAsDefault: true };
    const { versionId } = await api.call(createPolicyVersion, { params: { policyName }, body });
    load.acknowledged.versions.set(policyName, versionId);
  }
}

/** What was acknowledged and is not there, in words. */
async function lostOf(session: ApiSession, acknowledged: Acknowledged): Promise<readonly string[]> {
  const lost: string[] = [];
  for (const [certificateId, device] of acknowledged.enrolled) {
    const { state } = await session.api.call(getCertificate, { params: { certificateId } });
    const isRevoked = acknowledged.revoked.has(certificateId);
    if (isRevoked && state !== 'REVOKED') lost.push(`revocation of ${device.thingName}`);
    const { status } = await getAs(session, device, '/tuf/metadata/timestamp.json');
    // Nothing is published: a device that may speak is told so.
    if (status !== (state === 'REVOKED' ? 0 : 404)) lost.push(`standing of ${device.thingName}: ${status}`);
  }
  for (const [policyName, versionId] of acknowledged.versions) {
    const { defaultVersionId } = await session.api.call(getPolicy, { params: { policyName } });
    if (defaultVersionId < versionId) lost.push(`version ${versionId} of ${policyName}`);
  }
  return lost;
}
