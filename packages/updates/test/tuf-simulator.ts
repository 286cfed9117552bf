import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Key, Metadata, MetadataKind, Signature } from '@tufjs/models';
import { sha256Hex, tufKeyFromSpki } from '../src/metadata/key.ts';

type Scheme = 'ed25519' | 'ecdsa-sha2-nistp256' | 'rsassa-pss-sha256';
type Draft = Record<string, unknown> & { version: number; expires: string };

/** A key pair with its TUF form. */
export interface SimulatedKey {
  readonly key: Key;
  readonly sign: (data: Uint8Array) => string;
}

export interface Delegation {
  readonly name: string;
  readonly paths?: readonly string[];
  readonly path_hash_prefixes?: readonly string[];
  readonly terminating?: boolean;
}

const dayMs = 86_400_000;
export const inDays = (days: number) =>
  new Date(Date.now() + days * dayMs).toISOString().replace(/\.\d+Z/, 'Z');

/**
 * A TUF repository that a test bends as it likes: plain drafts, which a foreign library's models make into signed files.
 * `publish` raises versions and writes a role's file; what was asked for over HTTP is in `requests`.
 */
export class TufSimulator implements AsyncDisposable {
  readonly files = new Map<string, Uint8Array>();
  /** Names of metadata files, as they were asked for. */
  readonly requests: string[] = [];
  /** Paths of targets, as they were asked for. */
  readonly downloads: string[] = [];
  readonly drafts = new Map<string, Draft>();
  readonly signers = new Map<string, SimulatedKey[]>();
  /** Whether timestamp and snapshot give length and hashes. */
  withHashes = false;
  readonly #server: Server;

  private constructor() {
    this.#server = createServer((request, answer) => {
      const path = (request.url ?? '').slice(1);
      (path.startsWith('metadata/') ? this.requests : this.downloads).push(path.replace(/^[a-z]+\//, ''));
      const bytes = this.files.get(path);
      answer.writeHead(bytes === undefined ? 404 : 200).end(bytes);
    });
  }

  static async start(scheme: Scheme = 'ed25519'): Promise<TufSimulator> {
    const simulator = new TufSimulator();
    const common = { spec_version: '1.0.31', version: 0, expires: inDays(30) };
    const draft = (_type: string, rest: object) => ({ _type, ...common, ...rest });
    simulator.drafts.set('root', draft('root', { consistent_snapshot: true, keys: {}, roles: {} }));
    simulator.drafts.set('timestamp', draft('timestamp', { meta: {} }));
    simulator.drafts.set('snapshot', draft('snapshot', { meta: {} }));
    simulator.drafts.set('targets', draft('targets', { targets: {} }));
    for (const role of topLevel) simulator.setKeys(role, { keys: [newKey(scheme)] });
    simulator.publish('root', 'targets', 'snapshot', 'timestamp');
    await new Promise<void>((resolve) => simulator.#server.listen(0, '127.0.0.1', resolve));
    return simulator;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  draft(role: string): Draft {
    return this.drafts.get(role)!;
  }

  root(version: number): Uint8Array {
    return this.files.get(`metadata/${version}.root.json`)!;
  }

  /** Who may sign a top-level role in the next root, and who will. */
  setKeys(
    role: string,
    options: {
      readonly keys: readonly SimulatedKey[];
      readonly threshold?: number;
      readonly signers?: readonly SimulatedKey[];
    },
  ): void {
    const { keys, threshold = 1, signers = keys } = options;
    const root = this.draft('root') as unknown as {
      keys: Record<string, object>;
      roles: Record<string, object>;
    };
    for (const { key } of keys) root.keys[key.keyID] = key.toJSON();
    root.roles[role] = { keyids: keys.map(({ key }) => key.keyID), threshold };
    this.signers.set(role, [...signers]);
  }

  /** Delegates from a role to others, each with a key of its own unless it has one. */
  delegate(from: string, delegations: readonly Delegation[], succinct?: object): void {
    const keys: Record<string, object> = {};
    const roles = delegations.map(({ terminating = false, ...rest }) => {
      const [signer] = this.#signersOf(rest.name);
      keys[signer.key.keyID] = signer.key.toJSON();
      return { ...rest, terminating, keyids: [signer.key.keyID], threshold: 1 };
    });
    this.draft(from).delegations = succinct ?? { keys, roles };
  }

  addTarget(role: string, path: string, content: string): void {
    const bytes = Buffer.from(content);
    const sha256 = sha256Hex(bytes);
    const { targets } = this.draft(role) as unknown as { targets: Record<string, object> };
    targets[path] = { length: bytes.length, hashes: { sha256 } };
    const [name = '', ...folders] = path.split('/').map(encodeURIComponent).toReversed();
    this.files.set(['targets', ...folders.toReversed(), `${sha256}.${name}`].join('/'), bytes);
  }

  /** The next version of each role in turn, signed by whoever signs it now, and named by the role above it. */
  publish(...roles: readonly string[]): void {
    for (const role of roles) {
      const draft = this.draft(role);
      draft.version++;
      this.write(role);
      const parent = role === 'snapshot' ? 'timestamp' : 'snapshot';
      if (role !== 'root' && role !== 'timestamp') this.#name(role, parent);
    }
  }

  /** Writes a role's file at the version its draft says. */
  write(role: string, { indent }: { readonly indent?: number } = {}): void {
    const draft = this.draft(role);
    const kind = kinds[role] ?? MetadataKind.Targets;
    const file = modelOf(kind, { signed: draft, signatures: [] } as never);
    for (const { key, sign } of this.signers.get(role) ?? [])
      file.sign((data: Uint8Array) => new Signature({ keyID: key.keyID, sig: sign(data) }), true);
    const name = role === 'timestamp' ? role : `${draft.version}.${encodeURIComponent(role)}`;
    this.files.set(`metadata/${name}.json`, Buffer.from(JSON.stringify(file.toJSON(), undefined, indent)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #signersOf(role: string): [SimulatedKey] {
    if (!this.signers.has(role)) {
      this.signers.set(role, [newKey()]);
      const common = { spec_version: '1.0.31', version: 0, expires: inDays(30) };
      this.drafts.set(role, { _type: 'targets', ...common, targets: {} });
    }
    return this.signers.get(role) as [SimulatedKey];
  }

  #name(role: string, parent: string): void {
    const { version } = this.draft(role);
    const bytes = this.files.get(`metadata/${version}.${encodeURIComponent(role)}.json`)!;
    const described = { length: bytes.length, hashes: { sha256: sha256Hex(bytes) } };
    const { meta } = this.draft(parent) as unknown as { meta: Record<string, object> };
    meta[`${role}.json`] = { version, ...(this.withHashes && described) };
  }
}

const topLevel = ['root', 'timestamp', 'snapshot', 'targets'] as const;
const kinds: Readonly<Record<string, MetadataKind>> = {
  root: MetadataKind.Root,
  timestamp: MetadataKind.Timestamp,
  snapshot: MetadataKind.Snapshot,
};

// The model's overloads want one kind each.
const modelOf = Metadata.fromJSON as (kind: MetadataKind, data: never) => Metadata<never>;

export function newKey(scheme: Scheme = 'ed25519'): SimulatedKey {
  const { privateKey, publicKey } = pairOf(scheme);
  const key = tufKeyFromSpki(publicKey.export({ type: 'spki', format: 'der' }));
  return { key, sign: (data) => signatureOf(scheme, { key: privateKey, data }).toString('hex') };
}

/** The same key under another id. */
export function underId({ key, sign }: SimulatedKey, keyID: string): SimulatedKey {
  const { keyType, scheme, keyVal } = key;
  return { key: new Key({ keyID, keyType, scheme, keyVal }), sign };
}

function pairOf(scheme: Scheme): { readonly privateKey: KeyObject; readonly publicKey: KeyObject } {
  if (scheme === 'ed25519') return generateKeyPairSync('ed25519');
  if (scheme === 'rsassa-pss-sha256') return generateKeyPairSync('rsa', { modulusLength: 2048 });
  return generateKeyPairSync('ec', { namedCurve: 'P-256' });
}

function signatureOf(scheme: Scheme, { key, data }: { key: KeyObject; data: Uint8Array }): Buffer {
  if (scheme === 'ed25519') return sign(null, data, key);
  if (scheme === 'rsassa-pss-sha256') return sign('sha256', data, { key, padding: 6, saltLength: 32 });
  return sign('sha256', data, { key, dsaEncoding: 'der' });
}
