import type { Signer } from '@fleetward/core';
import { instructionFilePath } from '../src/director/instruction.ts';
import { ownMember } from '../src/metadata/further-roles.ts';
import { signedBytes } from '../src/metadata/sign.ts';
import { dayMs, fileOf, lampName, lampRelease, newSigner, signedPart, type TestRepository } from './kit.ts';

/** What a director does to a device that followed it once, and the verdict of the device. */
export interface DirectorCase {
  readonly name: string;
  readonly description: string;
  readonly expected: { readonly kind: string; readonly step?: string; readonly reason?: string };
  readonly change: (repository: TestRepository) => Promise<unknown>;
}

const ok = { kind: 'refreshed' };
const refused = (clause: string, reason: string) => ({ kind: 'refused', step: `Uptane ${clause}`, reason });
const first = 'lamp/1.0.0.img';
const second = 'lamp/1.1.0.img';

export const directorCases: readonly DirectorCase[] = [
  {
    name: 'same-again',
    description: 'the instruction that was followed',
    expected: ok,
    change: async () => {},
  },
  {
    name: 'newer-target',
    description: 'a new release, and the instruction to have it',
    expected: ok,
    change: async (repository) => {
      await newRelease(repository);
      await repository.instruct({ image: second });
    },
  },
  {
    name: 'nothing-new',
    description: 'no target: the device is to stay as it is',
    expected: ok,
    change: (repository) => later(repository).instruct(),
  },
  {
    name: 'same-version',
    description: 'another instruction of the same version, as two signers in one second make it',
    expected: ok,
    change: (repository) => repository.instruct({ expiresMs: repository.clock.now() + 2 * dayMs }),
  },
  {
    name: 'rotated-director',
    description: 'the root names another director; versions of the old one bind no longer',
    expected: ok,
    change: async (repository) => {
      await later(repository).rotate({ director: [newSigner()] });
      await repository.instruct({ image: first, version: 1 });
    },
  },
  {
    name: 'no-instruction',
    description: 'the director has no file for the device',
    expected: refused('5.4.4.6.1', 'no-instruction'),
    change: async (repository) => repository.files.delete(instructionFilePath),
  },
  {
    name: 'too-long',
    description: 'the file is longer than an instruction may be',
    expected: refused('5.4.4.6.1', 'too-long'),
    change: async ({ files }) => files.set(instructionFilePath, fileOf(' '.repeat(16 * 1024 + 1))),
  },
  {
    name: 'not-metadata',
    description: 'the file is no metadata',
    expected: refused('5.4.4.6.1', 'malformed'),
    change: async ({ files }) => files.set(instructionFilePath, fileOf('{"signed":{}}')),
  },
  {
    name: 'for-nobody',
    description: 'the instruction names no thing',
    expected: refused('5.4.4.6.1', 'malformed'),
    change: (repository) => forge(repository, { [ownMember]: {} }),
  },
  {
    name: 'signed-by-stranger',
    description: 'a key the root does not name signed it',
    expected: refused('5.4.4.6.3', 'below-threshold'),
    change: (repository) => later(repository).instruct({ signer: newSigner() }),
  },
  {
    name: 'signed-by-other-online-keys',
    description: 'the keys of snapshot and timestamp signed it',
    expected: refused('5.4.4.6.3', 'below-threshold'),
    change: (repository) =>
      forge(repository, {}, [...repository.keys.snapshot, ...repository.keys.timestamp]),
  },
  {
    name: 'signed-by-release-engineers',
    description: 'a threshold of targets keys signed it: they say what is a release, not who is to have it',
    expected: refused('5.4.4.6.3', 'below-threshold'),
    change: (repository) => forge(repository, {}, repository.keys.targets),
  },
  {
    name: 'tampered',
    description: 'one digit of the version was changed',
    expected: refused('5.4.4.6.3', 'below-threshold'),
    change: async ({ files }) => {
      const text = Buffer.from(files.get(instructionFilePath)!).toString();
      files.set(instructionFilePath, fileOf(text.replace(/"version":1/, '"version":2')));
    },
  },
  {
    name: 'replayed',
    description: 'an older instruction once more',
    expected: refused('5.4.4.6.4', 'replayed'),
    change: (repository) => repository.instruct({ image: first, version: 1 }),
  },
  {
    name: 'replayed-after-expiry',
    description: 'what was followed has expired; it still forbids an older version',
    expected: refused('5.4.4.6.4', 'replayed'),
    change: async (repository) => {
      repository.clock.advance(2 * dayMs);
      await repository.renew();
      await repository.instruct({ version: 1 });
    },
  },
  {
    name: 'expired',
    description: 'the instruction expired the very moment the refresh starts',
    expected: refused('5.4.4.6.5', 'expired'),
    change: (repository) => later(repository).instruct({ expiresMs: repository.clock.now() }),
  },
  {
    name: 'delegates',
    description: 'the director delegates to others',
    expected: refused('5.4.4.6.6', 'malformed'),
    change: (repository) => forge(repository, { delegations: { keys: {}, roles: [] } }),
  },
  {
    name: 'two-targets',
    description: 'two targets for one device, both of them released',
    expected: refused('5.4.4.6.7', 'malformed'),
    change: async (repository) => {
      await newRelease(repository);
      const { targets } = signedPart(repository.state.targets);
      await forge(repository, { targets });
    },
  },
  {
    name: 'for-another-device',
    description: 'the instruction of another device',
    expected: refused('5.4.4.6.8', 'not-for-this-device'),
    change: (repository) => later(repository).instruct({ thingName: 'lamp-8', image: first }),
  },
  {
    name: 'empty-for-another-device',
    description: 'the instruction of another device to stay as it is',
    expected: refused('5.4.4.6.8', 'not-for-this-device'),
    change: (repository) => later(repository).instruct({ thingName: 'lamp-8' }),
  },
  {
    name: 'not-a-release',
    description: 'a target that the image repository does not list',
    expected: refused('5.4.4.2.10.1', 'disagrees'),
    change: (repository) =>
      later(repository).instruct({ target: { ...repository.image(first), path: 'lamp/9.9.9.img' } }),
  },
  {
    name: 'other-hash',
    description: 'a released path with another hash',
    expected: refused('5.4.4.2.10.2.1', 'disagrees'),
    change: (repository) => {
      const sha256 = 'a'.repeat(64) as ReturnType<TestRepository['image']>['sha256'];
      return later(repository).instruct({ target: { ...repository.image(first), sha256 } });
    },
  },
  {
    name: 'other-length',
    description: 'a released path with another length',
    expected: refused('5.4.4.2.10.2.1', 'disagrees'),
    change: (repository) => later(repository).instruct({ target: { ...repository.image(first), length: 1 } }),
  },
];

function later(repository: TestRepository): TestRepository {
  repository.clock.advance(1000);
  return repository;
}

async function newRelease(repository: TestRepository): Promise<void> {
  await later(repository).release(second, fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
}

/** An instruction that our own signer would not make. */
async function forge(
  repository: TestRepository,
  change: Readonly<Record<string, unknown>>,
  signers: readonly Signer[] = repository.keys.director ?? [],
): Promise<void> {
  const made = signedPart(await later(repository).instruct({ thingName: lampName, image: first }));
  repository.files.set(instructionFilePath, await signedBytes({ ...made, ...change }, signers));
}
