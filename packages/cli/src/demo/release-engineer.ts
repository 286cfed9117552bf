import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { fromBase64, toBase64 } from '@fleetward/core';
import { localSigner } from '@fleetward/keys';
import { getOnlineKeys, listMetadata, publishMetadata, putArtifact } from '@fleetward/protocol';
import {
  addToRelease,
  createReleaseFolder,
  customOfRelease,
  describeTarget,
  initRelease,
  type ReleaseFolder,
  readUpload,
  signPlain,
  signRelease,
  verifyPlainSignature,
} from '@fleetward/updates';
import { must } from './story.ts';
import { findOpenssl, openssl, type World } from './world.ts';

const imageBytes = 8 * 1024 * 1024;
const dayMs = 86_400_000;
export const product = 'pump-firmware';
export const hardware = 'rev-b';

/** The release engineer: keys that never touch the platform. */
export interface Engineer {
  readonly folder: ReleaseFolder;
  readonly rsa: KeyObject;
  readonly ed25519: KeyObject;
}

/** Two offline keys of different kinds; the folder is on the engineer's machine. */
export async function createEngineer(world: World): Promise<Engineer> {
  const known = engineers.get(world);
  if (known !== undefined) return known;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const folder = await createReleaseFolder(join(world.folder, 'engineer'));
  const engineer = { folder, rsa, ed25519 };
  const online = await world.api.call(getOnlineKeys);
  const offline = { publicKeys: signersOf(engineer).map(({ publicKey }) => publicKey), threshold: 2 };
  const one = (key: { readonly publicKey: string }) => ({
    publicKeys: [fromBase64(key.publicKey)],
    threshold: 1,
  });
  const expiry = { rootExpiresMs: Date.now() + 365 * dayMs, targetsExpiresMs: Date.now() + 90 * dayMs };
  await initRelease(folder, {
    roles: {
      root: offline,
      targets: offline,
      snapshot: one(online.snapshot),
      timestamp: one(online.timestamp),
    },
    ...expiry,
  });
  engineers.set(world, engineer);
  return engineer;
}

const engineers = new WeakMap<World, Engineer>();

function signersOf({ rsa, ed25519 }: Pick<Engineer, 'rsa' | 'ed25519'>) {
  return [localSigner(rsa, 'rsa-pss-sha256'), localSigner(ed25519, 'ed25519')];
}

export async function firstRoot({ folder }: Engineer): Promise<Uint8Array> {
  return (await folder.read('1.root.json'))!;
}

/** A program that any Node can run, padded to the size of a real image. */
export function makeFirmware(version: string, { healthy }: { readonly healthy: boolean }): Buffer {
  const program = `import { createServer } from 'node:http';
createServer((_, answer) => answer.writeHead(${healthy ? 200 : 500}).end('${version}')).listen(Number(process.env.FIRMWARE_PORT), '127.0.0.1');
`;
  const head = Buffer.from(`${program}// `);
  return Buffer.concat([
    head,
    Buffer.from(randomBytes(imageBytes / 2).toString('hex')).subarray(0, imageBytes - head.length),
  ]);
}

export async function signByHand(world: World, { rsa, ed25519 }: Engineer, image: Buffer): Promise<string> {
  const { signature, by } = await rsaSignature(world, rsa, image);
  const signatures = [
    { publicKey: spkiOf(rsa), signature },
    { publicKey: spkiOf(ed25519), signature: await signPlain(image, ed25519) },
  ];
  const flipped = Buffer.from(image);
  flipped[1_000_000]! ^= 1;
  for (const { publicKey, signature: made } of signatures) {
    must(
      (await verifyPlainSignature({ file: image, signature: made, publicKey })).kind === 'accepted',
      'a good signature was refused',
    );
    must(
      (await verifyPlainSignature({ file: flipped, signature: made, publicKey })).kind === 'refused',
      'a tampered image was accepted',
    );
  }
  return `both verify (RSA by ${by}); with one bit of the image flipped neither does`;
}

async function rsaSignature(
  world: World,
  rsa: KeyObject,
  image: Buffer,
): Promise<{ readonly signature: Uint8Array; readonly by: string }> {
  if ((await findOpenssl()) === undefined)
    return { signature: await signPlain(image, rsa), by: 'fleetward release sign' };
  const [file, key, signature] = ['image', 'engineer.key', 'image.sig'].map((name) =>
    join(world.folder, name),
  ) as [string, string, string];
  writeFileSync(file, image);
  writeFileSync(key, rsa.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  const pss = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', 'rsa_pss_saltlen:max'];
  await openssl(['dgst', '-sha256', ...pss, '-sign', key, '-out', signature, file]);
  return { signature: readFileSync(signature), by: 'openssl dgst' };
}

function spkiOf(key: KeyObject): Uint8Array {
  return createPublicKey(key).export({ type: 'spki', format: 'der' });
}

export async function publishRelease(
  world: World,
  engineer: Engineer,
  release: { readonly version: string; readonly image: Buffer },
): Promise<string> {
  const { version, image } = release;
  const custom = customOfRelease({ product, version, securityVersion: 1, hardware: [hardware] });
  const target = await describeTarget(`${product}-${version}.mjs`, {
    content: Readable.from([image]),
    custom,
  });
  await addToRelease(engineer.folder, { target, expiresMs: Date.now() + 90 * dayMs });
  const status = await signRelease(engineer.folder, signersOf(engineer));
  must(status.targets.isMet, 'the targets are below their threshold');
  await world.api.call(putArtifact, { params: { sha256: target.sha256 }, body: image });
  const published =
    (await world.api.call(listMetadata)).roles.find(({ name }) => name === 'root')?.version ?? 0;
  const upload = await readUpload(engineer.folder, published);
  const body = {
    roots: upload.roots.map(toBase64),
    ...(upload.targets && { targets: toBase64(upload.targets) }),
  };
  const { roles } = await world.api.call(publishMetadata, { body });
  return `published: ${roles.map(({ name, version: number }) => `${name} ${number}`).join(', ')}`;
}
