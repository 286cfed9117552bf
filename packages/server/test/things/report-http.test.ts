import { parseThingName } from '@fleetward/core';
import { createApiClient, sendReport } from '@fleetward/protocol';
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
    handlers: deviceReportHandlers(platform.things),
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

test('a device reports for the thing its certificate speaks for, and for no other', async () => {
  const { certificateId } = (await issueDevice(platform, 'pump')).record;
  caller = { kind: 'device', certificateId, thingName };
  await report(1);
  expect((await platform.things.findReport(thingName))?.report).toEqual({ protocolVersion: 1 });
  caller = { kind: 'device', certificateId };
  await expect(report(2)).rejects.toMatchObject({ problem: { code: 'things.not_attached' } });
  expect((await platform.things.findReport(thingName))?.report).toEqual({ protocolVersion: 1 });
});
