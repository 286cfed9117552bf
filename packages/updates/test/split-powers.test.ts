import { describe, expect, it } from 'vitest';
import { instructionFilePath } from '../src/director/instruction.ts';
import { signedBytes } from '../src/metadata/sign.ts';
import { dayMs, directedRepository, fileOf, lampRelease, newDevice, newSigner, signedPart } from './kit.ts';

const [oldPath, newPath] = ['lamp/1.0.0.img', 'lamp/1.1.0.img'] as const;

/** Two releases, of which the device is instructed to have the second. */
async function world() {
  const repository = await directedRepository();
  await repository.release(newPath, fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
  repository.clock.advance(1000);
  const last = await repository.instruct({ image: newPath });
  const { client } = await newDevice(repository);
  expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  const pathsOffered = () => client.targets().map(({ path }) => path);
  return { repository, client, last, pathsOffered };
}

describe('whoever comes', () => {
  it('with every online key but the director’s, has no device install anything new', async () => {
    const { repository, client, last, pathsOffered } = await world();
    const { snapshot, timestamp } = repository.keys;
    for (const signers of [snapshot, timestamp, [...snapshot, ...timestamp], [newSigner()]]) {
      repository.clock.advance(1000);
      const made = signedPart(await repository.instruct({ image: oldPath }));
      repository.files.set(instructionFilePath, await signedBytes(made, signers));
      expect(await client.refresh()).toMatchObject({ step: 'Uptane 5.4.4.6.3', reason: 'below-threshold' });
    }
    repository.files.delete(instructionFilePath);
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'no-instruction' });
    repository.files.set(instructionFilePath, last); // what it can: the last one again, until it ends
    await client.refresh();
    expect(pathsOffered()).toEqual([newPath]);
    repository.clock.advance(dayMs);
    await repository.renew();
    expect(await client.refresh()).toMatchObject({ step: 'Uptane 5.4.4.6.5', reason: 'expired' });
  });

  it('with the director’s key alone, chooses among what is released and nothing else', async () => {
    const { repository, client, last, pathsOffered } = await world();
    repository.clock.advance(1000);
    await repository.instruct({ image: oldPath });
    await client.refresh();
    expect(pathsOffered()).toEqual([oldPath]); // the device's own floor judges it as ever
    repository.files.set(instructionFilePath, last);
    expect(await client.refresh()).toMatchObject({ step: 'Uptane 5.4.4.6.4', reason: 'replayed' });
    for (const change of [{ path: 'lamp/6.6.6.img' }, { sha256: 'e'.repeat(64) as never }, { length: 4 }]) {
      repository.clock.advance(1000);
      await repository.instruct({ target: { ...repository.image(newPath), ...change } });
      expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'disagrees' });
    }
    const evil = { ...signedPart(repository.state.targets), version: 9 };
    await repository.forgeTargets(await signedBytes(evil, repository.keys.director!));
    expect(await client.refresh()).toMatchObject({ step: '5.6.3', reason: 'below-threshold' });
  });

  it('with the release engineers’ keys alone, has a release and nobody who is told to take it', async () => {
    const { repository, client, pathsOffered } = await world();
    await repository.release('lamp/6.6.6.img', fileOf('evil'), lampRelease('6.6.6', 9));
    const made = signedPart(await repository.instruct({ image: 'lamp/6.6.6.img' }));
    repository.files.set(instructionFilePath, await signedBytes(made, repository.keys.targets));
    expect(await client.refresh()).toMatchObject({ step: 'Uptane 5.4.4.6.3', reason: 'below-threshold' });
    await repository.instruct({ image: newPath });
    await client.refresh();
    expect(pathsOffered()).toEqual([newPath]);
  });

  it('with a director’s key that was replaced, is nobody', async () => {
    const { repository, client, last } = await world();
    const stolen = repository.keys.director![0]!;
    await repository.rotate({ director: [newSigner()] });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'below-threshold' });
    repository.clock.advance(1000);
    await repository.instruct({ image: oldPath, signer: stolen });
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'below-threshold' });
    repository.files.set(instructionFilePath, last);
    expect(await client.refresh()).toMatchObject({ kind: 'refused', reason: 'below-threshold' });
    await repository.instruct({ image: newPath, version: 1 });
    expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  });
});
