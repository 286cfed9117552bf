import { copyFileSync, existsSync, readdirSync, rmSync } from 'node:fs';
import { Readable } from 'node:stream';
import { createJoinToken, getCertificate, listMetadata, revokeCertificate } from '@fleetward/protocol';
import {
  createMemoryStore,
  createUpdateClient,
  type Fetcher,
  installRoot,
  type TrustedStore,
} from '@fleetward/updates';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { type Enrolled, enrol, getAs, newApplicant } from './device.ts';
import { serve } from './platform-process.ts';
import { engineerOf, newFirmware, publish, store } from './release.ts';
import { currentCrl, verifiedTrail } from './whole.ts';

/** Stops the platform in order, does something to its files, and starts it again. */
async function between(session: ApiSession, work: () => void): Promise<void> {
  await session.child.stop();
  work();
  session.restart(await serve(session.settings));
}

async function versions(session: ApiSession): Promise<Readonly<Record<string, number>>> {
  const { roles } = await session.api.call(listMetadata);
  return Object.fromEntries(roles.map(({ name, version }) => [name, version]));
}

async function revoke(session: ApiSession, { certificateId }: Enrolled): Promise<void> {
  await session.api.call(revokeCertificate, { params: { certificateId }, body: {} });
}

/** A device's store that trusts the root. */
async function trusting(root: Uint8Array): Promise<TrustedStore> {
  const empty = createMemoryStore();
  await installRoot(empty, root);
  return empty;
}

/** Reads the repository as the device does, from the process that runs then. */
function fetcherOf(session: ApiSession, device: Enrolled): Fetcher {
  return {
    fetch: async (path) => {
      const { status, body } = await getAs(session, device, `/tuf/${path}`);
      if (status === 404) return { kind: 'absent' };
      if (status !== 200) return { kind: 'unreachable', explanation: `status ${status}` };
      return { kind: 'stream', chunks: Readable.from([body]) };
    },
  };
}

test('a database restored from a backup brings no certificate back, and CRL and metadata numbers only rise', {
  timeout: 90_000,
}, async () => {
  await using session = await ApiSession.start();
  const { folder } = session;
  const records = folder.join('data', 'records.db');
  const body = { namePattern: 'dev-*', usesMax: 10 };
  const { secret } = await session.api.call(createJoinToken, { body });
  const enrolNew = async (name: string) => enrol(session, await newApplicant(folder, name), secret);
  const [known, kept] = [await enrolNew('dev-known'), await enrolNew('dev-kept')];
  const engineer = await engineerOf(session.api);
  const [first, second] = [newFirmware(), newFirmware()];
  await store(session.api, first);
  await publish(session.api, { engineer, version: 1, firmware: first });
  await between(session, () => copyFileSync(records, folder.join('backup.db')));

  const afterBackup = await enrolNew('dev-after-backup');
  await store(session.api, second);
  await publish(session.api, { engineer, version: 2, firmware: second });
  for (const device of [known, afterBackup]) await revoke(session, device);
  const device = createUpdateClient({
    fetcher: fetcherOf(session, kept),
    store: await trusting(await engineer.root(1)),
    clock: { now: Date.now },
  });
  expect(await device.refresh()).toMatchObject({ kind: 'updated' });
  const crl = await currentCrl(session);
  expect(crl.revoked.size).toBe(2);
  const before = await versions(session);
  // Metadata versions count in seconds: a restore takes longer than they may be ahead of the clock.
  await expect
    .poll(() => Date.now() / 1000, { timeout: 10_000 })
    .toBeGreaterThan(Math.max(...Object.values(before)) + 1);

  await between(session, () => {
    for (const name of readdirSync(folder.join('data')).filter((file) => file.startsWith('records.db')))
      rmSync(folder.join('data', name));
    copyFileSync(folder.join('backup.db'), records);
    expect(existsSync(folder.join('data', 'revocations.jsonl'))).toBe(true);
  });

  const { certificateId } = known;
  const shown = await session.api.call(getCertificate, { params: { certificateId } });
  expect(shown.state).toBe('REVOKED');
  for (const revoked of [known, afterBackup])
    expect((await getAs(session, revoked, '/tuf/metadata/timestamp.json')).status).toBe(0);
  expect((await getAs(session, kept, '/tuf/metadata/timestamp.json')).status).toBe(200);
  const restored = await currentCrl(session);
  expect(restored.number).toBeGreaterThan(crl.number);
  expect([...restored.revoked.keys()].toSorted()).toEqual([...crl.revoked.keys()].toSorted());
  const trail = await verifiedTrail(session.api);
  expect(trail.values('certificate.revoked', 'replayedFromJournal')).toEqual([true]);
  await expect.poll(async () => (await versions(session)).timestamp).toBeGreaterThan(before.timestamp!);

  // What devices have seen is published again: they follow, though the database never knew it.
  await store(session.api, second);
  await publish(session.api, { engineer, version: 2, firmware: second });
  expect((await versions(session)).snapshot).toBeGreaterThan(before.snapshot!);
  expect(await device.refresh()).toMatchObject({ kind: 'updated' });
});
