import { getArtifact, getUploadState, listArtifacts, putArtifact } from '@fleetward/protocol';
import { needsRoot } from '@fleetward/testkit';
import { startTestPlatform } from '@fleetward/testkit/platform';
import { expect, test } from 'vitest';
import { ApiSession } from './api-session.ts';
import { kill, serve } from './platform-process.ts';
import { engineerOf, newFirmware, publish } from './release.ts';
import { onSmallDisk } from './small-disk.ts';

const pieceBytes = 5_000;
const piecesPerRound = 6;

test('kill -9 in the middle of an upload: what was told to be there is gone on with, and becomes a release', {
  timeout: 120_000,
}, async () => {
  await using session = await ApiSession.start();
  const firmware = newFirmware();
  const params = { sha256: firmware.sha256 };
  const told = async () => (await session.api.call(getUploadState, { params })).receivedBytes;
  let fromByte = 0;
  for (let round = 0; round < 3; round++) {
    const killed = Promise.withResolvers<void>();
    async function* some(): AsyncGenerator<Uint8Array> {
      for (let at = fromByte, piece = 0; piece < piecesPerRound; at += pieceBytes, piece++)
        yield firmware.bytes.subarray(at, at + pieceBytes);
      await killed.promise;
    }
    const query = fromByte === 0 ? {} : { fromByte };
    const upload = session.api.call(putArtifact, { params, query, body: some() }).catch(() => 'broken off');
    const before = fromByte;
    await expect.poll(told, { timeout: 20_000 }).toBeGreaterThan(before);
    const atLeast = await told();
    await kill(session.child);
    killed.resolve();
    expect(await upload).toBe('broken off');
    session.restart(await serve(session.settings));
    fromByte = await told();
    expect(fromByte).toBeGreaterThanOrEqual(atLeast);
    expect(fromByte).toBeLessThan(firmware.bytes.length);
    const { artifacts, unfinished } = await session.api.call(listArtifacts);
    expect({ artifacts, unfinished }).toMatchObject({ artifacts: [], unfinished: [params] });
    await expect(session.api.call(getArtifact, { params })).rejects.toMatchObject({
      problem: { status: 404 },
    });
  }
  const rest = { params, query: { fromByte }, body: firmware.bytes.subarray(fromByte) };
  expect(await session.api.call(putArtifact, rest)).toMatchObject({ lengthBytes: firmware.bytes.length });
  await publish(session.api, { engineer: await engineerOf(session.api), version: 1, firmware });
  expect(await session.api.call(listArtifacts)).toMatchObject({
    artifacts: [{ ...params, paths: [expect.stringContaining('app.bin')] }],
    unfinished: [],
  });
});

needsRoot().describe('on a small disk', () => {
  test('an upload that fills it is refused in words, nothing of it stays, and the platform goes on', async () => {
    await onSmallDisk(24, async () => {
      await using platform = await startTestPlatform();
      const { api } = platform;
      const small = newFirmware();
      const store = { params: { sha256: small.sha256 }, body: small.bytes };
      async function* large(): AsyncGenerator<Uint8Array> {
        for (let piece = 0; piece < 40; piece++) yield new Uint8Array(1_048_576).fill(piece);
      }
      const full = api.call(putArtifact, { params: { sha256: 'ab'.repeat(32) }, body: large() });
      await expect(full).rejects.toMatchObject({
        problem: {
          status: 507,
          code: 'releases.storage_full',
          detail: expect.stringContaining('free some space'),
        },
      });
      expect(await api.call(listArtifacts)).toEqual({ artifacts: [], unfinished: [] });
      await api.call(putArtifact, store);
      const engineer = await engineerOf(api);
      await publish(api, { engineer, version: 1, firmware: small });
      await platform.restart();
      expect((await platform.api.call(listArtifacts)).artifacts).toMatchObject([
        { ...store.params, paths: [expect.stringContaining('app.bin')] },
      ]);
    });
  });
});
