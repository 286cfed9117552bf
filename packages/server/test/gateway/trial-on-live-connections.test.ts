import {
  createPolicy,
  createPolicyVersion,
  getPolicyTrial,
  listDenials,
  promotePolicy,
  rollbackPolicy,
  startPolicyTrial,
} from '@fleetward/protocol';
import { needs, type Postgres, startPostgres } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { connectAsync, type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

const arn = (tail: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${tail}`;
const NAME = '${iot:Connection.Thing.ThingName}';
const documentOf = (topics: readonly string[]) =>
  JSON.stringify({
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'iot:Connect', Resource: arn(`client/${NAME}`) },
      {
        Effect: 'Allow',
        Action: ['iot:Publish', 'iot:Receive'],
        Resource: topics.map((topic) => arn(`topic/${topic}`)),
      },
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: arn('topicfilter/*') },
    ],
  });

function describeTrials(start: () => Promise<TestPlatform>): void {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await start();
  });
  afterAll(() => platform.stop());

  function connect({ thingName, key, cert }: TestDevice): Promise<MqttClient> {
    return connectAsync(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      ca: platform.rootPem,
      key,
      cert,
      clientId: thingName,
      reconnectPeriod: 0,
      protocolVersion: 5,
    });
  }

  async function addVersion(policyName: string, topics: readonly string[]): Promise<void> {
    const body = { document: documentOf(topics), setAsDefault: false };
    await platform.api.call(createPolicyVersion, { params: { policyName }, body });
  }

  const mayPublish = (client: MqttClient, topic: string) =>
    client.publishAsync(topic, 'x', { qos: 1 }).then(
      () => true,
      () => false,
    );

  async function findingsOf(policyName: string) {
    const { findings } = await platform.api.call(getPolicyTrial, { params: { policyName } });
    return findings
      .map(({ kind, action, resource, count }) => `${kind} ${action} ${resource} ${count}`)
      .toSorted();
  }

  test('a version in trial enforces nothing, tells every difference with its count, and is put in force and back', async () => {
    const params = { policyName: 'lamps' };
    await platform.api.call(createPolicy, {
      body: { policyName: 'lamps', document: documentOf(['state/*', 'old/*']) },
    });
    const device = await platform.enrol('lamp-1', { policies: ['lamps'] });
    const client = await connect(device);
    await client.subscribeAsync('old/#', { qos: 1 });
    await mayPublish(client, 'old/before');
    await addVersion('lamps', [`state/${NAME}`, 'new/*']);
    await platform.api.call(startPolicyTrial, { params, body: { versionId: 2 } });
    for (let count = 0; count < 3; count++) expect(await mayPublish(client, 'state/lamp-1')).toBe(true);
    for (let count = 0; count < 2; count++) expect(await mayPublish(client, 'state/lamp-2')).toBe(true);
    expect(await mayPublish(client, 'old/before')).toBe(true);
    expect(await mayPublish(client, 'new/1')).toBe(false);
    const { denials } = await platform.api.call(listDenials, { query: { limit: 1 } });
    expect(denials[0]?.statement?.versionId).toBe(1);
    const differences = [
      'wouldAllow iot:Publish topic/new/1 1',
      'wouldDeny iot:Publish topic/old/before 1',
      'wouldDeny iot:Publish topic/state/lamp-2 2',
      'wouldDeny iot:Receive topic/old/before 1',
    ];
    await expect.poll(() => findingsOf('lamps')).toEqual(differences);
    await expect(platform.api.call(promotePolicy, { params, body: {} })).rejects.toMatchObject({
      problem: { code: 'policies.trial_not_clean', status: 409 },
    });

    await client.endAsync(true);
    await platform.restart();
    expect(await findingsOf('lamps')).toEqual(differences);
    const again = await connect(device);
    expect(await mayPublish(again, 'state/lamp-2')).toBe(true);
    await expect.poll(() => findingsOf('lamps')).toContain('wouldDeny iot:Publish topic/state/lamp-2 3');

    await platform.api.call(promotePolicy, { params, body: { force: true } });
    expect([await mayPublish(again, 'old/x'), await mayPublish(again, 'new/1')]).toEqual([false, true]);
    expect(await platform.api.call(rollbackPolicy, { params })).toEqual({
      policyName: 'lamps',
      versionId: 1,
    });
    expect([await mayPublish(again, 'old/x'), await mayPublish(again, 'new/1')]).toEqual([true, false]);
    await again.endAsync(true);
  });

  test('a trial that finds no difference is promoted without force, on what it saw', async () => {
    const params = { policyName: 'fans' };
    await platform.api.call(createPolicy, {
      body: { policyName: 'fans', document: documentOf(['state/*']) },
    });
    const client = await connect(await platform.enrol('fan-1', { policies: ['fans'] }));
    await addVersion('fans', [`state/${NAME}`]);
    await platform.api.call(startPolicyTrial, { params, body: { versionId: 2 } });
    await mayPublish(client, 'state/fan-1');
    const trial = await platform.api.call(getPolicyTrial, { params });
    expect(trial).toMatchObject({ isClean: true, findings: [] });
    expect(trial.decisions).toBeGreaterThan(0);
    await platform.api.call(promotePolicy, { params, body: {} });
    expect([await mayPublish(client, 'state/fan-1'), await mayPublish(client, 'state/x')]).toEqual([
      true,
      false,
    ]);
    await client.endAsync(true);
  });
}

needs('openssl', 'openssl').describe('a trial on live connections, on SQLite', () => {
  describeTrials(() => startTestPlatform());
});

needs('initdb', 'postgresql').describe('a trial on live connections, on PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  describeTrials(() => startTestPlatform({ settings: { storage: postgres.storage } }));
});
