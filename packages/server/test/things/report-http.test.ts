import { parseThingName } from '@fleetward/core';
import { createApiClient, deviceProtocolVersion, sendReport } from '@fleetward/protocol';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Caller } from '../../src/route-handler.ts';
import { deviceReportHandlers } from '../../src/things/index.ts';
import { issueDevice, openPlatform, type Platform } from '../certificates/test-platform.ts';
import { type Listening, listen, makeCertificate, type TestCertificates } from '../http/listening.ts';

const thingName = parseThingName('pump');
let folder: TemporaryFolder;
let platform: Platform;
let listening: Listening;
let caller: Caller;
let tls: TestCertificates;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  await platform.things.create({ name: thingName }, { kind: 'system' });
  tls = await makeCertificate();
  listening = await listen(tls, {
    clock: platform.clock,
    handlers: deviceReportHandlers({ things: platform.things, reported: async () => {} }),
    authenticate: async () => ({ kind: 'accepted', caller }),
  });
});

afterEach(async () => {
  await listening.stop();
  await platform.close();
  folder.remove();
});

async function report(protocolVersion: number): Promise<void> {
  const api = createApiClient({ baseUrl: listening.baseUrl, ca: tls.ca });
  try {
    await api.call(sendReport, { body: { protocolVersion } });
  } finally {
    api.close();
  }
}

test('reports of this protocol and of the two before it are kept, with what each had', async () => {
  const { certificateId } = (await issueDevice(platform, 'pump')).record;
  caller = { kind: 'device', certificateId, thingName };
  const first = {
    installed: { version: '1.2.0', securityVersion: 3, sha256: 'ab'.repeat(32) },
    update: { outcome: 'rolled-back', version: '1.3.0', reason: 'health-check-failed: no', step: 'device' },
  };
  const second = { ...first, agent: { version: '2.0.0', slot: 'a', update: { outcome: 'up-to-date' } } };
  const api = createApiClient({ baseUrl: listening.baseUrl, ca: tls.ca });
  // Each protocol as it was when it was the newest: frozen here, whatever becomes of the schema.
  const third = { ...second, model: { product: 'pump', hardware: 'rev-b' } };
  const reports = [{}, first, second, third].map((report, version) => ({
    protocolVersion: version,
    ...report,
  }));
  expect(reports).toHaveLength(deviceProtocolVersion + 1);
  for (const version of [deviceProtocolVersion - 2, deviceProtocolVersion - 1, deviceProtocolVersion]) {
    if (version < 1) continue; // there was none
    await api.call(sendReport, { body: { protocolVersion: version, ...reports[version] } });
    expect((await platform.things.reports.find(thingName))?.report).toEqual(reports[version]);
  }
  api.close();
});

test('a device reports for the thing its certificate speaks for, and for no other', async () => {
  const { certificateId } = (await issueDevice(platform, 'pump')).record;
  caller = { kind: 'device', certificateId, thingName };
  await report(1);
  expect((await platform.things.reports.find(thingName))?.report).toEqual({ protocolVersion: 1 });
  caller = { kind: 'device', certificateId };
  await expect(report(2)).rejects.toMatchObject({ problem: { code: 'things.not_attached' } });
  expect((await platform.things.reports.find(thingName))?.report).toEqual({ protocolVersion: 1 });
});
