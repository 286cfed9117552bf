import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import {
  addGroupThing,
  createGroup,
  createPolicy,
  getCampaign,
  getJob,
  getJobExecution,
  updateThing,
} from '@fleetward/protocol';
import { needs, openssl, type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import type { TestDevice } from '@fleetward/testkit/platform';
import { iotjobs } from 'aws-iot-device-sdk-v2';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { DdiFleet, patience } from '../ddi/ddi-fleet.ts';
import { Board, boardPolicy, type OtaFile, readOtaDocument } from './board.ts';

const image = randomBytes(300_123);

let fleet: DdiFleet;
let folder: TemporaryFolder;
let device: TestDevice;

/** The firmware engineer's key, and the certificate that boards are shipped with. */
async function makeSigner(): Promise<void> {
  const key = ['-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc', '-keyout', folder.join('signer.key')];
  const subject = ['-subj', '/CN=signer', '-out', folder.join('signer.crt')];
  await openssl(['req', '-x509', '-newkey', 'ec', ...key, ...subject]);
  await openssl([
    'x509',
    '-in',
    folder.join('signer.crt'),
    '-pubkey',
    '-noout',
    '-out',
    folder.join('signer.pub'),
  ]);
}

async function publish(version: string, bytes: Buffer): Promise<string> {
  writeFileSync(folder.join('image'), bytes);
  await openssl([
    'dgst',
    '-sha256',
    '-sign',
    folder.join('signer.key'),
    '-out',
    folder.join('sig'),
    folder.join('image'),
  ]);
  const signature = readFileSync(folder.join('sig'));
  return fleet.release('board', version, bytes, { awsOta: { signature, certFile: 'signer.crt' } });
}

/** As the board does: with the certificate of that name, over what it downloaded. */
async function isGood({ certFile, signature }: OtaFile, bytes: Buffer): Promise<boolean> {
  writeFileSync(folder.join('got'), bytes);
  writeFileSync(folder.join('got.sig'), signature);
  const key = folder.join(certFile.replace('.crt', '.pub'));
  return openssl([
    'dgst',
    '-sha256',
    '-verify',
    key,
    '-signature',
    folder.join('got.sig'),
    folder.join('got'),
  ]).then(
    () => true,
    () => false,
  );
}

needs('openssl', 'openssl').describe('a board with the AWS IoT Device SDK v2', () => {
  beforeAll(async () => {
    folder = temporaryFolder('fleetward-board-');
    await makeSigner();
    fleet = await DdiFleet.start({ jobs: { otaGroups: ['boards'] } });
    const { api } = fleet.platform;
    await api.call(createPolicy, { body: { policyName: 'boards', document: boardPolicy } });
    await api.call(createGroup, { body: { groupName: 'boards' } });
    device = await fleet.platform.enrol('board', { policies: ['boards'] });
    await api.call(addGroupThing, { params: { groupName: 'boards', thingName: 'board' } });
    await api.call(updateThing, { params: { thingName: 'board' }, body: { attributes: { site: 'a' } } });
  });
  afterAll(async () => {
    await fleet?.platform.stop();
    folder?.remove();
  });

  async function onBoard<Result>(work: (board: Board) => Promise<Result>): Promise<Result> {
    const board = await Board.connect(fleet.platform, device);
    try {
      return await work(board);
    } finally {
      await board.close();
    }
  }

  test('is told of the update by a campaign, fetches it, checks it, tests itself, and the campaign is done', async () => {
    const path = await publish('2.0.0', image);
    const campaignId = await onBoard(async (board) => {
      const next = board.nextJob();
      const id = await fleet.campaign(path, { site: 'a' });
      const { jobId = '', jobDocument } = await next;
      expect(jobId).toBe(`AFR_OTA-${id}`);
      const file = readOtaDocument(jobDocument)!;
      await board.say(jobId, iotjobs.model.JobStatus.IN_PROGRESS, { receive: '0/74' });
      await fleet.reaches(id, 'DOWNLOADING');
      const got = await board.download(file);
      expect(got.equals(image)).toBe(true);
      expect(await isGood(file, got)).toBe(true);
      expect(await isGood(file, Buffer.from(got).fill(0, 0, 1))).toBe(false);
      await board.say(jobId, iotjobs.model.JobStatus.IN_PROGRESS, { self_test: 'ready' });
      await fleet.reaches(id, 'INSTALLING');
      return id;
    });
    // It starts again into the new image, and finds the job where it was.
    await onBoard(async (board) => {
      const { jobId = '', status } = await board.nextJob();
      expect([jobId, status]).toEqual([`AFR_OTA-${campaignId}`, 'IN_PROGRESS']);
      await board.say(jobId, iotjobs.model.JobStatus.IN_PROGRESS, { self_test: 'active' });
      await fleet.reaches(campaignId, 'AWAITING_CONFIRMATION');
      await board.say(jobId, iotjobs.model.JobStatus.SUCCEEDED, { reason: 'accepted' });
    });
    await fleet.reaches(campaignId, 'SUCCEEDED');
    await fleet.ends(campaignId);
    expect(await fleet.report('board')).toMatchObject({
      protocol: 'aws-ota',
      installed: { version: '2.0.0', securityVersion: 1 },
      update: { outcome: 'confirmed' },
    });
    const params = { jobId: `AFR_OTA-${campaignId}` };
    const state = async () => (await fleet.platform.api.call(getJob, { params })).state;
    await expect.poll(state, patience).toBe('COMPLETED');
  });

  test('that finds the image bad fails, and so does its campaign, with the words of the board', async () => {
    const campaignId = await fleet.campaign(await publish('2.1.0', randomBytes(5_000)), { site: 'a' });
    await onBoard(async (board) => {
      const { jobId = '' } = await board.nextJob();
      await board.say(jobId, iotjobs.model.JobStatus.FAILED, { reason: 'aborted: 0x25000001' });
    });
    await fleet.reaches(campaignId, 'FAILED');
    expect(await fleet.actions(campaignId)).toMatchObject([
      { cause: 'client-failure', explanation: 'reason: aborted: 0x25000001' },
    ]);
  });

  test('that has not begun when its campaign is cancelled has no job any more', async () => {
    const campaignId = await fleet.campaign(await publish('2.2.0', randomBytes(5_000)), { site: 'a' });
    await fleet.reaches(campaignId, 'OFFERED');
    await fleet.step(campaignId, 'cancel');
    await onBoard(async (board) => {
      const { execution } = await board.jobs.startNextPendingJobExecution({ thingName: 'board' });
      expect(execution).toBeUndefined();
    });
    const { api } = fleet.platform;
    const ended = async () => (await api.call(getCampaign, { params: { campaignId } })).endedAtMs;
    await expect.poll(ended, patience).toBeDefined();
    const params = { jobId: `AFR_OTA-${campaignId}`, thingName: 'board' };
    // It may have been cancelled before it came to be a job.
    const status = async () => (await api.call(getJobExecution, { params }).catch(() => undefined))?.status;
    await expect.poll(status, patience).not.toBe('QUEUED');
  });
});
