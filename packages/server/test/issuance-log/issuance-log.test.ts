import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type Sha256, toHex } from '@fleetward/core';
import { isConsistent, isTreeHeadSigned, verifyIssuanceProof } from '@fleetward/protocol';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { issueDevice, openPlatform, type Platform, reopened } from '../certificates/test-platform.ts';

let folder: TemporaryFolder;
let platform: Platform;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

async function reopen(): Promise<void> {
  platform = await reopened(platform);
}

async function issueMany(count: number) {
  const issued = [];
  for (let one = 0; one < count; one++) issued.push((await issueDevice(platform, `dev-${one}`)).certificate);
  return issued;
}

/** Changes the records while no platform runs. */
function alter(statement: string): void {
  using records = new DatabaseSync(join(folder.path, 'records.db'));
  records.exec(statement);
}

async function proofOf(certificateId: Parameters<Platform['issuanceLog']['inclusion']>[0], known?: number) {
  const { path, consistency, ...proof } = await platform.issuanceLog.inclusion(certificateId, known);
  const hex = (hashes: readonly Uint8Array[]) => hashes.map((hash) => toHex(hash) as Sha256);
  return {
    ...proof,
    path: hex(path),
    ...(consistency === undefined ? {} : { consistency: hex(consistency) }),
  };
}

describe('the issuance log', () => {
  test('has each issued certificate once, in order, under a signed head', async () => {
    const issued = await issueMany(3);
    const head = await platform.issuanceLog.sequence();
    expect(head.size).toBe(3);
    expect(isTreeHeadSigned(head, platform.issuanceLog.publicKey)).toBe(true);
    const entries = await platform.issuanceLog.entries({ from: 0, limit: 10 });
    expect(entries.map(({ index }) => index)).toEqual([0, 1, 2]);
    expect(new Set(entries.map(({ certificateId }) => certificateId))).toEqual(
      new Set(issued.map(({ id }) => id)),
    );
    for (const { id } of issued) {
      const trust = { publicKey: platform.issuanceLog.publicKey, certificateId: id };
      expect(verifyIssuanceProof(await proofOf(id), trust)).toEqual({ kind: 'proven' });
    }
    expect(await platform.issuanceLog.waiting()).toEqual({ count: 0 });
  });

  test('a certificate waits from its own transaction on, also over a crash before its entry', async () => {
    const [certificate] = await issueMany(1);
    expect(await platform.issuanceLog.waiting()).toMatchObject({ count: 1 });
    await expect(platform.issuanceLog.inclusion(certificate!.id)).rejects.toMatchObject({
      code: 'issuance_log.not_logged',
    });
    await reopen();
    expect((await platform.issuanceLog.sequence()).size).toBe(1);
    expect((await platform.issuanceLog.inclusion(certificate!.id)).entry.index).toBe(0);
  });

  test('goes on after a restart from the head that was signed', async () => {
    await issueMany(2);
    const before = await platform.issuanceLog.sequence();
    await reopen();
    expect(platform.issuanceLog.head).toEqual(before);
    const [newcomer] = await issueMany(1);
    const after = await platform.issuanceLog.sequence();
    const trust = { publicKey: platform.issuanceLog.publicKey, certificateId: newcomer!.id, known: before };
    expect(verifyIssuanceProof(await proofOf(newcomer!.id, before.size), trust)).toEqual({ kind: 'proven' });
    const { path } = await platform.issuanceLog.consistency(before.size);
    const [from, to] = [before, after].map(({ size, rootHash }) => ({
      size,
      root: Buffer.from(rootHash, 'hex'),
    })) as [never, never];
    expect(isConsistent({ from, to, path })).toBe(true);
  });

  test('keeps what racing callers issued, one batch after the other, also beyond a kept level', async () => {
    const many = Array.from({ length: 300 }, (_, one) => issueDevice(platform, `many-${one}`));
    const sequencing = Array.from({ length: 5 }, () => platform.issuanceLog.sequence());
    const issued = await Promise.all(many);
    await Promise.all(sequencing);
    const head = await platform.issuanceLog.sequence();
    expect(head.size).toBe(300);
    for (const { certificate } of issued.slice(0, 20)) {
      const trust = { publicKey: platform.issuanceLog.publicKey, certificateId: certificate.id };
      expect(verifyIssuanceProof(await proofOf(certificate.id), trust)).toEqual({ kind: 'proven' });
    }
    await reopen();
    expect(platform.issuanceLog.head).toEqual(head);
  }, 60_000);

  test('a head is signed again when it is old, also when nothing was issued', async () => {
    await issueMany(1);
    const first = await platform.issuanceLog.sequence();
    expect(await platform.issuanceLog.sequence()).toBe(first);
    platform.clock.advance(3_600_001);
    const second = await platform.issuanceLog.sequence();
    expect(second).toMatchObject({ size: first.size, rootHash: first.rootHash });
    expect(second.at).toBeGreaterThan(first.at);
  });

  test.for([
    ['an entry was removed', 'DELETE FROM issuance_log_entries WHERE log_index = 1'],
    ['an entry was changed', 'UPDATE issuance_log_entries SET at_ms = at_ms + 1 WHERE log_index = 0'],
    ['the head was changed', 'UPDATE issuance_log_heads SET at_ms = at_ms + 1'],
  ])('does not open when %s behind its back', async ([, statement]) => {
    await issueMany(3);
    await platform.issuanceLog.sequence();
    const { keys, clock } = platform;
    await platform.close();
    alter(statement!);
    await expect(openPlatform({ folder: folder.path, keys, clock })).rejects.toMatchObject({
      code: 'issuance_log.damaged',
    });
    folder.remove();
    folder = temporaryFolder();
    platform = await openPlatform({ folder: folder.path });
  });

  test('says that it never had so many entries', async () => {
    await issueMany(1);
    await platform.issuanceLog.sequence();
    await expect(platform.issuanceLog.consistency(2)).rejects.toMatchObject({ code: 'issuance_log.size' });
  });
});
