import { describe, expect, it } from 'vitest';
import { tufKeyFromSpki } from '../src/metadata/key.ts';
import { signedBytes } from '../src/metadata/sign.ts';
import { metadataFilePath } from '../src/metadata/target-path.ts';
import { newDevice, newSigner, publishedRepository, signedPart } from './kit.ts';

const signer = newSigner();
const key = tufKeyFromSpki(signer.publicKey);

interface RoleDraft {
  readonly files?: Readonly<Record<string, string>>;
  readonly delegates?: readonly {
    readonly name: string;
    readonly paths: readonly string[];
    readonly terminating?: boolean;
  }[];
  readonly signers?: readonly (typeof signer)[];
}

/** Publishes delegated roles beside the top-level one: who offers which path, and who delegates to whom. */
async function deviceWith(roles: Readonly<Record<string, RoleDraft>>) {
  const repository = await publishedRepository();
  const expires = signedPart(repository.state.targets).expires;
  const meta: Record<string, { version: number }> = { 'targets.json': { version: 3 } };
  for (const [name, { files = {}, delegates, signers }] of Object.entries(roles)) {
    const targets = Object.fromEntries(
      Object.entries(files).map(([path, hash]) => [path, { length: 1, hashes: { sha256: hash } }]),
    );
    const signed = {
      _type: 'targets',
      spec_version: '1.0.34',
      version: 3,
      expires,
      targets,
      ...(delegates && { delegations: delegationsTo(delegates) }),
    };
    const by = name === 'targets' ? repository.keys.targets.slice(0, 2) : (signers ?? [signer]);
    repository.files.set(metadataFilePath(name, 3), await signedBytes(signed, by));
    meta[`${name}.json`] = { version: 3 };
  }
  await repository.forgeOnline({
    snapshot: { version: signedPart(repository.state.snapshot).version + 1, meta },
  });
  const device = await newDevice(repository);
  expect(await device.client.refresh()).toMatchObject({ kind: 'updated' });
  return device.client;
}

function delegationsTo(delegates: NonNullable<RoleDraft['delegates']>) {
  const roles = delegates.map(({ name, paths, terminating = false }) => ({
    name,
    paths,
    terminating,
    keyids: [key.keyID],
    threshold: 1,
  }));
  return { keys: { [key.keyID]: key.toJSON() }, roles };
}

const a = 'a'.repeat(64);
const b = 'b'.repeat(64);
const lamps = { name: 'lamps', paths: ['lamp/*'] };
const others = { name: 'others', paths: ['*/*'] };

describe('all targets of delegated roles', () => {
  const graphs: Readonly<Record<string, Readonly<Record<string, RoleDraft>>>> = {
    'with several that list the same': {
      targets: { delegates: [lamps, others] },
      lamps: { files: { 'lamp/1': a } },
      others: { files: { 'lamp/1': b, 'lamp/2': b, 'lock/1': b } },
    },
    'with a terminating one further down': {
      targets: { delegates: [lamps, others] },
      lamps: { delegates: [{ name: 'deep', paths: ['*/1'], terminating: true }], files: { 'lamp/3': a } },
      deep: { files: { 'lamp/1': a, 'lock/1': a } },
      others: { files: { 'lamp/1': b, 'lamp/2': b, 'lock/1': b } },
    },
    'with a circle': {
      targets: { delegates: [lamps, others] },
      lamps: { delegates: [{ name: 'deep', paths: ['lamp/*'] }], files: { 'lamp/2': a } },
      deep: { files: { 'lamp/1': a }, delegates: [lamps, { name: 'deep', paths: ['*/*'] }] },
      others: { files: { 'lock/2': b } },
    },
    'with one role of two parents': {
      targets: { delegates: [lamps, others] },
      lamps: { delegates: [{ name: 'deep', paths: ['lamp/*'] }] },
      others: { delegates: [{ name: 'deep', paths: ['lock/*'] }] },
      deep: { files: { 'lamp/1': a, 'lock/1': b, 'door/1': a } },
    },
    'with one of a stranger, for whose paths nobody else speaks then': {
      targets: { delegates: [lamps, others] },
      lamps: { files: { 'lamp/1': a }, signers: [newSigner()] },
      others: { files: { 'lamp/1': b, 'lock/1': b } },
    },
  };

  it.each(Object.entries(graphs))('are what a search finds for each path, %s', async (_, roles) => {
    const client = await deviceWith(roles);
    const paths = ['lamp', 'lock', 'door'].flatMap((name) => [1, 2, 3].map((one) => `${name}/${one}`));
    const found = await Promise.all(paths.map(async (path) => client.findTarget(path)));
    const expected = found.flatMap((one) => (one.kind === 'found' ? [one.target] : []));
    expect(expected.length).toBeGreaterThan(0);
    expect(client.targets().toSorted((one, two) => (one.path < two.path ? -1 : 1))).toEqual(
      expected.toSorted((one, two) => (one.path < two.path ? -1 : 1)),
    );
  });
});

describe('delegated roles', () => {
  it('finds a target with the role that may speak for its path, in the order given', async () => {
    const client = await deviceWith({
      targets: { delegates: [lamps, others] },
      lamps: { files: { 'lamp/1': a } },
      others: { files: { 'lamp/1': b, 'lock/1': b } },
    });
    expect(await client.findTarget('lamp/1')).toMatchObject({
      kind: 'found',
      role: 'lamps',
      target: { sha256: a },
    });
    expect(await client.findTarget('lock/1')).toMatchObject({ kind: 'found', role: 'others' });
    expect(await client.findTarget('lock/2')).toEqual({ kind: 'absent' });
  });

  it('does not look past a terminating role', async () => {
    const client = await deviceWith({
      targets: { delegates: [{ ...lamps, terminating: true }, others] },
      lamps: {},
      others: { files: { 'lamp/1': b } },
    });
    expect(await client.findTarget('lamp/1')).toEqual({ kind: 'absent' });
  });

  it('does not go back up past a terminating role further down', async () => {
    const client = await deviceWith({
      targets: { delegates: [lamps, others] },
      lamps: { delegates: [{ name: 'deep', paths: ['lamp/*'], terminating: true }] },
      deep: {},
      others: { files: { 'lamp/1': b } },
    });
    expect(await client.findTarget('lamp/1')).toEqual({ kind: 'absent' });
  });

  it('goes depth first, and ends on cycles', async () => {
    const client = await deviceWith({
      targets: { delegates: [lamps, others] },
      lamps: { delegates: [{ name: 'deep', paths: ['lamp/*'] }] },
      deep: { files: { 'lamp/1': a }, delegates: [lamps] },
      others: { files: { 'lamp/1': b } },
    });
    expect(await client.findTarget('lamp/1')).toMatchObject({ role: 'deep', target: { sha256: a } });
    expect(await client.findTarget('lamp/2')).toEqual({ kind: 'absent' });
  });

  it('visits no more roles than its limit', async () => {
    const names = Array.from({ length: 40 }, (_, index) => `role${index}`);
    const chain = Object.fromEntries(
      names.map((name, index) => [
        name,
        { delegates: [{ name: names[index + 1] ?? 'end', paths: ['*/*'] }] },
      ]),
    );
    const client = await deviceWith({
      targets: { delegates: [{ name: 'role0', paths: ['*/*'] }] },
      ...chain,
    });
    expect(await client.findTarget('lamp/1')).toEqual({ kind: 'absent' });
  });

  it('refuses a delegated role that a stranger signed, or that the snapshot does not name', async () => {
    const client = await deviceWith({
      targets: { delegates: [lamps, { name: 'gone', paths: ['lock/*'] }] },
      lamps: { files: { 'lamp/1': a }, signers: [newSigner()] },
    });
    expect(await client.findTarget('lamp/1')).toMatchObject({
      step: '5.6.3',
      subject: 'lamps',
      reason: 'below-threshold',
    });
    expect(await client.findTarget('lock/1')).toMatchObject({ subject: 'gone', reason: 'missing' });
  });
});
