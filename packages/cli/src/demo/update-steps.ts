import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64, parseSha256, toBase64 } from '@fleetward/core';
import { connectPlatform, type DeviceIdentity } from '@fleetward/device';
import { localSigner } from '@fleetward/keys';
import {
  getDeviceMetadata,
  getDeviceTarget,
  getOnlineKeys,
  getThing,
  listMetadata,
  publishMetadata,
  putArtifact,
} from '@fleetward/protocol';
import {
  addToRelease,
  createMemoryStore,
  createUpdateClient,
  customOfRelease,
  describeTarget,
  type Fetcher,
  initRelease,
  installRoot,
  openReleaseFolder,
  type ReleaseFolder,
  readUpload,
  signPlain,
  signRelease,
  type TrustedStore,
  verifyPlainSignature,
} from '@fleetward/updates';
import { type DemoAgent, startDemoAgent } from './demo-agent.ts';
import { must, type Story } from './story.ts';
import { deviceOf, devicesUrl, findOpenssl, openssl, type World } from './world.ts';

const imageBytes = 8 * 1024 * 1024;
const dayMs = 86_400_000;
const product = 'pump-firmware';
const hardware = 'rev-b';
const deviceName = 'my_iot_device';

/** The release engineer: keys that never touch the platform. */
interface Engineer {
  readonly folder: ReleaseFolder;
  readonly rsa: KeyObject;
  readonly ed25519: KeyObject;
}

/** Step 5: a release is signed offline, verified before it is installed, started, health-checked and confirmed; and what is refused. */
export async function releaseSteps(story: Story, world: World): Promise<DemoAgent | undefined> {
  story.step('A signed update');
  const engineer = await createEngineer(world);
  const first = makeFirmware('1.0.0', { healthy: true });
  const second = makeFirmware('2.0.0', { healthy: true });
  await story.try('sign the 8 MB image by hand: RSA-PSS/SHA-256 with maximum salt, and Ed25519', () =>
    signByHand(world, engineer, first),
  );
  await story.try('publish 1.0.0 as TUF metadata, root and targets signed by 2 of 2 offline keys', () =>
    publishRelease(world, engineer, { version: '1.0.0', image: first }),
  );
  let agent: DemoAgent | undefined;
  await story.try(
    'the device verifies, installs into the inactive slot, starts, probes, confirms',
    async () => {
      agent = await startDemoAgent(world, {
        identity: deviceOf(world, deviceName),
        product,
        hardware,
        root: await firstRoot(engineer),
      });
      return confirmed(await agent.checkOnce(), '1.0.0');
    },
  );
  const before = await recordMetadata(world);
  await story.try('publish 2.0.0', () =>
    publishRelease(world, engineer, { version: '2.0.0', image: second }),
  );
  await refusalSteps(story, world, { engineer, before, second });
  await story.try('the honest platform again: 2.0.0', async () => {
    must(agent !== undefined, 'there is no agent: an earlier step failed');
    return confirmed(await agent.checkOnce(), '2.0.0');
  });
  return agent;
}

/** Step 6: a firmware that starts but is not healthy. */
export async function rollbackSteps(story: Story, world: World, agent: DemoAgent | undefined): Promise<void> {
  story.step('A firmware that fails its health check');
  const engineer = await createEngineer(world);
  await story.try('publish 3.0.0, which answers its probe with an error', () =>
    publishRelease(world, engineer, { version: '3.0.0', image: makeFirmware('3.0.0', { healthy: false }) }),
  );
  await story.try('the device tries it and returns by itself', async () => {
    must(agent !== undefined, 'there is no agent: an earlier step failed');
    const outcome = await agent.checkOnce();
    must(
      outcome.kind === 'rolled-back' && outcome.to === '2.0.0',
      `the outcome is ${JSON.stringify(outcome)}`,
    );
    const running = await agent.runningVersion();
    must(running === '2.0.0', `\`${running}\` runs`);
    return `back on 2.0.0: ${outcome.explanation}`;
  });
  await story.try('the platform knows', async () => {
    const { report } = await world.api.call(getThing, { params: { thingName: deviceName } });
    const text = JSON.stringify(report?.report ?? {});
    must(text.includes('rolled-back') && text.includes('2.0.0'), `the report is ${text}`);
    return `its report: ${text}`;
  });
}

async function refusalSteps(
  story: Story,
  world: World,
  facts: { readonly engineer: Engineer; readonly before: Metadata; readonly second: Buffer },
): Promise<void> {
  const { engineer, before, second } = facts;
  await story.try('a tampered image: one byte flipped on the platform’s disk', () =>
    withFlippedByte(world, second, () => downloadRefused(world, engineer)),
  );
  await story.try('a tampered signature under the metadata', () =>
    refreshRefused(world, {
      engineer,
      alter: (file, bytes) => (file === 'timestamp.json' ? breakSignatures(bytes) : bytes),
    }),
  );
  await story.try('a replayed older version', async () => {
    const store = await trustingStore(engineer);
    const seen = await clientOf(world, { store }).refresh();
    must(seen.kind === 'updated', `the honest refresh came out as ${seen.kind}`);
    return refreshRefused(world, { engineer, store, alter: (file, bytes) => before.get(file) ?? bytes });
  });
  await story.try('expired metadata, 30 days without a new signature', () =>
    refreshRefused(world, { engineer, nowMs: Date.now() + 30 * dayMs, alter: (_file, bytes) => bytes }),
  );
}

/** Two offline keys of different kinds; the folder is on the engineer's machine. */
async function createEngineer(world: World): Promise<Engineer> {
  const known = engineers.get(world);
  if (known !== undefined) return known;
  const rsa = generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey;
  const ed25519 = generateKeyPairSync('ed25519').privateKey;
  const folder = await openReleaseFolder(join(world.folder, 'engineer'));
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

async function firstRoot({ folder }: Engineer): Promise<Uint8Array> {
  return (await folder.read('1.root.json'))!;
}

/** A program that any Node can run, padded to the size of a real image. */
function makeFirmware(version: string, { healthy }: { readonly healthy: boolean }): Buffer {
  const program = `import { createServer } from 'node:http';
createServer((_, answer) => answer.writeHead(${healthy ? 200 : 500}).end('${version}')).listen(Number(process.env.FIRMWARE_PORT), '127.0.0.1');
`;
  const head = Buffer.from(`${program}// `);
  return Buffer.concat([
    head,
    Buffer.from(randomBytes(imageBytes / 2).toString('hex')).subarray(0, imageBytes - head.length),
  ]);
}

async function signByHand(world: World, { rsa, ed25519 }: Engineer, image: Buffer): Promise<string> {
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

async function publishRelease(
  world: World,
  engineer: Engineer,
  release: { readonly version: string; readonly image: Buffer },
): Promise<string> {
  const { version, image } = release;
  const custom = customOfRelease({ product, version, securityVersion: 1, hardware: [hardware] });
  const target = await describeTarget(`${product}-${version}.mjs`, { content: chunksOf(image), custom });
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

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}

function confirmed(outcome: Awaited<ReturnType<DemoAgent['checkOnce']>>, version: string): string {
  must(
    outcome.kind === 'confirmed' && outcome.version === version,
    `the outcome is ${JSON.stringify(outcome)}`,
  );
  return `${version} runs and is confirmed${outcome.from === undefined ? '' : `, after ${outcome.from}`}`;
}

// What follows plays the platform as an attacker who owns it: the device's own client, over the real connection, and
// bytes that are changed before it sees them.

type Metadata = ReadonlyMap<string, Uint8Array>;
type Alter = (file: string, bytes: Uint8Array) => Uint8Array;

function fetcherOf(world: World, alter: Alter): Fetcher {
  return {
    fetch: async (path) => {
      const api = connectPlatform(deviceIdentity(world), { url: devicesUrl(world) });
      try {
        const bytes = await fetchBytes(api, path);
        return { kind: 'stream', chunks: chunksOf(alter(path.slice(path.indexOf('/') + 1), bytes)) };
      } catch (error) {
        if ((error as { problem?: { status: number } }).problem?.status === 404) return { kind: 'absent' };
        throw error;
      } finally {
        api.close();
      }
    },
  };
}

async function fetchBytes(api: ReturnType<typeof connectPlatform>, path: string): Promise<Uint8Array> {
  const name = decodeURIComponent(path.slice(path.indexOf('/') + 1));
  const { bytes } = path.startsWith('metadata/')
    ? await api.download(getDeviceMetadata, { params: { file: name } })
    : await api.download(getDeviceTarget, { params: { '*': name } });
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function deviceIdentity(world: World): DeviceIdentity {
  return deviceOf(world, deviceName);
}

async function trustingStore(engineer: Engineer): Promise<TrustedStore> {
  const store = createMemoryStore();
  await installRoot(store, await firstRoot(engineer));
  return store;
}

function clientOf(
  world: World,
  options: { readonly store: TrustedStore; readonly alter?: Alter; readonly nowMs?: number },
) {
  const { store, alter = (_file, bytes) => bytes, nowMs } = options;
  return createUpdateClient({
    store,
    fetcher: fetcherOf(world, alter),
    clock: { now: () => nowMs ?? Date.now() },
  });
}

/** The metadata as it is now, under the names a device asks for. */
async function recordMetadata(world: World): Promise<Metadata> {
  const api = connectPlatform(deviceIdentity(world), { url: devicesUrl(world) });
  try {
    return new Map([['timestamp.json', await fetchBytes(api, 'metadata/timestamp.json')]]);
  } finally {
    api.close();
  }
}

async function refreshRefused(
  world: World,
  attack: {
    readonly engineer: Engineer;
    readonly alter: Alter;
    readonly store?: TrustedStore;
    readonly nowMs?: number;
  },
): Promise<string> {
  const store = attack.store ?? (await trustingStore(attack.engineer));
  const outcome = await clientOf(world, { ...attack, store }).refresh();
  must(outcome.kind === 'refused', `the refresh came out as ${outcome.kind}`);
  return `refused (TUF ${outcome.step}): ${outcome.explanation}`;
}

async function downloadRefused(world: World, engineer: Engineer): Promise<string> {
  const client = clientOf(world, { store: await trustingStore(engineer) });
  const refreshed = await client.refresh();
  must(refreshed.kind === 'updated', `the refresh came out as ${refreshed.kind}`);
  const target = client.targets().find(({ path }) => path.includes('2.0.0'));
  must(target !== undefined, 'the targets do not list 2.0.0');
  const outcome = await client.download(target, { write: async () => undefined });
  must(outcome.kind === 'refused', `the download came out as ${outcome.kind}`);
  return `refused (TUF ${outcome.step}): ${outcome.explanation}`;
}

async function withFlippedByte(world: World, image: Buffer, act: () => Promise<string>): Promise<string> {
  const name = parseSha256(createHash('sha256').update(image).digest('hex'));
  const file = openSync(join(world.folder, 'platform', 'artifacts', name), 'r+');
  const at = 4_000_000;
  try {
    writeSync(file, Buffer.from([image[at]! ^ 1]), 0, 1, at);
    return await act();
  } finally {
    writeSync(file, image, at, 1, at);
    closeSync(file);
  }
}

function breakSignatures(bytes: Uint8Array): Uint8Array {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(
    text.replaceAll(/"sig":"([0-9a-f])/g, (_, first: string) => `"sig":"${first === '0' ? '1' : '0'}`),
  );
}
