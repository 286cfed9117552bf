import { parseCertificatesPem } from '@fleetward/pki';
import {
  addGroupThing,
  attachGroupPolicy,
  attachThingCertificate,
  createGroup,
  createPolicy,
  createPolicyVersion,
  createThing,
  detachGroupPolicy,
  listDenials,
  moveGroup,
  removeGroupThing,
  testPolicy,
  updateThing,
} from '@fleetward/protocol';
import { needs, type Postgres, startPostgres } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import mqtt, { type MqttClient } from 'mqtt';
import { afterAll, beforeAll, expect, test } from 'vitest';

function describeGroups(start: () => Promise<TestPlatform>): void {
  let platform: TestPlatform;
  beforeAll(async () => {
    platform = await start();
    await savePolicy('connects', [statement('Allow', 'iot:Connect', 'client/*')]);
    await createGroups('site', ['hall', 'site'], ['ovens', 'hall'], 'elsewhere');
  });
  afterAll(() => platform.stop());

  const arn = (tail: string) => `arn:aws:iot:REGION:ACCOUNT_ID:${tail}`;
  const statement = (effect: 'Allow' | 'Deny', action: string, tail: string) => ({
    Effect: effect,
    Action: action,
    Resource: arn(tail),
  });
  const documentOf = (statements: readonly object[]) =>
    JSON.stringify({ Version: '2012-10-17', Statement: statements });

  async function savePolicy(policyName: string, statements: readonly object[]): Promise<void> {
    await platform.api.call(createPolicy, { body: { policyName, document: documentOf(statements) } });
  }

  async function createGroups(...groups: readonly (string | readonly [string, string])[]): Promise<void> {
    for (const group of groups) {
      const [groupName, parentName] = typeof group === 'string' ? [group] : group;
      const body = { groupName, ...(parentName === undefined ? {} : { parentName }) };
      await platform.api.call(createGroup, { body });
    }
  }

  const put = (thingName: string, groupName: string) =>
    platform.api.call(addGroupThing, { params: { groupName, thingName } });
  const take = (thingName: string, groupName: string) =>
    platform.api.call(removeGroupThing, { params: { groupName, thingName } });
  const attach = (policyName: string, groupName: string) =>
    platform.api.call(attachGroupPolicy, { params: { policyName, groupName } });
  const detach = (policyName: string, groupName: string) =>
    platform.api.call(detachGroupPolicy, { params: { policyName, groupName } });
  const move = (groupName: string, parentName: string | null) =>
    platform.api.call(moveGroup, { params: { groupName }, body: { parentName } });
  const lastDenial = async () => (await platform.api.call(listDenials, { query: { limit: 1 } })).denials[0];
  const idOf = (device: TestDevice) => parseCertificatesPem(device.cert)[0]!.id;

  /** MQTT 5: a denied PUBLISH is answered and the connection goes on. */
  function connect(device: TestDevice, clientId = device.thingName): Promise<MqttClient> {
    const client = mqtt.connect(`mqtts://localhost:${platform.platform.ports.mqtt}`, {
      ca: platform.rootPem,
      key: device.key,
      cert: device.cert,
      clientId,
      reconnectPeriod: 0,
      protocolVersion: 5,
    });
    return new Promise((resolve, reject) => {
      client.once('connect', () => resolve(client));
      client.once('error', reject);
      client.once('close', () => reject(new Error('closed before CONNACK')));
    });
  }

  const mayPublish = (client: MqttClient, topic: string) =>
    client.publishAsync(topic, 'x', { qos: 1 }).then(
      () => true,
      () => false,
    );

  test('membership, hierarchy, attachment and version decide the very next packet', async () => {
    await savePolicy('baking', [
      statement('Allow', 'iot:Publish', 'topic/ovens/${iot:Connection.Thing.ThingName}'),
    ]);
    const client = await connect(await platform.enrol('oven-1', { policies: ['connects'] }));
    const may = () => mayPublish(client, 'ovens/oven-1');
    await attach('baking', 'site');
    expect(await may()).toBe(false);
    await put('oven-1', 'ovens');
    expect(await may()).toBe(true);
    expect(await mayPublish(client, 'ovens/oven-2')).toBe(false);
    expect((await lastDenial())?.statement).toMatchObject({ policyName: 'baking', groupName: 'site' });
    await move('hall', 'elsewhere');
    expect(await may()).toBe(false);
    await move('hall', 'site');
    expect(await may()).toBe(true);
    await detach('baking', 'site');
    expect(await may()).toBe(false);
    await attach('baking', 'hall');
    expect(await may()).toBe(true);
    const forbidding = documentOf([
      statement('Allow', 'iot:Publish', 'topic/*'),
      { Sid: 'NoOvens', ...statement('Deny', 'iot:Publish', 'topic/ovens/*') },
    ]);
    const params = { policyName: 'baking' };
    await platform.api.call(createPolicyVersion, {
      params,
      body: { document: forbidding, setAsDefault: true },
    });
    expect(await may()).toBe(false);
    const denial = await lastDenial();
    expect(denial?.statement).toMatchObject({ sid: 'NoOvens', versionId: 2, groupName: 'hall' });
    expect(denial?.explanation).toContain('through group `hall`');
    await take('oven-1', 'ovens');
    expect(await mayPublish(client, 'anything')).toBe(false);
    await client.endAsync(true);
  });

  test('a connection that loses its right to connect with its group is cut at once', async () => {
    await savePolicy('lets-in', [statement('Allow', 'iot:Connect', 'client/guest')]);
    await createGroups('guests');
    await attach('lets-in', 'guests');
    const device = await platform.enrol('guest');
    await expect(connect(device)).rejects.toThrow();
    await put('guest', 'guests');
    const client = await connect(device);
    const cut = new Promise<void>((resolve) => client.once('close', () => resolve()));
    await take('guest', 'guests');
    await cut;
    await expect(connect(device)).rejects.toThrow();
  });

  test('who is no thing is held to the Deny of every thing of its certificate, and gets no Allow', async () => {
    await savePolicy('publishes', [statement('Allow', 'iot:Publish', 'topic/*')]);
    await savePolicy('quiet', [
      statement('Deny', 'iot:Publish', 'topic/loud/*'),
      statement('Allow', 'iot:Subscribe', 'topicfilter/*'),
    ]);
    await createGroups('first', 'second');
    await attach('quiet', 'second');
    const device = await platform.enrol('bell-1', { policies: ['connects', 'publishes'] });
    const client = await connect(device, 'nobody');
    expect(await mayPublish(client, 'loud/1')).toBe(true);
    await platform.api.call(createThing, { body: { thingName: 'bell-2' } });
    await put('bell-2', 'second');
    expect(await mayPublish(client, 'loud/1')).toBe(true);
    await platform.api.call(attachThingCertificate, {
      params: { thingName: 'bell-2', certificateId: idOf(device) },
      body: { exclusive: false },
    });
    expect(await mayPublish(client, 'loud/1')).toBe(false);
    expect((await lastDenial())?.statement).toMatchObject({ policyName: 'quiet', groupName: 'second' });
    expect(await mayPublish(client, 'soft/1')).toBe(true);
    await expect(client.subscribeAsync('soft/#')).rejects.toThrow();
    // As `bell-1` it is that thing alone: the groups of `bell-2` have no say.
    const named = await connect(device);
    expect(await mayPublish(named, 'loud/1')).toBe(true);
    // As `bell-2` it has both statements of its group.
    const other = await connect(device, 'bell-2');
    expect(await mayPublish(other, 'loud/1')).toBe(false);
    await other.subscribeAsync('soft/#', { qos: 1 });
    const { results } = await platform.api.call(testPolicy, {
      body: {
        certificateId: idOf(device),
        clientId: 'bell-2',
        requests: [{ action: 'iot:Publish', resource: 'topic/loud/1' }],
      },
    });
    expect(results[0]?.explanation).toContain('through group `second`');
    for (const one of [client, named, other]) await one.endAsync(true);
  });

  test('a changed type or attribute decides the very next packet', async () => {
    await savePolicy('by-facts', [
      statement('Allow', 'iot:Publish', 'topic/${iot:Connection.Thing.Attributes[site]}/*'),
      statement('Allow', 'iot:Publish', 'topic/of/${iot:Connection.Thing.ThingTypeName}/*'),
    ]);
    const client = await connect(await platform.enrol('lamp', { policies: ['connects', 'by-facts'] }));
    const params = { thingName: 'lamp' };
    const may = async () => [await mayPublish(client, 'yard/1'), await mayPublish(client, 'of/lamps/1')];
    expect(await may()).toEqual([false, false]);
    await platform.api.call(updateThing, {
      params,
      body: { typeName: 'lamps', attributes: { site: 'yard', floor: '1' } },
    });
    expect(await may()).toEqual([true, true]);
    const changed = await platform.api.call(updateThing, {
      params,
      body: { typeName: null, attributes: { site: null } },
    });
    expect(changed).toMatchObject({ thingName: 'lamp', attributes: { floor: '1' } });
    expect(changed).not.toHaveProperty('typeName');
    expect(await may()).toEqual([false, false]);
    await client.endAsync(true);
  });

  test('groups, their things and policies decide after a restart', async () => {
    await savePolicy('kept', [statement('Allow', 'iot:Publish', 'topic/kept')]);
    await createGroups('keeping');
    await attach('kept', 'keeping');
    const device = await platform.enrol('keeper', { policies: ['connects'] });
    await put('keeper', 'keeping');
    await platform.restart();
    const client = await connect(device);
    expect([await mayPublish(client, 'kept'), await mayPublish(client, 'other')]).toEqual([true, false]);
    await client.endAsync(true);
  });
}

needs('openssl', 'openssl').describe('groups on live connections, on SQLite', () => {
  describeGroups(() => startTestPlatform());
});

needs('initdb', 'postgresql').describe('groups on live connections, on PostgreSQL', () => {
  let postgres: Postgres;
  beforeAll(async () => {
    postgres = await startPostgres();
  });
  afterAll(() => postgres[Symbol.asyncDispose]());
  describeGroups(() => startTestPlatform({ settings: { storage: postgres.storage } }));
});
