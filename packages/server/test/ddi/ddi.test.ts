import { createHash } from 'node:crypto';
import { parseCertificatesPem } from '@fleetward/pki';
import {
  addGroupThing,
  createGroup,
  createTargetToken,
  createThing,
  getMetrics,
  listTargetTokens,
  removeGroupThing,
  removeTargetToken,
  revokeCertificate,
  rollBackCampaign,
  setCertificateState,
  updateThing,
} from '@fleetward/protocol';
import type { TestDevice } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256Of } from '../releases/engineer.ts';
import { type DdiClient, DdiFleet, patience } from './ddi-fleet.ts';

const first = Buffer.from('image one '.repeat(500));
const second = Buffer.from('image two '.repeat(500));
const third = Buffer.from('image three '.repeat(500));

let fleet: DdiFleet;
let devices: Readonly<Record<'a' | 'b', TestDevice>>;
let a: DdiClient;
let b: DdiClient;
/** The campaign that rolled out the second image. */
let toSecond: string;

beforeAll(async () => {
  fleet = await DdiFleet.start({
    ddi: { bodyBytesMax: 2_000, attributesMax: 5, targetTokenGroups: ['floor'] },
    releases: { deviceDownloadBytesPerSecondMax: 100_000 },
  });
  devices = { a: await fleet.platform.enrol('lamp-a'), b: await fleet.platform.enrol('lamp-b') };
  for (const thingName of ['lamp-a', 'lamp-b'])
    await fleet.platform.api.call(updateThing, {
      params: { thingName },
      body: { attributes: { ring: thingName } },
    });
  a = fleet.client(devices.a);
  b = fleet.client(devices.b);
  await fleet.release('lamp', '1.0.0', first);
}, 120_000);
afterAll(() => fleet.platform.stop());

const digest = (name: string, bytes: Buffer) => createHash(name).update(bytes).digest('hex');
const describes = (client: DdiClient, version: string) =>
  client.configData({ product: 'lamp', hardware: 'rev1', version, sha256: sha256Of(first) });

test('a client says what it is, gets the newest release that fits, and what it said of it is the operator’s to see', async () => {
  const fresh = await a.ask('');
  expect(fresh.json).toEqual({
    config: { polling: { sleep: '00:05:00' } },
    _links: { configData: { href: `${fleet.url}${a.base}/configData` } },
  });
  expect((await a.configData({ product: 'lamp', hardware: 'rev1', floor: 3 })).status).toBe(200);
  expect((await a.configData({ floor: '' }, 'remove')).status).toBe(200);
  expect(await fleet.report('lamp-a')).toMatchObject({
    model: { product: 'lamp', hardware: 'rev1' },
    ddi: { attributes: { product: 'lamp', hardware: 'rev1' } },
  });
  const deployment = (await a.link('deploymentBase'))!;
  const id = deployment.split('/').at(-1)!;
  const file = `${fleet.url}${a.base}/softwaremodules/${id}/artifacts/fw%201.0.0.swu`;
  const artifact = {
    filename: 'fw 1.0.0.swu',
    hashes: { sha1: digest('sha1', first), md5: digest('md5', first), sha256: sha256Of(first) },
    size: first.length,
    _links: { download: { href: file }, md5sum: { href: `${file}.MD5SUM` } },
  };
  const { json } = await a.ask(`${deployment}?c=1&actionHistory=5`);
  const chunks = [{ part: 'os', version: '1.0.0', name: 'lamp', artifacts: [artifact] }];
  expect(json).toEqual({ id, deployment: { download: 'forced', update: 'forced', chunks } });
  expect((await a.ask(`softwaremodules/${id}/artifacts`)).json).toEqual([artifact]);
  // As curl asks before it sends a body.
  const body = { id: '', status: { execution: 'proceeding', result: { finished: 'none' }, details: ['…'] } };
  const headers = { expect: '100-continue' };
  expect(await a.ask(`${deployment}/feedback`, { method: 'POST', headers, body })).toMatchObject({
    status: 200,
    text: '',
  });
  expect((await a.say(deployment, 'closed', 'success')).status).toBe(200);
  expect(await a.link('deploymentBase')).toBeUndefined();
  expect(await a.link('configData')).toBeDefined();
  expect((await a.say(deployment, 'closed', 'failure')).status).toBe(410);
  const installed = { version: '1.0.0', securityVersion: 1, sha256: sha256Of(first) };
  expect(await fleet.report('lamp-a')).toMatchObject({ installed, update: { outcome: 'confirmed' } });
  expect((await a.ask('installedBase')).json).toEqual({ installed });
  expect((await a.ask((await a.link('installedBase'))!)).json).toMatchObject({
    id,
    deployment: { chunks: [{ version: '1.0.0' }] },
  });
});

test('an artifact comes whole, in ranges, as a head alone and with its MD5', async () => {
  await describes(b, '0.9.0');
  const id = (await b.isLinked('deploymentBase')).split('/').at(-1);
  const path = `softwaremodules/${id}/artifacts/fw%201.0.0.swu`;
  expect((await b.ask(path)).text).toBe(first.toString());
  const head = await b.ask(path, { method: 'HEAD' });
  expect(head).toMatchObject({
    status: 200,
    text: '',
    headers: {
      'content-length': String(first.length),
      'accept-ranges': 'bytes',
      etag: `"${sha256Of(first)}"`,
    },
  });
  const range = await b.ask(path, { headers: { range: 'bytes=10-14' } });
  expect(range).toMatchObject({ status: 206, text: first.toString().slice(10, 15) });
  expect((await b.ask(path, { headers: { range: `bytes=${first.length}-` } })).status).toBe(416);
  expect((await b.ask(`${path}.MD5SUM`)).text).toBe(`${digest('md5', first)}  fw 1.0.0.swu\n`);
});

test('a campaign holds what it offers for its own things, and feedback moves its actions as an agent’s reports do', async () => {
  await describes(b, '1.0.0');
  await expect.poll(() => b.link('deploymentBase'), patience).toBeUndefined();
  const path = await fleet.release('lamp', '2.0.0', second);
  const campaignId = await fleet.campaign(path, { ring: 'lamp-a' });
  toSecond = campaignId;
  const deployment = await a.isLinked('deploymentBase');
  const id = deployment.split('/').at(-1);
  expect((await fleet.actions(campaignId)).map(({ actionId }) => String(actionId))).toEqual([id]);
  expect((await a.ask(`${deployment}?actionHistory=1`)).json).toMatchObject({
    id,
    actionHistory: { status: 'OFFERED', messages: [] },
  });
  // Not for this one: neither the offer nor, under its own name, what another is at.
  expect(await b.link('deploymentBase')).toBeUndefined();
  const foreign = [`deploymentBase/${id}`, `softwaremodules/${id}/artifacts/fw%202.0.0.swu`];
  for (const place of foreign)
    expect((await b.ask(place)).json).toMatchObject({ status: 403, code: 'ddi.foreign_action' });
  expect((await b.say(`deploymentBase/${id}`, 'closed', 'success')).status).toBe(403);
  expect(await fleet.denial()).toMatchObject({
    cause: 'foreign_feedback',
    thingName: 'lamp-b',
    explanation: `devices: DDI: action ${id} is not one of this device`,
  });
  expect((await a.ask(`softwaremodules/${id}/artifacts/fw%202.0.0.swu`)).text).toBe(second.toString());
  await fleet.reaches(campaignId, 'DOWNLOADING');
  expect((await a.say(deployment, 'scheduled')).status).toBe(200);
  await a.say(deployment, 'proceeding');
  await fleet.reaches(campaignId, 'INSTALLING');
  // What a device has begun goes on: there is nothing to cancel.
  expect((await a.say(`cancelAction/${id}`, 'closed', 'success')).json).toMatchObject({
    status: 405,
    code: 'ddi.not_cancelled',
  });
  await a.say(deployment, 'closed', 'success');
  await fleet.ends(campaignId);
  expect((await a.say(deployment, 'closed', 'failure', ['too late'])).json).toMatchObject({
    status: 410,
    code: 'ddi.gone',
  });
  expect(await fleet.denial()).toMatchObject({
    cause: 'request_denied',
    explanation: `devices: DDI: action ${id} is over: nothing more is taken of it`,
  });
});

test('what was bad is taken back: the old bytes come as a higher version', async () => {
  await fleet.release('lamp', '3.0.0', first);
  const { api } = fleet.platform;
  const back = await api.call(rollBackCampaign, { params: { campaignId: toSecond } });
  const deployment = await a.isLinked('deploymentBase');
  expect((await a.ask(deployment)).json).toMatchObject({ deployment: { chunks: [{ version: '3.0.0' }] } });
  await a.say(deployment, 'closed', 'success');
  await fleet.ends(back.campaignId);
  expect(await fleet.report('lamp-a')).toMatchObject({
    installed: { version: '3.0.0', sha256: sha256Of(first) },
  });
});

test('a failure ends the action with the client’s words, and the campaign counts it by its cause', async () => {
  const campaignId = await fleet.campaign(await fleet.release('lamp', '4.0.0', third), { ring: 'lamp-a' });
  const deployment = await a.isLinked('deploymentBase');
  await a.say(deployment, 'closed', 'failure', ['slot B is read-only', 'giving up']);
  await fleet.reaches(campaignId, 'FAILED');
  expect((await fleet.actions(campaignId))[0]).toMatchObject({
    cause: 'client-failure',
    explanation: 'slot B is read-only; giving up',
  });
  expect(await a.link('deploymentBase')).toBeUndefined();
});

test('a client hears that what it was given was cancelled, until it says that it knows', async () => {
  const path = await fleet.release('lamp', '5.0.0', Buffer.from('image five'));
  const campaignId = await fleet.campaign(path, { ring: 'lamp-a' });
  const deployment = await a.isLinked('deploymentBase');
  const id = deployment.split('/').at(-1)!;
  expect((await a.ask(deployment)).status).toBe(200);
  await fleet.step(campaignId, 'pause');
  expect((await a.ask(`softwaremodules/${id}/artifacts/fw%205.0.0.swu`)).json).toMatchObject({
    status: 404,
    code: 'ddi.not_found',
  });
  await fleet.step(campaignId, 'cancel');
  const cancel = await a.isLinked('cancelAction');
  expect((await a.ask(cancel)).json).toEqual({ id, cancelAction: { stopId: id } });
  // Also when the platform was restarted since; what needs a campaign, and has none, is not offered then.
  await describes(b, '0.1.0');
  await b.isLinked('deploymentBase');
  await fleet.platform.restart({ campaigns: { required: true } });
  expect(await a.link('cancelAction')).toBe(cancel);
  expect(await b.link('deploymentBase')).toBeUndefined();
  await fleet.platform.restart({ campaigns: { required: false } });
  expect(await b.link('deploymentBase')).toBeDefined();
  expect((await a.say(deployment, 'closed', 'success')).status).toBe(410);
  expect((await a.say(cancel, 'closed', 'success')).status).toBe(200);
  expect(await a.link('cancelAction')).toBeUndefined();
});

test('a device may ask to confirm by itself first, and its no ends the action', async () => {
  expect((await b.ask('confirmationBase')).json).toMatchObject({ autoConfirm: { active: true } });
  expect((await b.ask('confirmationBase/deactivateAutoConfirm', { method: 'POST', body: {} })).status).toBe(
    200,
  );
  // Newer than all that is offered by its publication.
  await b.ask('installedBase', { method: 'PUT', body: { name: 'lamp', version: '5.9.0' } });
  const path = await fleet.release('lamp', '6.0.0', Buffer.from('image six'));
  const campaignId = await fleet.campaign(path, { ring: 'lamp-b' });
  const held = await b.isLinked('confirmationBase');
  const id = held.split('/').at(-1)!;
  expect(await b.link('deploymentBase')).toBeUndefined();
  expect((await b.ask(`deploymentBase/${id}`)).json).toMatchObject({ status: 404 });
  expect((await b.ask(`softwaremodules/${id}/artifacts/fw%206.0.0.swu`)).status).toBe(404);
  expect((await b.ask(held)).json).toMatchObject({ id, confirmation: { chunks: [{ version: '6.0.0' }] } });
  const answer = (confirmation: string) =>
    b.ask(`${held}/feedback`, { method: 'POST', body: { confirmation, details: [] } });
  expect((await answer('perhaps')).status).toBe(400);
  expect((await answer('confirmed')).status).toBe(200);
  expect((await answer('confirmed')).status).toBe(404);
  await b.say(await b.isLinked('deploymentBase'), 'closed', 'success');
  await fleet.ends(campaignId);
  const next = await fleet.release('lamp', '7.0.0', Buffer.from('image seven'));
  const denied = await fleet.campaign(next, { ring: 'lamp-b' });
  const no = { method: 'POST', body: { confirmation: 'denied' } };
  expect((await b.ask(`${await b.isLinked('confirmationBase')}/feedback`, no)).status).toBe(200);
  await fleet.reaches(denied, 'REJECTED');
  expect((await b.ask('confirmationBase/activateAutoConfirm', { method: 'POST', body: {} })).status).toBe(
    200,
  );
});

test('what was put on a device by other ways is told by its name and version', async () => {
  const put = (body: unknown) => b.ask('installedBase', { method: 'PUT', body });
  expect((await put({ name: 'lamp', version: '4.0.0' })).status).toBe(200);
  expect((await b.ask('installedBase')).json).toEqual({
    installed: { version: '4.0.0', securityVersion: 1, sha256: sha256Of(third) },
  });
  expect((await put({ name: 'lamp' })).status).toBe(400);
});

test.for([
  ['no JSON', '{"status":', 'protocol_error', 400],
  ['a key twice', '{"status":{},"status":{}}', 'protocol_error', 400],
  ['nested too deep', `${'['.repeat(9)}${']'.repeat(9)}`, 'protocol_error', 400],
  [
    'an execution nobody knows',
    '{"status":{"execution":"boom","result":{"finished":"none"}}}',
    'protocol_error',
    400,
  ],
  ['too large', JSON.stringify({ status: 'x'.repeat(2_000) }), 'limit', 413],
] as const)('feedback that is %s is refused, and the operator sees why', async ([, body, cause, status]) => {
  const answer = await a.ask('deploymentBase/1/feedback', { method: 'POST', body });
  expect(answer.status).toBe(status);
  expect(await fleet.denial()).toMatchObject({
    cause,
    thingName: 'lamp-a',
    explanation: expect.stringMatching(/^devices: DDI: ./),
  });
});

test.for([
  ['configData', { data: Object.fromEntries('abcdef'.split('').map((name) => [name, ''])) }],
  ['configData', { data: { name: 'v'.repeat(300) } }],
  ['configData', { data: { 'a\u0000b': 'v' } }],
  ['configData', { mode: 'burn', data: {} }],
  ['configData', { data: ['v'] }],
] as const)('%s that is out of bounds changes nothing: %j', async ([path, body]) => {
  const before = await fleet.report('lamp-a');
  expect((await a.ask(path, { method: 'PUT', body })).json).toMatchObject({
    status: 400,
    code: 'ddi.invalid',
  });
  expect(await fleet.report('lamp-a')).toEqual(before);
});

test('no path leads to another device, another tenant, another number or another file', async () => {
  await fleet.platform.api.call(createThing, { body: { thingName: 'lamp-c' } });
  for (const path of [
    '/default/controller/v1/lamp-b',
    '/default/controller/v1/lamp-c',
    '/other/controller/v1/lamp-a',
  ])
    expect((await a.ask(path)).json).toMatchObject({ status: 403, code: 'http.forbidden' });
  expect(await fleet.denial()).toMatchObject({
    cause: 'request_denied',
    explanation: expect.stringContaining('ddi.tenant'),
  });
  for (const id of ['0', '-1', '1e3', '9'.repeat(16), '%00', 'x', '12'])
    expect((await a.ask(`deploymentBase/${id}`)).json).toMatchObject({ status: 404, code: 'ddi.not_found' });
  await fleet.platform.api.call(updateThing, {
    params: { thingName: 'lamp-a' },
    body: { attributes: { ring: 'last' } },
  });
  await fleet.campaign(await fleet.release('lamp', '8.0.0', Buffer.from('image eight')), { ring: 'last' });
  const id = (await a.isLinked('deploymentBase')).split('/').at(-1);
  for (const file of [
    '..%2f..%2fconfig',
    '%2e%2e%2frecords.db',
    'fw%201.0.0.swu',
    '..%2ffw%208.0.0.swu',
    'fw%208.0.0.swu.SHA1',
  ])
    expect((await a.ask(`softwaremodules/${id}/artifacts/${file}`)).json).toMatchObject({
      status: 404,
      code: 'ddi.not_found',
    });
  expect(await fleet.denial()).toMatchObject({
    explanation: expect.stringContaining('has no artifact of that name'),
  });
  expect((await a.ask('', { headers: { host: 'evil.example/x' } })).status).toBe(400);
});

test('what was refused is counted', async () => {
  const text = Buffer.from(await fleet.platform.api.call(getMetrics)).toString();
  expect(text).toMatch(/fleetward_ddi\{counter="refused"\} [1-9]/);
});

describe('a target token', () => {
  const params = { thingName: 'lamp-t' };
  const make = async () => (await fleet.platform.api.call(createTargetToken, { params })).secret;
  const pollsWith = async (token: string, thingName = 'lamp-t') =>
    (await fleet.client({ thingName, token }).ask('')).status;
  const join = () =>
    fleet.platform.api.call(addGroupThing, { params: { groupName: 'hall', thingName: 'lamp-t' } });

  beforeAll(async () => {
    const { api } = fleet.platform;
    await api.call(createThing, { body: { thingName: 'lamp-t' } });
    await api.call(createGroup, { body: { groupName: 'floor' } });
    await api.call(createGroup, { body: { groupName: 'hall', parentName: 'floor' } });
  });

  test('is made only where a group that the thing is under allows it, and kept nowhere but with its client', async () => {
    await expect(make()).rejects.toMatchObject({ problem: { status: 409, code: 'ddi.token_not_allowed' } });
    await join();
    const token = await make();
    expect(token).toMatch(/^fwt_[A-Za-z0-9_-]{43}$/);
    const { targetTokens } = await fleet.platform.api.call(listTargetTokens, { query: {} });
    expect(targetTokens).toEqual([
      { thingName: 'lamp-t', createdAtMs: expect.any(Number), createdBy: expect.any(String) },
    ]);
  });

  test('speaks for its thing as a certificate would, over this door and no other', async () => {
    const client = fleet.client({ thingName: 'lamp-t', token: await make() });
    expect((await client.configData({ product: 'lamp', hardware: 'rev1' })).status).toBe(200);
    // Another release may be the newest one that is free, as the campaigns of earlier tests come to their ends meanwhile.
    const fetched = async () => {
      const id = (await client.isLinked('deploymentBase')).split('/').at(-1);
      const { status, json } = await client.ask(`softwaremodules/${id}/artifacts`);
      if (status !== 200) return { status };
      const [{ filename, size }] = json as [{ filename: string; size: number }];
      const file = `softwaremodules/${id}/artifacts/${encodeURIComponent(filename)}`;
      const { text } = await client.ask(file);
      return { status, isWhole: text.length === size };
    };
    await expect.poll(fetched, patience).toEqual({ status: 200, isWhole: true });
    expect((await client.ask('/v1/renewal')).status).toBe(401);
    expect((await client.ask('/default/controller/v1/lamp-a')).status).toBe(401);
  });

  test('that is wrong is refused in words that say nothing, and the operator is told why', async () => {
    const answer = await fleet.client({ thingName: 'lamp-t', token: `fwt_${'A'.repeat(43)}` }).ask('');
    expect(answer.json).toMatchObject({ status: 401, detail: 'the target token is not good' });
    expect(await fleet.denial()).toMatchObject({
      cause: 'request_denied',
      explanation:
        'devices: DDI: the target token is not good: thing `lamp-t`: the target token is not that of the thing',
    });
    for (const thingName of ['lamp-a', 'nobody', 'x'.repeat(200)])
      expect((await fleet.client({ thingName, token: await make() }).ask('')).json).toEqual({
        ...(answer.json as object),
      });
    expect((await fleet.client({ thingName: 'lamp-t', token: 'a b' }).ask('')).status).toBe(401);
  });

  test('gives way to the next one, and is good no more once it is deleted or its thing has left the group', async () => {
    const [old, token] = [await make(), await make()];
    expect([await pollsWith(old), await pollsWith(token)]).toEqual([401, 200]);
    await fleet.platform.api.call(removeGroupThing, { params: { groupName: 'hall', thingName: 'lamp-t' } });
    expect(await pollsWith(token)).toBe(401);
    await join();
    expect(await pollsWith(token)).toBe(200);
    await fleet.platform.api.call(removeTargetToken, { params });
    expect(await pollsWith(token)).toBe(401);
    await expect(fleet.platform.api.call(removeTargetToken, { params })).rejects.toMatchObject({
      problem: { code: 'ddi.token_not_found' },
    });
  });

  test('that is deleted while its client downloads cuts that', async () => {
    const { api } = fleet.platform;
    const client = fleet.client({ thingName: 'lamp-t', token: await make() });
    const path = await fleet.release('lamp', '9.0.0', Buffer.alloc(1_000_000));
    await api.call(updateThing, { params, body: { attributes: { ring: 'slow' } } });
    await fleet.campaign(path, { ring: 'slow' });
    const wanted = async () => {
      const { json } = await client.ask(await client.isLinked('deploymentBase'));
      return json as { id: string; deployment: { chunks: readonly { version: string }[] } };
    };
    await expect.poll(async () => (await wanted()).deployment.chunks[0]?.version, patience).toBe('9.0.0');
    const download = client.ask(`softwaremodules/${(await wanted()).id}/artifacts/fw%209.0.0.swu`);
    const cut = expect(download).rejects.toThrow(/aborted|socket hang up|ECONNRESET/);
    const metrics = async () => Buffer.from(await api.call(getMetrics)).toString();
    await expect.poll(metrics, patience).toMatch(/fleetward_downloads\{counter="underWay"\} 1/);
    await api.call(removeTargetToken, { params });
    await cut;
  });

  test('from before a revocation of its thing’s certificate does not bring the device back, nor while that is switched off', async () => {
    const { api } = fleet.platform;
    const { cert } = await fleet.platform.enrol('lamp-r');
    await api.call(addGroupThing, { params: { groupName: 'hall', thingName: 'lamp-r' } });
    const { secret } = await api.call(createTargetToken, { params: { thingName: 'lamp-r' } });
    expect(await pollsWith(secret, 'lamp-r')).toBe(200);
    const certificateId = parseCertificatesPem(cert)[0]!.id;
    const set = (state: 'ACTIVE' | 'INACTIVE') =>
      api.call(setCertificateState, { params: { certificateId }, body: { state } });
    await set('INACTIVE'); // as the detection of clones does
    expect(await pollsWith(secret, 'lamp-r')).toBe(401);
    await set('ACTIVE');
    expect(await pollsWith(secret, 'lamp-r')).toBe(200);
    await api.call(revokeCertificate, { params: { certificateId }, body: { reason: 'keyCompromise' } });
    expect(await pollsWith(secret, 'lamp-r')).toBe(401);
  });
});

test('a revoked device gets nothing more', async () => {
  const certificateId = parseCertificatesPem(devices.b.cert)[0]!.id;
  await fleet.platform.api.call(revokeCertificate, { params: { certificateId }, body: {} });
  await expect(b.ask('')).rejects.toThrow();
  expect(await fleet.denial()).toMatchObject({ cause: 'certificate_revoked', certificateId });
});
