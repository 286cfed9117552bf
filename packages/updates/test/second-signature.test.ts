import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Updater } from 'tuf-js';
import { describe, expect, it } from 'vitest';
import { parseSecond, secondBytes } from '../src/metadata/second-signature.ts';
import { signerOf } from '../src/release-signer.ts';
import { describeTarget } from '../src/repository/describe-target.ts';
import type { RootRoles } from '../src/repository/draft.ts';
import {
  addToRelease,
  expireRelease,
  initRelease,
  isComplete,
  type ReleaseFolder,
  readRoles,
  readUpload,
  rotateRelease,
  signRelease,
} from '../src/repository/release-folder.ts';
import { verifyReleaseFolder } from '../src/repository/verify-folder.ts';
import {
  chunks,
  dayMs,
  fakeClock,
  fastKeys,
  fileOf,
  lampRelease,
  newDevice,
  rolesOf,
  startMs,
  TestRepository,
} from './kit.ts';

const newSecond = () => signerOf(generateKeyPairSync('ml-dsa-65').privateKey, 'ml-dsa-65');
const keys = fastKeys();
const second = newSecond();
const roles: RootRoles = { ...rolesOf(keys), mldsa65: { publicKeys: [second.publicKey], threshold: 1 } };
const firstSigners = [...keys.root, ...keys.targets];
const targetsSecond = 'metadata/2.targets.json.mldsa65';

/** A folder with one release, published by a platform, and a device that trusts its root. */
async function published(clock = fakeClock(), by = roles) {
  const files = new Map<string, Uint8Array>();
  const folder: ReleaseFolder = {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  const expiresMs = clock.now() + 90 * dayMs;
  await initRelease(folder, { roles: by, rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs });
  const content = chunks(fileOf('lamp'));
  const target = await describeTarget('lamp/1.img', { content, custom: lampRelease('1.0.0', 1) });
  await addToRelease(folder, { target, expiresMs });
  await signRelease(folder, [...firstSigners, ...(by.mldsa65 ? [second] : [])]);
  const repository = new TestRepository(keys, clock);
  expect(await repository.upload(await readUpload(folder, 0))).toMatchObject({ kind: 'published' });
  repository.firstRoot = files.get('1.root.json')!;
  const { client } = await newDevice(repository);
  return { files, folder, repository, client, expiresMs };
}

describe('a root that names an ML-DSA-65 key', () => {
  it('has devices demand both signatures, and take what has them', async () => {
    const { repository, client } = await published();
    expect(repository.files.has(targetsSecond)).toBe(true);
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { targets: 2 } });
    repository.files.delete(targetsSecond); // it is kept with what it signs
    expect(await client.refresh()).toMatchObject({ kind: 'current' });
  });

  it.each([
    ['is missing', () => undefined, 'missing'],
    [
      'is of a stranger',
      async (canonical: Uint8Array, id: string) =>
        secondBytes(new Map([[id, await newSecond().sign(canonical)]])),
      'below-threshold',
    ],
    [
      'is of something else',
      async (_: Uint8Array, id: string) => secondBytes(new Map([[id, await second.sign(fileOf('else'))]])),
      'below-threshold',
    ],
    ['is no signature', () => fileOf('{"signatures":[{"keyid":"a","sig":"00"}]}'), 'below-threshold'],
    ['is empty', () => fileOf('{"signatures":[]}'), 'below-threshold'],
    ['is too large', () => new Uint8Array(128 * 1024 + 1), 'too-long'],
  ])('has devices refuse a list whose second signature %s', async (_, forge, reason) => {
    const { repository, client } = await published();
    const [id] = [...parseSecond(repository.files.get(targetsSecond)!).keys()];
    const bytes = await forge(fileOf('canonical'), id!);
    if (bytes === undefined) repository.files.delete(targetsSecond);
    else repository.files.set(targetsSecond, bytes);
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.6.3',
      subject: 'targets',
      reason,
    });
    expect(() => client.targets()).toThrow(/no refresh has succeeded/);
  });

  it('is not content with the second signature alone, nor with the first', async () => {
    const { folder, repository, expiresMs } = await published();
    await expireRelease(folder, { paths: [], expiresMs });
    await signRelease(folder, [second]);
    const alone = await signRelease(folder, []);
    expect(alone).toMatchObject({ targets: { isMet: false }, second: { targets: { isMet: true } } });
    expect(isComplete(alone)).toBe(false);
    expect(await repository.upload(await readUpload(folder, 1))).toMatchObject({ reason: 'below-threshold' });
    await expireRelease(folder, { paths: [], expiresMs });
    const without = await signRelease(folder, firstSigners);
    expect(without).toMatchObject({ targets: { isMet: true }, second: { targets: { isMet: false } } });
    expect(isComplete(without)).toBe(false);
    expect(await repository.upload(await readUpload(folder, 1))).toMatchObject({
      kind: 'refused',
      step: '5.6.3',
      explanation: '0 of 1 needed ML-DSA-65 keys of root 1 signed it',
    });
  });

  it('is followed by a root that its ML-DSA-65 key signed, and by no other', async () => {
    const { files, folder, repository, client, expiresMs } = await published();
    await client.refresh();
    const other = newSecond();
    const mldsa65 = { publicKeys: [other.publicKey], threshold: 1 };
    await rotateRelease(folder, { roles: { ...(await readRoles(folder)), mldsa65 }, expiresMs });
    await signRelease(folder, [...firstSigners, other]);
    const half = await readUpload(folder, 1);
    expect(await repository.upload(half)).toMatchObject({ kind: 'refused', step: '5.3.4', subject: 'root' });
    repository.files.set('metadata/2.root.json', half.roots[0]!);
    repository.files.set('metadata/2.root.json.mldsa65', half.second!.get('2.root.json')!);
    expect(await client.refresh()).toMatchObject({
      kind: 'refused',
      step: '5.3.4',
      reason: 'below-threshold',
    });
    const status = await signRelease(folder, [second]);
    expect(isComplete(status)).toBe(true);
    expect(await repository.upload(await readUpload(folder, 1))).toMatchObject({ kind: 'published' });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2, targets: 3 } });
    const verdict = await verifyReleaseFolder(folder, {
      trustedRoot: repository.firstRoot,
      clock: repository.clock,
    });
    expect(verdict).toMatchObject({ problems: [], root: 2 });
    files.delete('2.root.json.mldsa65');
    files.delete('targets.json.mldsa65');
    const spoilt = await verifyReleaseFolder(folder, {
      trustedRoot: repository.firstRoot,
      clock: repository.clock,
    });
    expect(spoilt.problems).toMatchObject([
      { step: '5.3.4', subject: 'root' },
      { step: '5.6.3', subject: 'targets' },
    ]);
  });

  it('may be the successor of one that named none', async () => {
    const { folder, repository, client, expiresMs } = await published(fakeClock(), rolesOf(keys));
    await client.refresh();
    await rotateRelease(folder, { roles, expiresMs });
    await signRelease(folder, [...firstSigners, second]);
    expect(await repository.upload(await readUpload(folder, 1))).toMatchObject({ kind: 'published' });
    expect(await client.refresh()).toMatchObject({ kind: 'updated', versions: { root: 2, targets: 3 } });
    expect(await repository.renew()).toMatchObject({ kind: 'published' });
  });

  it('keeps strangers and keys of other kinds out of the second role', async () => {
    const { folder } = await published();
    await expect(signRelease(folder, [newSecond()])).rejects.toThrow(/does not name the ML-DSA-65 key/);
    const classical = { publicKeys: [keys.root[0]!.publicKey], threshold: 1 };
    const expiresMs = startMs + dayMs;
    await expect(
      rotateRelease(folder, { roles: { ...roles, mldsa65: classical }, expiresMs }),
    ).rejects.toThrow(/not an ML-DSA-65 key/);
    const root = { publicKeys: [second.publicKey], threshold: 1 };
    await expect(rotateRelease(folder, { roles: { ...roles, root }, expiresMs })).rejects.toMatchObject({
      code: 'updates.key_invalid',
    });
  });

  it('does not disturb tuf-js, which knows nothing of it', async () => {
    const { repository } = await published(fakeClock(Date.now()));
    const folder = await mkdtemp(join(tmpdir(), 'fleetward-second-'));
    const server = createServer((request, response) => {
      const bytes = repository.files.get((request.url ?? '').slice(1));
      response.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await writeFile(join(folder, 'root.json'), repository.firstRoot);
    const client = new Updater({
      metadataDir: folder,
      metadataBaseUrl: `${url}/metadata`,
      targetDir: folder,
      targetBaseUrl: `${url}/targets`,
      config: { fetchRetry: 0 },
    });
    await client.refresh();
    expect((await client.getTargetInfo('lamp/1.img'))?.length).toBe(4);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await rm(folder, { recursive: true });
  });
});
