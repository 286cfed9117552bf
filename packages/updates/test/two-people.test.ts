import { createHash } from 'node:crypto';
import { parseSha256 } from '@fleetward/core';
import { describe, expect, it } from 'vitest';
import { signedBytes, tufTime } from '../src/metadata/sign.ts';
import { makePatch } from '../src/patches/patch.ts';
import { describeTarget } from '../src/repository/describe-target.ts';
import { patchRelease } from '../src/repository/patch-release.ts';
import { describeChange } from '../src/repository/release-change.ts';
import {
  addToRelease,
  expireRelease,
  initRelease,
  type ReleaseFolder,
  readUpload,
  rotateRelease,
  signRelease,
  steadyFolder,
} from '../src/repository/release-folder.ts';
import { verifyReleaseFolder } from '../src/repository/verify-folder.ts';
import {
  chunks,
  dayMs,
  fakeClock,
  fileOf,
  type Keys,
  lampRelease,
  newKeys,
  newSigner,
  rolesOf,
  signedPart,
  startMs,
} from './kit.ts';

const expiresMs = startMs + 90 * dayMs;
const rootExpiresMs = startMs + 365 * dayMs;

interface Story {
  readonly folder: ReleaseFolder;
  readonly files: Map<string, Uint8Array>;
  readonly artifacts: Map<string, Uint8Array>;
  readonly keys: Keys;
  add(path: string, content: string, custom?: ReturnType<typeof lampRelease>): Promise<void>;
  /** By enough of everybody. */
  sign(keys?: Keys): Promise<void>;
  root(version?: number): Uint8Array;
}

const everybody = newKeys();

/** A folder whose first release everybody signed. */
async function startedFolder(keys = everybody): Promise<Story> {
  const files = new Map<string, Uint8Array>();
  const artifacts = new Map<string, Uint8Array>();
  const folder: ReleaseFolder = {
    read: async (name) => files.get(name),
    write: async (name, bytes) => void files.set(name, bytes),
  };
  const story: Story = {
    folder,
    files,
    artifacts,
    keys,
    add: async (path, content, custom = lampRelease(`${/\d/.exec(path)?.[0] ?? 9}.0.0`, 1)) => {
      const bytes = fileOf(content);
      const target = await describeTarget(path, { content: chunks(bytes), custom });
      artifacts.set(target.sha256, bytes);
      await addToRelease(folder, { target, expiresMs, isReplaced: true });
    },
    sign: async (by = keys) => void (await signRelease(folder, [...by.root, ...by.targets.slice(0, 2)])),
    root: (version = 1) => files.get(`${version}.root.json`)!,
  };
  await initRelease(folder, { roles: rolesOf(keys), rootExpiresMs, targetsExpiresMs: expiresMs });
  await story.add('lamp/1.img', 'lamp 1');
  await story.sign();
  return story;
}

const paths = (targets: readonly { readonly path: string }[] | undefined) => targets?.map(({ path }) => path);

describe('what a co-signer is shown', () => {
  it('is what a release adds, removes and changes, and nothing that was complete before', async () => {
    const { folder, add, sign, root } = await startedFolder();
    await add('lamp/2.img', 'lamp 2', lampRelease('2.0.0', 1));
    await sign();
    expect(await describeChange(folder, root())).toEqual({});
    await add('lamp/3.img', 'lamp 3', lampRelease('3.0.0', 1));
    await add('lamp/2.img', 'lamp 2, other bytes', lampRelease('2.0.0', 1));
    await expireRelease(folder, { paths: ['lamp/1.img'], expiresMs });
    const { root: rootChange, targets } = await describeChange(folder, root());
    expect(rootChange).toBeUndefined();
    expect([paths(targets?.added), paths(targets?.removed)]).toEqual([['lamp/3.img'], ['lamp/1.img']]);
    expect(targets?.changed).toMatchObject([{ before: { length: 6 }, after: { length: 19 } }]);
  });

  it('tells a release whose custom field alone was changed', async () => {
    const { folder, add, root } = await startedFolder();
    await add('lamp/1.img', 'lamp 1', lampRelease('1.0.0', 0));
    const { targets } = await describeChange(folder, root());
    expect(targets?.changed).toMatchObject([
      { before: { custom: { securityVersion: 1 } }, after: { custom: { securityVersion: 0 } } },
    ]);
  });

  it('is everything, when he brings no root of his own', async () => {
    const { folder, add } = await startedFolder();
    await add('lamp/2.img', 'lamp 2');
    const { root, targets } = await describeChange(folder);
    expect(root?.roles.map(({ role }) => role).sort()).toEqual(['root', 'snapshot', 'targets', 'timestamp']);
    expect(paths(targets?.added)).toEqual(['lamp/1.img', 'lamp/2.img']);
  });

  it('is not hidden by a list that pretends to be signed before, nor by another root', async () => {
    const { folder, files, add, keys, root } = await startedFolder();
    const honest = root();
    await add('evil.img', 'evil');
    const evil = signedPart(files.get('targets.json'));
    files.set('signed-targets.json', await signedBytes(evil, keys.targets.slice(0, 1)));
    expect(paths((await describeChange(folder, honest)).targets?.added)).toContain('evil.img');

    // A root of the attacker's, which needs nobody but him and the key that is about to sign.
    const forged = await startedFolder({
      ...keys,
      root: [newSigner()],
      targets: [newSigner(), keys.targets[0]!],
    });
    for (const name of ['1.root.json', 'root.json']) files.set(name, forged.root());
    files.set('signed-targets.json', await signedBytes(evil, forged.keys.targets));
    const change = await describeChange(folder, honest);
    expect(change.root?.roles.flatMap(({ added }) => added).length).toBeGreaterThan(0);
    expect(paths(change.targets?.added)).toContain('evil.img');
  });

  it('tells which list it is compared with: an older complete one hides what was withdrawn since', async () => {
    const { folder, files, add, sign, root } = await startedFolder();
    const older = files.get('signed-targets.json')!;
    await expireRelease(folder, { paths: ['lamp/1.img'], expiresMs });
    await sign();
    await add('lamp/1.img', 'lamp 1');
    files.set('signed-targets.json', older);
    const { targets } = await describeChange(folder, root());
    expect(targets).toMatchObject({ version: 4, versionBefore: 2, added: [] });
  });

  it('is whatever else of the list is new: keys that are to speak for it', async () => {
    const { folder, files, keys, root } = await startedFolder();
    const signed = signedPart(files.get('targets.json'));
    const evil = { name: 'evil', keyids: [], threshold: 1, terminating: true, paths: ['*'] };
    const delegations = { keys: {}, roles: [evil] };
    const next = { ...signed, version: 3, delegations, note: 'hello' };
    files.set('targets.json', await signedBytes(next, keys.targets.slice(0, 1)));
    const { targets } = await describeChange(folder, root());
    expect(targets?.others).toEqual([
      { member: 'delegations', after: delegations },
      { member: 'note', after: 'hello' },
    ]);
  });

  it('is the keys and thresholds that a root changes', async () => {
    const { folder, keys, root } = await startedFolder();
    const next = { ...keys, targets: [keys.targets[0]!, newSigner()] };
    await rotateRelease(folder, { roles: rolesOf(next, { targets: 1 }), expiresMs: rootExpiresMs });
    const { root: change } = await describeChange(folder, root());
    expect(change).toMatchObject({
      version: 2,
      roles: [{ role: 'targets', threshold: 1, thresholdBefore: 2 }],
    });
    expect([change?.roles[0]?.added.length, change?.roles[0]?.removed.length]).toEqual([1, 2]);
  });

  it('refuses a root that is none', async () => {
    const { folder } = await startedFolder();
    await expect(describeChange(folder, fileOf('{}'))).rejects.toThrow(/the trusted root is none/);
  });

  it('is what he signs, though the folder changes in between', async () => {
    const { folder, files, add, keys, root } = await startedFolder();
    await add('lamp/2.img', 'lamp 2');
    const seen = steadyFolder(folder);
    await describeChange(seen, root());
    await add('evil.img', 'evil');
    await signRelease(seen, keys.targets.slice(0, 1));
    expect(Object.keys(signedPart(files.get('targets.json')).targets)).toEqual(['lamp/1.img', 'lamp/2.img']);
  });
});

describe('expiring', () => {
  it('withdraws releases and sets a new end, as the next version that has to be signed', async () => {
    const { folder, files, add, sign } = await startedFolder();
    await add('lamp/2.img', 'lamp 2');
    await sign();
    const soon = startMs + dayMs;
    await expireRelease(folder, { paths: ['lamp/1.img'], expiresMs: soon });
    const signed = signedPart(files.get('targets.json'));
    expect(signed).toMatchObject({ version: 4, expires: tufTime(soon) });
    expect(Object.keys(signed.targets)).toEqual(['lamp/2.img']);
    expect(await signRelease(folder, [])).toMatchObject({ targets: { isMet: false, valid: 0 } });
    const unknown = expireRelease(folder, { paths: ['lamp/2.img', 'toString'], expiresMs });
    await expect(unknown).rejects.toMatchObject({ code: 'updates.target_invalid' });
    expect(signedPart(files.get('targets.json')).version).toBe(4);
  });
});

describe('rotating', () => {
  it('has the list signed anew by whoever signs lists now, and leaves it alone otherwise', async () => {
    const { folder, files, keys, sign } = await startedFolder();
    const roots = { ...keys, root: [keys.root[0]!, newSigner()] };
    await rotateRelease(folder, { roles: rolesOf(roots), expiresMs: rootExpiresMs });
    expect(signedPart(files.get('targets.json')).version).toBe(2);
    await signRelease(folder, [...keys.root, ...roots.root]);
    const next = { ...roots, targets: [newSigner(), newSigner()] };
    await rotateRelease(folder, { roles: rolesOf(next), expiresMs: rootExpiresMs });
    expect(signedPart(files.get('targets.json'))).toMatchObject({ version: 3, expires: tufTime(expiresMs) });
    await sign(next);
    expect(await signRelease(folder, [])).toMatchObject({ root: { isMet: true }, targets: { isMet: true } });
    expect((await readUpload(folder, 1)).roots).toHaveLength(2);
  });

  it('makes no root on top of one that is not complete', async () => {
    const { folder, keys } = await startedFolder();
    const rotate = () => rotateRelease(folder, { roles: rolesOf(keys), expiresMs: rootExpiresMs });
    await rotate();
    await expect(rotate()).rejects.toMatchObject({ code: 'updates.not_signed' });
  });
});

describe('verifying a folder', () => {
  const verify = ({ folder, artifacts, root }: Story, nowMs = startMs) =>
    verifyReleaseFolder(folder, {
      trustedRoot: root(),
      clock: fakeClock(nowMs),
      artifact: (sha256) => (artifacts.has(sha256) ? chunks(artifacts.get(sha256)!, 3) : undefined),
    });

  it('accepts what a device would, from the first root through every rotation', async () => {
    const story = await startedFolder();
    await rotateRelease(story.folder, { roles: rolesOf(story.keys), expiresMs: rootExpiresMs });
    await story.sign();
    expect(await verify(story)).toMatchObject({
      problems: [],
      root: 2,
      targets: 2,
      releases: [{ length: 6 }],
    });
  });

  const cases: Record<
    string,
    { spoil: (story: Story) => unknown; nowMs?: number; found: readonly object[] }
  > = {
    'a list below its threshold': {
      spoil: async ({ files, keys }) =>
        files.set(
          'targets.json',
          await signedBytes(signedPart(files.get('targets.json')), [keys.targets[0]!]),
        ),
      found: [{ step: '5.6.3', subject: 'targets', reason: 'below-threshold' }],
    },
    'a list that is no metadata': {
      spoil: ({ files }) => files.set('targets.json', fileOf('{')),
      found: [{ step: '5.6.3', reason: 'malformed' }],
    },
    'a list that has ended': {
      spoil: () => undefined,
      nowMs: expiresMs,
      found: [{ step: '5.6.5', subject: 'targets', reason: 'expired' }],
    },
    'a root and a list that have ended': {
      spoil: () => undefined,
      nowMs: rootExpiresMs,
      found: [{ step: '5.3.10', subject: 'root' }, { step: '5.6.5' }],
    },
    'a next root that too few signed': {
      spoil: ({ folder, keys }) => rotateRelease(folder, { roles: rolesOf(keys), expiresMs: rootExpiresMs }),
      found: [{ step: '5.3.4', subject: 'root', reason: 'below-threshold' }],
    },
    'an artifact that is missing': {
      spoil: ({ artifacts }) => artifacts.clear(),
      found: [{ step: '5.7.3', subject: 'lamp/1.img', reason: 'missing' }],
    },
    'an artifact of other bytes': {
      spoil: ({ artifacts }) => artifacts.set([...artifacts.keys()][0]!, fileOf('lamp 2')),
      found: [{ step: '5.7.3', subject: 'lamp/1.img', reason: 'hash-mismatch' }],
    },
    'an artifact that goes on': {
      spoil: ({ artifacts }) => artifacts.set([...artifacts.keys()][0]!, fileOf('lamp 1, and more')),
      found: [{ step: '5.7.3', subject: 'lamp/1.img', reason: 'length-mismatch' }],
    },
  };

  it.each(Object.entries(cases))('tells %s by its clause', async (_, { spoil, nowMs, found }) => {
    const story = await startedFolder();
    await spoil(story);
    const { problems } = await verify(story, nowMs);
    expect(problems).toMatchObject(found);
    expect(problems).toHaveLength(found.length);
  });

  const patchTo = (leadsTo: string) => makePatch(fileOf('lamp 0'), fileOf(leadsTo));
  it.each([
    ['accepts a patch that leads to its release', () => patchTo('lamp 1'), []],
    ['tells a patch that leads elsewhere', () => patchTo('lamp 2'), [/the signed metadata says/]],
    ['tells a patch that is none', async () => fileOf('no frame'), [/not a patch of this image/]],
  ] as const)('%s', async (_, make, found) => {
    const story = await startedFolder();
    const keep = (text: string | Uint8Array) => {
      const bytes = typeof text === 'string' ? fileOf(text) : text;
      const sha256 = parseSha256(createHash('sha256').update(bytes).digest('hex'));
      story.artifacts.set(sha256, bytes);
      return { sha256, length: bytes.length };
    };
    const base = keep('lamp 0');
    const link = { base, ...keep(await make()) };
    await patchRelease(story.folder, { path: 'lamp/1.img', link, expiresMs });
    await story.sign();
    const { problems } = await verify(story);
    expect(problems).toMatchObject(
      found.map((why) => ({ step: 'patch', subject: 'lamp/1.img', explanation: expect.stringMatching(why) })),
    );
    expect(problems).toHaveLength(found.length);
    // Without the image that it starts from nothing can be said.
    story.artifacts.delete(base.sha256);
    expect((await verify(story)).problems).toEqual([]);
  });

  it('begins with a root that is one', async () => {
    const { folder } = await startedFolder();
    const verdict = await verifyReleaseFolder(folder, { trustedRoot: fileOf('{}'), clock: fakeClock() });
    expect(verdict).toMatchObject({ problems: [{ step: '5.2', reason: 'malformed' }], releases: [] });
  });

  it('does not believe a folder about its own roots', async () => {
    const [story, other] = [await startedFolder(), await startedFolder(newKeys())];
    const verdict = await verifyReleaseFolder(story.folder, {
      trustedRoot: other.root(),
      clock: fakeClock(),
    });
    expect(verdict.problems).toMatchObject([{ step: '5.6.3', reason: 'below-threshold' }]);
  });
});
