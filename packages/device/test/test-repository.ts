import { generateKeyPairSync, sign } from 'node:crypto';
import type { Clock, Signer } from '@fleetward/core';
import {
  addTarget,
  chunkIndexPath,
  createChunkIndexer,
  customOfChunks,
  customOfRelease,
  defaultOnlineSettings,
  describeTarget,
  draftRoot,
  draftTargets,
  type Fetcher,
  formatChunkIndex,
  instructionFilePath,
  makePatch,
  type PublishedState,
  patchPath,
  publish,
  type Release,
  signInstruction,
  signRoot,
  signTargets,
  targetFilePath,
} from '@fleetward/updates';

const dayMs = 86_400_000;

export const lamp: Release = { product: 'lamp', version: '1.0.0', securityVersion: 1, hardware: ['lamp-r1'] };

/** The device that directors instruct. */
export const lampName = 'lamp-1';

/** A TUF repository as release engineers and the server make it, in a map of URL paths. */
export class TestRepository {
  readonly files = new Map<string, Uint8Array>();
  /** From which byte on each download of an image was asked for. */
  readonly asked: number[] = [];
  /** Bytes of images and indexes that were sent. */
  servedBytes = 0;
  readonly clock: Clock;
  readonly #keys = { root: edKey(), targets: edKey(), snapshot: edKey(), timestamp: edKey() };
  readonly #director: Signer | undefined;
  #state: PublishedState = {};
  #instructions = 0;
  #root: Uint8Array = new Uint8Array();

  private constructor(clock: Clock, isDirected: boolean) {
    this.clock = clock;
    this.#director = isDirected ? edKey() : undefined;
  }

  /** With a director, which has instructed nobody yet. */
  static async create(clock: Clock = Date, { isDirected = false } = {}): Promise<TestRepository> {
    const repository = new TestRepository(clock, isDirected);
    await repository.#publishFirst();
    return repository;
  }

  get root(): Uint8Array {
    return this.#root;
  }

  get fetcher(): Fetcher {
    return {
      fetch: async (path, { fromByte = 0, toByte }) => {
        const bytes = this.files.get(path)?.subarray(fromByte, toByte === undefined ? undefined : toByte + 1);
        if (bytes === undefined) return { kind: 'absent' };
        if (path.startsWith('targets/')) {
          this.asked.push(fromByte);
          this.servedBytes += bytes.length;
        }
        return { kind: 'stream', chunks: pieces(bytes), fromByte };
      },
    };
  }

  /** Signs and publishes an image; answers the URL path of its bytes. */
  async release(
    image: Uint8Array,
    {
      hasChunks = false,
      patchFrom,
      patchTo = image,
      ...overrides
    }: Partial<Release> & {
      readonly hasChunks?: boolean;
      readonly patchFrom?: Uint8Array;
      readonly patchTo?: Uint8Array;
    } = {},
  ): Promise<string> {
    const release = { ...lamp, ...overrides };
    const path = `${release.product}/${release.version}-${release.hardware[0]}.img`;
    const chunks = hasChunks ? await this.#indexChunks(path, image) : {};
    const patches = patchFrom === undefined ? {} : await this.#patch(path, { from: patchFrom, to: patchTo });
    const custom = { ...customOfRelease(release), ...chunks, ...patches };
    const target = await describeTarget(path, { content: pieces(image), custom });
    const expiresMs = this.clock.now() + 90 * dayMs;
    const draft = addTarget(this.#state.targets!, { target, expiresMs });
    const { bytes } = await signTargets(draft, { signers: [this.#keys.targets], root: this.#root });
    this.files.set(targetFilePath(target), image);
    await this.#publish({ roots: [], targets: bytes });
    return targetFilePath(target);
  }

  /** Instructs the lamp, or another thing, to have the newest image of that version; nothing: to stay as it is. */
  async instruct(
    version?: string,
    { thingName = lampName, number = 0, signer = this.#director! } = {},
  ): Promise<void> {
    const { targets } = JSON.parse(Buffer.from(this.#state.targets!).toString()).signed;
    const path = Object.keys(targets).find((name) => version !== undefined && name.includes(`/${version}-`));
    const { length, hashes } = targets[path ?? ''] ?? {};
    const target = path === undefined ? undefined : { path, length, sha256: hashes.sha256 };
    const nowMs = this.clock.now();
    const instruction = {
      thingName,
      target,
      version: number || Math.floor(nowMs / 1000) + this.#instructions++,
      expiresMs: nowMs + dayMs,
    };
    this.files.set(instructionFilePath, await signInstruction(instruction, signer));
  }

  /** A patch beside the image, and what the image's target says of it. */
  async #patch(path: string, { from, to }: { readonly from: Uint8Array; readonly to: Uint8Array }) {
    const bytes = await makePatch(from, to);
    const { sha256, length } = await describeTarget('base', { content: pieces(from), custom: {} });
    const base = { sha256, length };
    const patch = await describeTarget(patchPath(path, base), { content: pieces(bytes), custom: {} });
    this.files.set(targetFilePath(patch), bytes);
    return { patches: [{ base, sha256: patch.sha256, length: patch.length }] };
  }

  /** An index of chunks beside the image, and what the image's target says of it. */
  async #indexChunks(path: string, image: Uint8Array) {
    const indexer = createChunkIndexer();
    indexer.push(image);
    const bytes = formatChunkIndex(indexer.end())!;
    const index = await describeTarget(chunkIndexPath(path), { content: pieces(bytes), custom: {} });
    this.files.set(targetFilePath(index), bytes);
    return customOfChunks(index);
  }

  async #publishFirst(): Promise<void> {
    const role = (signer: Signer) => ({ publicKeys: [signer.publicKey], threshold: 1 });
    const { root, targets, snapshot, timestamp } = this.#keys;
    const roles = {
      root: role(root),
      targets: role(targets),
      snapshot: role(snapshot),
      timestamp: role(timestamp),
      ...(this.#director && { director: role(this.#director) }),
    };
    const expiresMs = this.clock.now() + 365 * dayMs;
    this.#root = (await signRoot(draftRoot({ version: 1, expiresMs, roles }), { signers: [root] })).bytes;
    const empty = draftTargets({ version: 1, expiresMs });
    const signed = await signTargets(empty, { signers: [targets], root: this.#root });
    await this.#publish({ roots: [this.#root], targets: signed.bytes });
  }

  async #publish(upload: {
    readonly roots: readonly Uint8Array[];
    readonly targets: Uint8Array;
  }): Promise<void> {
    const { snapshot, timestamp } = this.#keys;
    const outcome = await publish({
      published: this.#state,
      upload,
      signers: {
        snapshot: [snapshot],
        timestamp: [timestamp],
        director: this.#director ? [this.#director] : [],
      },
      clock: this.clock,
      settings: defaultOnlineSettings,
    });
    if (outcome.kind !== 'published') throw new Error(`not published: ${JSON.stringify(outcome)}`);
    for (const { path, bytes } of outcome.files) this.files.set(path, bytes);
    this.#state = outcome.state;
  }
}

export function edKey(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    algorithm: 'ed25519',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: async (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

async function* pieces(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  const size = Math.max(1, Math.ceil(bytes.length / 4));
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}
