import { createHash } from 'node:crypto';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import {
  connectPlatform,
  enroll,
  openUpdateClient,
  openVerifiedStream,
  verifyFirmware,
} from '../src/index.ts';
import { TestPlatform } from './test-platform.ts';
import { TestRepository } from './test-repository.ts';

const image = Buffer.from('firmware 1.0.0');
const expected = {
  path: 'lamp.img',
  length: image.length,
  sha256: createHash('sha256').update(image).digest('hex'),
};
const chunks = (bytes: Uint8Array) => [bytes.subarray(0, 5), bytes.subarray(5)];
const tampered = Buffer.from('fIrmware 1.0.0');
const longer = Buffer.from('firmware 1.0.0 and more');

describe('firmware', () => {
  test('is accepted when it is what was signed for, and nothing else is', async () => {
    const verdict = (bytes: Uint8Array) => verifyFirmware(chunks(bytes), expected);
    expect(await verdict(image)).toEqual({ kind: 'accepted', lengthBytes: image.length });
    expect(await verdict(tampered)).toMatchObject({ kind: 'refused', reason: 'hash-mismatch' });
    expect(await verdict(longer)).toMatchObject({ kind: 'refused', reason: 'length-mismatch' });
    expect(await verdict(image.subarray(1))).toMatchObject({ kind: 'refused', reason: 'length-mismatch' });
  });

  test('streams as it comes, and is never whole unless it is good', async () => {
    const written = async (bytes: Uint8Array) => {
      const out: Uint8Array[] = [];
      const write = async () => {
        for await (const chunk of openVerifiedStream(chunks(bytes), expected)) out.push(chunk);
      };
      const failure = await write().catch((error: unknown) => error);
      return { bytes: Buffer.concat(out), failure };
    };
    expect(await written(image)).toEqual({ bytes: image, failure: undefined });
    for (const bad of [tampered, longer, image.subarray(0, 13)]) {
      const { bytes, failure } = await written(bad);
      expect(failure).toMatchObject({ code: 'device.firmware_refused' });
      expect(bytes.length).toBeLessThan(image.length);
    }
  });
});

test('the update client serves a daemon that is not ours, over mutual TLS', async () => {
  using folder = temporaryFolder();
  await using platform = await TestPlatform.start(await TestRepository.create());
  await platform.repository.release(image);
  const { url, rootPem: trust, joinToken } = platform;
  const enrolled = await enroll({ url, trust, joinToken, name: 'lamp-1', folder: folder.path, clock: Date });
  if (enrolled.kind !== 'enrolled') throw new Error(enrolled.reason);
  writeFileSync(folder.join('root.json'), platform.releaseRoot);
  const api = connectPlatform(enrolled.identity, { url });
  const open = (rootFile: string) =>
    openUpdateClient({
      api,
      trustedFolder: folder.join(`trusted-${rootFile}`),
      rootFile: folder.join(rootFile),
      clock: Date,
    });
  const client = await open('root.json');
  expect(await client.refresh()).toMatchObject({ kind: 'updated' });
  const [target] = client.targets();
  const out: Uint8Array[] = [];
  const sink = { write: async (chunk: Uint8Array) => void out.push(chunk) };
  expect(await client.download(target!, sink)).toEqual({ kind: 'downloaded', bytes: image.length });
  expect(Buffer.concat(out)).toEqual(image);
  writeFileSync(folder.join('bad.json'), '{}');
  await expect(open('bad.json')).rejects.toMatchObject({ code: 'device.root_refused' });
  api.close();
});

test('the example in the README is such a daemon', async () => {
  using folder = temporaryFolder();
  await using platform = await TestPlatform.start(await TestRepository.create());
  await platform.repository.release(image);
  const { url, rootPem: trust, joinToken } = platform;
  await enroll({ url, trust, joinToken, name: 'lamp-1', folder: folder.join('identity'), clock: Date });
  writeFileSync(folder.join('1.root.json'), platform.releaseRoot);
  symlinkSync(join(import.meta.dirname, '../../../node_modules'), folder.join('node_modules'));
  const examples = readFileSync(join(import.meta.dirname, '../README.md'), 'utf8').matchAll(
    /^```ts\n(.*?)^```$/gms,
  );
  const [text = ''] = [...examples].map(([, code = '']) => code).filter((code) => code.includes('verdict'));
  const here = text.replaceAll('https://fleet.example:8443', url).replaceAll('/var/lib/lamp', folder.path);
  writeFileSync(folder.join('example.mts'), `${here}\nconsole.log(JSON.stringify(verdict));`);
  const ran = await runProgram(
    process.execPath,
    ['--conditions=fleetward-source', folder.join('example.mts')],
    {
      environment: { PATH: process.env.PATH },
    },
  );
  expect(ran.stdout.toString(), ran.stderr).toBe(`{"kind":"accepted","lengthBytes":${image.length}}\n`);
  expect(readFileSync(folder.join('partition'))).toEqual(image);
});
