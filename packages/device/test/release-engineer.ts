import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { Readable } from 'node:stream';
import { fromBase64, type Signer, toBase64 } from '@fleetward/core';
import { type ApiClient, getOnlineKeys, publishMetadata, putArtifact } from '@fleetward/protocol';
import {
  addToRelease,
  customOfRelease,
  describeTarget,
  initRelease,
  type Release,
  type ReleaseFolder,
  readUpload,
  signRelease,
} from '@fleetward/updates';
import { lamp } from './test-repository.ts';

const dayMs = 86_400_000;

/** A release engineer with one key, who publishes on a real platform. */
export class ReleaseEngineer {
  readonly #api: ApiClient;
  readonly #key = edKey();
  readonly #files = new Map<string, Uint8Array>();
  readonly #folder: ReleaseFolder = {
    read: async (name) => this.#files.get(name),
    write: async (name, bytes) => void this.#files.set(name, bytes),
  };
  #publishedRoots = 0;

  private constructor(api: ApiClient) {
    this.#api = api;
  }

  /** With a root that names the platform's director, or none. */
  static async start(api: ApiClient, { isDirected = false } = {}): Promise<ReleaseEngineer> {
    const engineer = new ReleaseEngineer(api);
    const { snapshot, timestamp, director } = await api.call(getOnlineKeys);
    const role = (publicKey: Uint8Array) => ({ publicKeys: [publicKey], threshold: 1 });
    const own = role(engineer.#key.publicKey);
    const online = { snapshot: fromBase64(snapshot.publicKey), timestamp: fromBase64(timestamp.publicKey) };
    const roles = {
      root: own,
      targets: own,
      snapshot: role(online.snapshot),
      timestamp: role(online.timestamp),
      ...(isDirected && { director: role(fromBase64(director.publicKey)) }),
    };
    const expiresMs = Date.now() + 90 * dayMs;
    await initRelease(engineer.#folder, { roles, rootExpiresMs: expiresMs, targetsExpiresMs: expiresMs });
    await signRelease(engineer.#folder, [engineer.#key]);
    return engineer;
  }

  get root(): Uint8Array {
    return this.#files.get('1.root.json')!;
  }

  async release(image: Uint8Array, overrides: Partial<Release> = {}): Promise<void> {
    const release = { ...lamp, ...overrides };
    const path = `${release.product}/${release.component ?? 'firmware'}-${release.version}`;
    const content = Readable.from([image]);
    const target = await describeTarget(path, { content, custom: customOfRelease(release) });
    await addToRelease(this.#folder, { target, expiresMs: Date.now() + 90 * dayMs });
    await signRelease(this.#folder, [this.#key]);
    const sha256 = createHash('sha256').update(image).digest('hex');
    await this.#api.call(putArtifact, { params: { sha256 }, body: image });
    const { roots, targets } = await readUpload(this.#folder, this.#publishedRoots);
    this.#publishedRoots = 1;
    const body = { roots: roots.map(toBase64), ...(targets && { targets: toBase64(targets) }) };
    await this.#api.call(publishMetadata, { body });
  }
}

function edKey(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return {
    algorithm: 'ed25519',
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
    sign: async (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}
