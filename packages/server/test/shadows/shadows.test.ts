import { X509Certificate } from 'node:crypto';
import {
  createPolicy,
  createThing,
  deleteShadow,
  detachPolicy,
  getShadow,
  listDenials,
  listShadows,
  listThings,
  listTrail,
  removeThing,
  updateShadow,
} from '@fleetward/protocol';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { askOverHttps, connectDevice, ownShadowsPolicy } from './device.ts';

let platform: TestPlatform;
let lamp: TestDevice;
let thief: TestDevice;
let device: Awaited<ReturnType<typeof connectDevice>>;

beforeAll(async () => {
  platform = await startTestPlatform({ settings: { shadows: { shadowsPerThingMax: 4 } } });
  await platform.api.call(createPolicy, { body: { policyName: 'own', document: ownShadowsPolicy } });
  lamp = await platform.enrol('lamp', { policies: ['own'] });
  thief = await platform.enrol('thief', { policies: ['own'] });
  device = await connectDevice(platform, lamp);
  await device.client.subscribeAsync('$aws/things/lamp/shadow/#', { qos: 1 });
});
afterAll(async () => {
  await device.client.endAsync();
  await platform.stop();
});
afterEach(() => void device.heard.splice(0));

const classic = '$aws/things/lamp/shadow';

function publish(topic: string, value: unknown): Promise<unknown> {
  const payload = typeof value === 'string' || value instanceof Uint8Array ? value : JSON.stringify(value);
  return device.client.publishAsync(topic, payload as string, { qos: 1 });
}

/** Of the topics without their prefix, as they came. */
async function heard(count: number): Promise<readonly (readonly [string, unknown])[]> {
  await expect.poll(() => device.heard.length).toBe(count);
  return device.heard
    .splice(0)
    .map(({ topic, value }) => [topic.replace('$aws/things/lamp/shadow', ''), value]);
}

/** Sends and waits for what is heard, so that answers come in the order of the questions. */
async function ask(topic: string, value: unknown, count = 1) {
  await publish(topic, value);
  return heard(count);
}

const timestamp = expect.any(Number);

describe('a shadow over MQTT', () => {
  test('is made, told of and got, with times, version and difference', async () => {
    const at = { timestamp };
    const metadata = { desired: { on: at, color: [at, at] }, reported: { on: at } };
    const state = { desired: { on: true, color: [1, 2] }, reported: { on: false } };
    const shared = { version: 1, timestamp, clientToken: 'one' };
    const delta = { on: true, color: [1, 2] };
    expect(await ask(`${classic}/update`, { state, clientToken: 'one' }, 3)).toEqual([
      ['/update/accepted', { state, metadata, ...shared }],
      ['/update/delta', { state: delta, metadata: { on: at, color: [at, at] }, ...shared }],
      [
        '/update/documents',
        {
          previous: { state: {}, metadata: {}, version: 0 },
          current: { state, metadata, version: 1 },
          timestamp,
          clientToken: 'one',
        },
      ],
    ]);
    expect(await ask(`${classic}/get`, '')).toEqual([
      ['/get/accepted', { state: { ...state, delta }, metadata, version: 1, timestamp }],
    ]);
    const agreed = await ask(`${classic}/update`, { state: { reported: delta }, version: 1 }, 2);
    expect(agreed.map(([topic]) => topic)).toEqual(['/update/accepted', '/update/documents']);
  });

  test('keeps counting its versions after it was deleted', async () => {
    const named = `${classic}/name/config`;
    const told = [
      ...(await ask(`${named}/update`, { state: { reported: { a: 1 } } }, 2)),
      ...(await ask(`${named}/delete`, { clientToken: 'bye' })),
      ...(await ask(`${named}/get`, 'ignored')),
      ...(await ask(`${named}/delete`, '')),
      ...(await ask(`${named}/update`, { state: { reported: { b: 1 } } }, 2)),
    ];
    const missing = { code: 404, message: 'No shadow exists with name: config', timestamp };
    expect(told).toEqual([
      ['/name/config/update/accepted', expect.objectContaining({ version: 1 })],
      ['/name/config/update/documents', expect.anything()],
      ['/name/config/delete/accepted', { version: 1, timestamp, clientToken: 'bye' }],
      ['/name/config/get/rejected', missing],
      ['/name/config/delete/rejected', missing],
      ['/name/config/update/accepted', expect.objectContaining({ version: 2 })],
      [
        '/name/config/update/documents',
        expect.objectContaining({ previous: { state: {}, metadata: {}, version: 1 } }),
      ],
    ]);
  });

  test('is refused with the code and the words that AWS IoT has', async () => {
    const told = [
      ...(await ask(`${classic}/update`, { state: {}, version: 99, clientToken: 'v' })),
      ...(await ask(`${classic}/update`, '{"state":')),
      ...(await ask(`${classic}/update`, Buffer.from([0x7b, 0xff]))),
      ...(await ask(`${classic}/update`, { state: { reported: { long: 'x'.repeat(8_192) } } })),
      ...(await ask(`${classic}/update`, 'x'.repeat(20_000))),
      ...(await ask(`${classic}/name/a b/update`, { state: {}, clientToken: 'n' })),
    ];
    const rejected = (code: number, message: string, clientToken?: string) => ({
      code,
      message,
      timestamp,
      ...(clientToken === undefined ? {} : { clientToken }),
    });
    const tooLarge = rejected(413, 'The payload exceeds the maximum size allowed');
    expect(told).toEqual([
      ['/update/rejected', rejected(409, 'Version conflict', 'v')],
      ['/update/rejected', rejected(400, 'Invalid JSON')],
      ['/update/rejected', rejected(415, 'Unsupported documented encoding; supported encoding is UTF-8')],
      ['/update/rejected', tooLarge],
      ['/update/rejected', tooLarge],
      ['/name/a b/update/rejected', rejected(400, 'Invalid shadow name', 'n')],
    ]);
  });

  test('of no name is none, and so not the classic one', async () => {
    const why = { code: 400, message: 'Invalid shadow name', timestamp };
    for (const operation of ['update', 'get', 'delete'])
      expect(await ask(`${classic}/name//${operation}`, { state: { desired: { on: 1 } } })).toEqual([
        [`/name//${operation}/rejected`, why],
      ]);
  });

  test('keeps no number that would be read as another', async () => {
    expect(await ask(`${classic}/update`, '{"state":{"reported":{"a":1e400}}}')).toEqual([
      ['/update/rejected', { code: 400, message: 'Invalid JSON', timestamp }],
    ]);
  });

  test('answers more than ten requests at once with 429, and the others in order', async () => {
    const updates = Array.from({ length: 30 }, (_, index) =>
      publish(`${classic}/update`, { state: { reported: { count: index } } }),
    );
    await Promise.all(updates);
    await expect
      .poll(() => device.heard.filter(({ topic }) => /accepted|rejected/.test(topic)).length)
      .toBe(30);
    const told = device.heard.splice(0);
    const accepted = told.filter(({ topic }) => topic.endsWith('accepted'));
    const versions = accepted.map(({ value }) => (value as { version: number }).version);
    expect(versions).toEqual(versions.map((_, index) => versions[0]! + index));
    const counts = accepted.map(
      ({ value }) => (value as { state: { reported: { count: number } } }).state.reported.count,
    );
    expect(counts).toEqual(counts.toSorted((one, other) => one - other));
    expect(accepted.length).toBeGreaterThanOrEqual(10);
    for (const { topic, value } of told)
      if (topic.endsWith('rejected'))
        expect(value).toMatchObject({ code: 429, message: 'Too many requests' });
  });

  test('is bounded in number for each thing, and a deleted one makes room', async () => {
    const update = { state: { reported: { a: 1 } } };
    await ask(`${classic}/name/two/update`, update, 2);
    await ask(`${classic}/name/three/update`, update, 2);
    expect(await ask(`${classic}/name/four/update`, update)).toEqual([
      ['/name/four/update/rejected', { code: 429, message: 'A thing has 4 shadows at most', timestamp }],
    ]);
    await ask(`${classic}/name/two/delete`, '');
    expect((await ask(`${classic}/name/four/update`, update, 2))[0]).toMatchObject([
      '/name/four/update/accepted',
      { version: 1 },
    ]);
  });
});

describe('a shadow over HTTPS', () => {
  const ask = (method: string, path: string, body?: string) =>
    askOverHttps(platform, lamp, { method, path, ...(body === undefined ? {} : { body }) });

  test('is changed, got, listed and deleted, and those who are subscribed are told', async () => {
    const path = '/things/lamp/shadow?name=web';
    await platform.api.call(deleteShadow, { params: { thingName: 'lamp' }, query: { shadowName: 'four' } });
    expect(await heard(1)).toMatchObject([['/name/four/delete/accepted', { version: 1 }]]);
    const body = JSON.stringify({ state: { desired: { on: true } }, clientToken: 'h' });
    expect(await ask('POST', path, body)).toMatchObject({
      status: 200,
      value: { state: { desired: { on: true } }, version: 1, clientToken: 'h' },
    });
    expect((await heard(3)).map(([topic]) => topic)).toEqual(
      ['accepted', 'delta', 'documents'].map((tail) => `/name/web/update/${tail}`),
    );
    expect(await ask('GET', path)).toMatchObject({ status: 200, value: { state: { delta: { on: true } } } });
    const list = '/api/things/shadow/ListNamedShadowsForThing/lamp';
    expect(await ask('GET', `${list}?pageSize=2`)).toEqual({
      status: 200,
      errorType: undefined,
      value: { results: ['config', 'three'], nextToken: 'three', timestamp },
    });
    expect(await ask('GET', `${list}?pageSize=2&nextToken=three`)).toMatchObject({
      value: { results: ['web'], timestamp },
    });
    expect(await ask('DELETE', path)).toEqual({
      status: 200,
      errorType: undefined,
      value: { version: 1, timestamp },
    });
    expect(await ask('GET', path)).toEqual({
      status: 404,
      errorType: 'ResourceNotFoundException',
      value: { code: 404, message: 'No shadow exists with name: web', timestamp },
    });
  });

  test('is refused as over MQTT, with the status and the name of the error', async () => {
    const path = '/things/lamp/shadow';
    expect(await ask('POST', path, '{"state":{"desired":[]}}')).toEqual({
      status: 400,
      errorType: 'InvalidRequestException',
      value: { code: 400, message: 'Desired node must be an object', timestamp },
    });
    expect(await ask('POST', path, '{"state":{},"version":1}')).toMatchObject({
      status: 409,
      errorType: 'ConflictException',
    });
    expect((await ask('POST', path, 'x'.repeat(20_000))).status).toBe(413);
    expect((await ask('GET', `${path}?name=a&name=b`)).status).toBe(400);
  });
});

describe('another thing’s shadow', () => {
  const foreign = '$aws/things/lamp/shadow';

  test('is refused over MQTT, and the operator sees who asked for what', async () => {
    const { client } = await connectDevice(platform, thief);
    await expect(client.publishAsync(`${foreign}/update`, '{"state":{}}', { qos: 1 })).rejects.toThrow();
    await expect(client.publishAsync(`${foreign}/name/config/get`, '', { qos: 1 })).rejects.toThrow();
    const granted = await client.subscribeAsync(`${foreign}/get/accepted`).catch(() => 'refused');
    expect(granted).toBe('refused');
    await client.endAsync();
    expect(await denied()).toEqual(
      expect.arrayContaining([
        ['iot:Publish', `${foreign}/update`],
        ['iot:Publish', `${foreign}/name/config/get`],
        ['iot:Subscribe', `${foreign}/get/accepted`],
      ]),
    );
    expect(device.heard).toEqual([]);
  });

  test('is refused over HTTPS by every operation, and the operator sees who asked for what', async () => {
    const asked = [
      ['GET', '/things/lamp/shadow', 'iot:GetThingShadow', 'lamp'],
      ['GET', '/things/lamp/shadow?name=config', 'iot:GetThingShadow', 'lamp/config'],
      ['POST', '/things/lamp/shadow', 'iot:UpdateThingShadow', 'lamp'],
      ['DELETE', '/things/lamp/shadow?name=thief', 'iot:DeleteThingShadow', 'lamp/thief'],
      ['GET', '/api/things/shadow/ListNamedShadowsForThing/lamp', 'iot:ListNamedShadowsForThing', 'lamp'],
      ['GET', '/things/lamp%2Fthief/shadow', 'iot:GetThingShadow', 'lamp/thief'],
    ] as const;
    for (const [method, path] of asked) {
      const body = method === 'POST' ? { body: '{"state":{}}' } : {};
      expect(await askOverHttps(platform, thief, { method, path, ...body })).toEqual({
        status: 403,
        errorType: 'ForbiddenException',
        value: { code: 403, message: 'Forbidden' },
      });
    }
    expect(await denied()).toEqual(
      expect.arrayContaining(asked.map(([, , action, resource]) => [action, resource])),
    );
  });

  test('is refused over HTTPS when the right to it ended while the body came', async () => {
    await platform.api.call(createPolicy, { body: { policyName: 'brief', document: ownShadowsPolicy } });
    const slow = await platform.enrol('slow', { policies: ['brief'] });
    const certificateId = new X509Certificate(slow.cert).fingerprint256.replaceAll(':', '').toLowerCase();
    const params = { policyName: 'brief', certificateId };
    const answer = await askOverHttps(platform, slow, {
      method: 'POST',
      path: '/things/slow/shadow',
      body: '{"state":{"reported":{"a":1}}}',
      beforeBody: async () => {
        await platform.api.call(detachPolicy, { params });
      },
    });
    expect(answer).toMatchObject({ status: 403, errorType: 'ForbiddenException' });
    await expect(platform.api.call(getShadow, { params: { thingName: 'slow' } })).rejects.toMatchObject({
      problem: { code: 'shadows.not_found' },
    });
  });

  async function denied() {
    const { denials } = await platform.api.call(listDenials, { query: { thingName: 'thief' } });
    return denials.map(({ action, resource }) => [action, resource]);
  }
});

describe('an operator', () => {
  test('changes, gets, lists and deletes a shadow; the device is told and the trail says who', async () => {
    await platform.api.call(createThing, { body: { thingName: 'pump', attributes: {} } });
    const params = { thingName: 'pump' };
    const changed = await platform.api.call(updateShadow, {
      params,
      body: { state: { desired: { on: true } } },
    });
    expect(changed).toMatchObject({ state: { desired: { on: true } }, version: 1 });
    const got = await platform.api.call(getShadow, { params });
    expect(got).toMatchObject({ state: { delta: { on: true } }, version: 1 });
    expect((await platform.api.call(listShadows, { params })).shadows).toMatchObject([
      { shadowName: '', version: 1 },
    ]);
    const conflict = platform.api.call(updateShadow, { params, body: { state: {}, version: 7 } });
    await expect(conflict).rejects.toMatchObject({ problem: { code: 'shadows.version_conflict' } });
    const wrong = platform.api.call(updateShadow, { params, body: { state: { wanted: {} } } });
    await expect(wrong).rejects.toMatchObject({ problem: { code: 'shadows.invalid' } });
    await platform.api.call(deleteShadow, { params });
    await expect(platform.api.call(getShadow, { params })).rejects.toMatchObject({
      problem: { code: 'shadows.not_found' },
    });
    const { entries } = await platform.api.call(listTrail, { query: { limit: 1_000 } });
    const kinds = entries.map(({ entry }) => entry.kind).filter((kind) => kind.startsWith('shadow.'));
    expect(kinds.slice(-2)).toEqual(['shadow.updated', 'shadow.deleted']);
  });

  test('who removes a thing removes its shadows: another of its name has none', async () => {
    const params = { thingName: 'valve' };
    await platform.api.call(createThing, { body: { ...params, attributes: {} } });
    await platform.api.call(updateShadow, { params, body: { state: { reported: { secret: 1 } } } });
    await platform.api.call(removeThing, { params });
    await expect(platform.api.call(getShadow, { params })).rejects.toMatchObject({
      problem: { code: 'things.not_found' },
    });
    await platform.api.call(createThing, { body: { ...params, attributes: {} } });
    await expect(platform.api.call(getShadow, { params })).rejects.toMatchObject({
      problem: { code: 'shadows.not_found' },
    });
    const made = await platform.api.call(updateShadow, { params, body: { state: {} } });
    expect(made.version).toBe(1);
  });
});

test('what a shadow says is in the search of the fleet', async () => {
  await platform.api.call(createThing, { body: { thingName: 'searched' } });
  await platform.api.call(updateShadow, {
    params: { thingName: 'searched' },
    body: { state: { reported: { fw: '2.9' } } },
  });
  const query = 'connected:false and shadow.reported.fw<"2.10"';
  const { things } = await platform.api.call(listThings, { query: { query } });
  expect(things).toMatchObject([{ thingName: 'searched', connected: false }]);
});
