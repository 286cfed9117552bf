import {
  attachPolicy,
  createJoinToken,
  createPolicy,
  createPolicyVersion,
  getCertificate,
  getPolicy,
  getSelf,
  listArtifacts,
  listJoinTokens,
  revokeCertificate,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { type Enrolled, enrol, getAs, newApplicant } from './device.ts';
import { kill, serve } from './platform-process.ts';
import { engineerOf, newFirmware, publish, store } from './release.ts';
import { assertWhole } from './whole.ts';

function documentFor(action: string): string {
  const statement = { Effect: 'Allow', Action: action, Resource: '*' };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

test('kill -9 after each step of the story loses nothing acknowledged and leaves nothing half made', {
  timeout: 240_000,
}, async () => {
  await using session = await ApiSession.start();
  /** What must hold from the step that was acknowledged on. */
  const promises: (() => Promise<void>)[] = [
    async () => expect(await session.api.call(getSelf)).toMatchObject({ name: 'ada' }),
  ];
  const killAndCheck = async (): Promise<void> => {
    await kill(session.child);
    session.restart(await serve(session.settings));
    await assertWhole(session);
    for (const promise of promises) await promise();
  };
  await killAndCheck();

  const joinToken = await session.api.call(createJoinToken, { body: { namePattern: 'pump' } });
  promises.push(async () => {
    const { joinTokens } = await session.api.call(listJoinTokens);
    expect(joinTokens.map(({ tokenId }) => tokenId)).toEqual([joinToken.tokenId]);
  });
  await killAndCheck();

  const pump = await enrol(session, await newApplicant(session.folder, 'pump'), joinToken.secret);
  const { certificateId } = pump;
  const shown = () => session.api.call(getCertificate, { params: { certificateId } });
  promises.push(async () => expect(await shown()).toMatchObject({ thingNames: ['pump'] }));
  /** The answer was lost, says the device: it gets the same certificate again, for the token that is spent on it. */
  const repeats = async (): Promise<void> => {
    expect((await enrol(session, pump, joinToken.secret)).certificateId).toBe(certificateId);
  };
  promises.push(repeats);
  await killAndCheck();

  const policy = { policyName: 'device' };
  await session.api.call(createPolicy, { body: { ...policy, document: documentFor('iot:Connect') } });
  promises.push(async () => {
    const { versions } = await session.api.call(getPolicy, { params: policy });
    expect(versions.map(({ versionId }) => versionId)).toContain(1);
  });
  await killAndCheck();

  await session.api.call(attachPolicy, { params: { ...policy, certificateId } });
  promises.push(async () => expect(await shown()).toMatchObject({ policyNames: ['device'] }));
  await killAndCheck();

  const document = documentFor('iot:Publish');
  await session.api.call(createPolicyVersion, { params: policy, body: { document, setAsDefault: true } });
  promises.push(async () => {
    expect(await session.api.call(getPolicy, { params: policy })).toMatchObject({
      defaultVersionId: 2,
      document,
    });
  });
  await killAndCheck();

  const engineer = await engineerOf(session.api);
  const firmware = newFirmware();
  await store(session.api, firmware);
  promises.push(async () => {
    const { artifacts } = await session.api.call(listArtifacts);
    expect(artifacts.map(({ sha256 }) => sha256)).toEqual([firmware.sha256]);
  });
  await killAndCheck();

  await publish(session.api, { engineer, version: 1, firmware });
  const target = `/tuf/targets/${firmware.sha256}.app.bin`;
  const served = async (): Promise<void> => {
    const answer = await getAs(session, pump, target);
    expect([answer.status, answer.body.equals(firmware.bytes)]).toEqual([200, true]);
  };
  promises.push(served);
  await killAndCheck();

  await session.api.call(revokeCertificate, { params: { certificateId }, body: {} });
  promises.splice(promises.indexOf(served), 1, () => assertRevoked(session, pump));
  promises.splice(promises.indexOf(repeats), 1, () =>
    expect(enrol(session, pump, joinToken.secret)).rejects.toThrow(/answered 4\d\d/),
  );
  await killAndCheck();
  await killAndCheck();
});

async function assertRevoked(session: ApiSession, device: Enrolled): Promise<void> {
  const { certificateId } = device;
  expect(await session.api.call(getCertificate, { params: { certificateId } })).toMatchObject({
    state: 'REVOKED',
  });
  const { status } = await getAs(session, device, '/tuf/metadata/timestamp.json');
  expect([0, 401]).toContain(status);
}
