import { generateKeyPairSync } from 'node:crypto';
import type { Clock, Signer } from '@fleetward/core';
import { createUpdateClient, type UpdateClient } from '../src/client/client.ts';
import type { Fetcher } from '../src/client/fetcher.ts';
import { installRoot } from '../src/client/install-root.ts';
import { instructionFilePath, type NewInstruction, signInstruction } from '../src/director/instruction.ts';
import { sha256Hex } from '../src/metadata/key.ts';
import { signedBytes, tufTime } from '../src/metadata/sign.ts';
import { metadataFilePath, targetFilePath, timestampFilePath } from '../src/metadata/target-path.ts';
import { type ReleaseKeyAlgorithm, signerOf } from '../src/release-signer.ts';
import { describeTarget } from '../src/repository/describe-target.ts';
import { addTarget, draftRoot, draftTargets, type RootRoles } from '../src/repository/draft.ts';
import { defaultOnlineSettings } from '../src/repository/online-files.ts';
import { type PublishedState, type PublishOutcome, publish, type Upload } from '../src/repository/publish.ts';
import { signRoot, signTargets } from '../src/repository/sign-file.ts';
import { createMemoryStore, type TrustedStore } from '../src/store/trusted-store.ts';

export const dayMs = 24 * 3600 * 1000;
export const startMs = Date.parse('2026-03-01T00:00:00Z');

export function newSigner(algorithm: Exclude<ReleaseKeyAlgorithm, 'ml-dsa-65'> = 'ed25519'): Signer {
  if (algorithm === 'ed25519') return signerOf(generateKeyPairSync('ed25519').privateKey, algorithm);
  if (algorithm === 'ecdsa-p256-sha256')
    return signerOf(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, algorithm);
  return signerOf(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey, algorithm);
}

export interface Keys {
  readonly root: readonly Signer[];
  readonly targets: readonly Signer[];
  readonly snapshot: readonly Signer[];
  readonly timestamp: readonly Signer[];
  /** Whether devices do only what they are instructed to. */
  readonly director?: readonly Signer[];
}

/** Root 2 of 2 in mixed schemes, targets 2 of 3, online keys one each. */
export function newKeys(): Keys {
  return {
    root: [newSigner('ed25519'), newSigner('ecdsa-p256-sha256')],
    targets: [newSigner('ed25519'), newSigner('ecdsa-p256-sha256'), newSigner('rsa-pss-sha256')],
    snapshot: [newSigner('ed25519')],
    timestamp: [newSigner('ecdsa-p256-sha256')],
  };
}

/** Keys that take no time to make. */
export function fastKeys(): Keys {
  const pair = () => [newSigner(), newSigner()];
  return { root: pair(), targets: pair(), snapshot: [newSigner()], timestamp: [newSigner()] };
}

export function rolesOf(keys: Keys, thresholds: { root?: number; targets?: number } = {}): RootRoles {
  const role = (signers: readonly Signer[], threshold: number) => ({
    publicKeys: signers.map((signer) => signer.publicKey),
    threshold,
  });
  return {
    root: role(keys.root, thresholds.root ?? keys.root.length),
    targets: role(keys.targets, thresholds.targets ?? Math.min(2, keys.targets.length)),
    snapshot: role(keys.snapshot, 1),
    timestamp: role(keys.timestamp, 1),
    ...(keys.director && { director: role(keys.director, 1) }),
  };
}

/** A clock that stands still until it is moved. */
export interface FakeClock extends Clock {
  set(ms: number): void;
  advance(ms: number): void;
}

export function fakeClock(fromMs = startMs): FakeClock {
  let now = fromMs;
  return {
    now: () => now,
    set(ms) {
      now = ms;
    },
    advance(ms) {
      now += ms;
    },
  };
}

export function fileOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A repository as engineers and server make it, published into a map of paths. */
export class TestRepository {
  readonly files = new Map<string, Uint8Array>();
  readonly clock: FakeClock;
  keys: Keys;
  state: PublishedState = {};
  /** What the server has of the director's keys, when that is not what the root names. */
  onlineDirector: readonly Signer[] | undefined;
  firstRoot: Uint8Array = new Uint8Array();
  #forged = 0;

  constructor(keys: Keys, clock: FakeClock) {
    this.keys = keys;
    this.clock = clock;
  }

  get fetcher(): Fetcher {
    return { fetch: async (path) => streamOf(this.files.get(path)) };
  }

  async rootDraft(version: number, keys = this.keys): Promise<Uint8Array> {
    const draft = draftRoot({ version, expiresMs: this.clock.now() + 365 * dayMs, roles: rolesOf(keys) });
    return (await signRoot(draft, { signers: keys.root })).bytes;
  }

  /** Replaces keys by a new root that old and new root keys sign. */
  async rotate(change: Partial<Keys>): Promise<PublishOutcome> {
    const keys = { ...this.keys, ...change };
    const previous = this.state.root ?? new Uint8Array();
    const version = JSON.parse(Buffer.from(previous).toString()).signed.version + 1;
    const draft = draftRoot({ version, expiresMs: this.clock.now() + 365 * dayMs, roles: rolesOf(keys) });
    const signers = [...new Set([...this.keys.root, ...keys.root])];
    const { bytes } = await signRoot(draft, { signers, previous });
    this.keys = keys;
    return this.upload({ roots: [bytes], targets: await this.targetsAgain() });
  }

  async release(path: string, content: Uint8Array, custom = {}): Promise<PublishOutcome> {
    const target = await describeTarget(path, { content: chunks(content), custom });
    const next = addTarget(this.state.targets ?? new Uint8Array(), {
      target,
      expiresMs: this.clock.now() + 90 * dayMs,
    });
    const root = this.state.root ?? new Uint8Array();
    const signed = await signTargets(next, { signers: this.keys.targets.slice(0, 2), root });
    this.files.set(targetFilePath(target), content);
    return this.upload({ roots: [], targets: signed.bytes });
  }

  async upload(upload: Upload): Promise<PublishOutcome> {
    const { snapshot, timestamp } = this.keys;
    const outcome = await publish({
      published: this.state,
      upload,
      signers: { snapshot, timestamp, director: this.onlineDirector ?? this.keys.director ?? [] },
      clock: this.clock,
      settings: defaultOnlineSettings,
    });
    if (outcome.kind === 'published') {
      for (const { path, bytes } of outcome.files) this.files.set(path, bytes);
      this.state = outcome.state;
    }
    return outcome;
  }

  /** Puts an instruction where the device finds it; of a published target unless a change says otherwise. */
  async instruct(
    change: Partial<NewInstruction> & { readonly signer?: Signer; readonly image?: string } = {},
  ): Promise<Uint8Array> {
    const { signer = this.keys.director?.[0] ?? newSigner(), image, ...instruction } = change;
    const bytes = await signInstruction(
      {
        thingName: lampName,
        target: image === undefined ? undefined : this.image(image),
        version: Math.floor(this.clock.now() / 1000),
        expiresMs: this.clock.now() + dayMs,
        ...instruction,
      },
      signer,
    );
    this.files.set(instructionFilePath, bytes);
    return bytes;
  }

  /** A published target. */
  image(path: string): NonNullable<NewInstruction['target']> {
    const { length, hashes } = signedPart(this.state.targets).targets[path];
    return { path, length, sha256: hashes.sha256 };
  }

  /** Lets the time pass and publishes a new timestamp. */
  async renew(): Promise<PublishOutcome> {
    return this.upload({ roots: [] });
  }

  /** The published targets once more, as the next version, signed by today's keys. */
  async targetsAgain(): Promise<Uint8Array> {
    const json = JSON.parse(Buffer.from(this.state.targets ?? []).toString()).signed;
    const expires = tufTime(this.clock.now() + 90 * dayMs);
    return signedBytes({ ...json, version: json.version + 1, expires }, this.keys.targets.slice(0, 2));
  }

  /** What someone with the online keys (a stolen server) can do: sign any snapshot and timestamp. */
  async forgeOnline(change: {
    readonly snapshot?: Readonly<Record<string, unknown>>;
    readonly timestamp?: Readonly<Record<string, unknown>>;
    readonly snapshotSigners?: readonly Signer[];
    readonly timestampSigners?: readonly Signer[];
  }): Promise<void> {
    const snapshotJson = { ...signedPart(this.state.snapshot), ...change.snapshot };
    const snapshot = await signedBytes(snapshotJson, change.snapshotSigners ?? this.keys.snapshot);
    this.files.set(metadataFilePath('snapshot', Number(snapshotJson.version)), snapshot);
    const meta = {
      'snapshot.json': {
        version: snapshotJson.version,
        length: snapshot.length,
        hashes: { sha256: sha256Hex(snapshot) },
      },
    };
    const before = signedPart(this.state.timestamp);
    const timestampJson = { ...before, version: before.version + ++this.#forged, meta, ...change.timestamp };
    const timestamp = await signedBytes(timestampJson, change.timestampSigners ?? this.keys.timestamp);
    this.files.set(timestampFilePath, timestamp);
  }

  /** Offers these targets bytes, with a snapshot and timestamp that agree. */
  async forgeTargets(targets: Uint8Array): Promise<void> {
    const { version } = signedPart(targets);
    this.files.set(metadataFilePath('targets', version), targets);
    const entry = { version, length: targets.length, hashes: { sha256: sha256Hex(targets) } };
    const snapshotVersion = signedPart(this.state.snapshot).version + this.#forged + 1;
    await this.forgeOnline({ snapshot: { version: snapshotVersion, meta: { 'targets.json': entry } } });
  }
}

/** A published repository with one image. */
export async function publishedRepository(clock = fakeClock(), keys = newKeys()): Promise<TestRepository> {
  const repository = new TestRepository(keys, clock);
  const root = await repository.rootDraft(1);
  const empty = draftTargets({ version: 1, expiresMs: clock.now() + 90 * dayMs });
  const targets = await signTargets(empty, { signers: keys.targets.slice(0, 2), root });
  await repository.upload({ roots: [root], targets: targets.bytes });
  repository.firstRoot = root;
  await repository.release('lamp/1.0.0.img', fileOf('lamp firmware 1.0.0'), lampRelease('1.0.0', 1));
  return repository;
}

export function lampRelease(version: string, securityVersion: number) {
  return { product: 'lamp', version, securityVersion, hardware: ['lamp-r1'] };
}

/** The name of the device that a director's instructions are for. */
export const lampName = 'lamp-7';

/** The same under a director, which instructs the lamp to have that image. */
export async function directedRepository(clock = fakeClock()): Promise<TestRepository> {
  const repository = await publishedRepository(clock, { ...fastKeys(), director: [newSigner()] });
  await repository.instruct({ image: 'lamp/1.0.0.img' });
  return repository;
}

/** A device that trusts the repository's first root. */
export async function newDevice(
  repository: TestRepository,
  { store = createMemoryStore(), clock = repository.clock as Clock, thingName = lampName } = {},
): Promise<{ client: UpdateClient; store: TrustedStore }> {
  await installRoot(store, repository.firstRoot);
  const { fetcher } = repository;
  return { client: createUpdateClient({ store, fetcher, clock, thingName }), store };
}

export function collectingSink() {
  const written: Uint8Array[] = [];
  return {
    write: async (chunk: Uint8Array) => void written.push(chunk),
    bytes: () => new Uint8Array(Buffer.concat(written)),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: tests take published files apart and put them together wrongly
export function signedPart(bytes: Uint8Array | undefined): any {
  return JSON.parse(Buffer.from(bytes ?? []).toString()).signed;
}

export async function* chunks(bytes: Uint8Array, size = 1000): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

function streamOf(bytes: Uint8Array | undefined) {
  return bytes === undefined
    ? { kind: 'absent' as const }
    : { kind: 'stream' as const, chunks: chunks(bytes) };
}
