/**
 * Writes the language-neutral vectors: `node --conditions=fleetward-source test/make-vectors.ts`. Keys are made for the
 * purpose and forgotten. A refresh vector is one run of the client workflow (TUF 1.0.34 §5): what is trusted, what the
 * repository offers, the clock, and the verdict. A signature vector is a file, a key and a signature made with openssl.
 */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signedBytes, tufTime } from '../src/metadata/sign.ts';
import { metadataFilePath } from '../src/metadata/target-path.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import {
  dayMs,
  fileOf,
  lampRelease,
  newDevice,
  newSigner,
  publishedRepository,
  signedPart,
  type TestRepository,
} from './kit.ts';
import { rsa2049 } from './odd-rsa-key.ts';

interface RefreshCase {
  readonly name: string;
  readonly description: string;
  readonly expected: Readonly<Record<string, unknown>>;
  /** Refresh the device once before the change. */
  readonly isFirst?: true;
  readonly change?: (repository: TestRepository) => Promise<unknown>;
}

const ok = { kind: 'refreshed' };
const refused = (step: string, reason: string) => ({ kind: 'refused', step, reason });

const refreshCases: readonly RefreshCase[] = [
  {
    name: 'first-refresh',
    description: 'a device that holds the first root only',
    expected: ok,
    isFirst: true,
  },
  { name: 'nothing-new', description: 'the timestamp has the trusted version', expected: ok },
  { name: 'new-release', description: 'a new targets version', expected: ok, change: newRelease },
  { name: 'root-rotation', description: 'every key is replaced', expected: ok, change: rotateAll },
  {
    name: 'fast-forward-recovery',
    description: 'the root rotates keys that had signed huge versions, which the device trusts',
    expected: ok,
    change: async (repository) => repository.rotate({ timestamp: [newSigner()], snapshot: [newSigner()] }),
  },
  {
    name: 'timestamp-rollback',
    description: 'an older timestamp is replayed',
    expected: refused('5.4.3.1', 'rollback'),
    change: (repository) => repository.forgeOnline({ timestamp: { version: 1 } }),
  },
  {
    name: 'snapshot-rollback',
    description: 'a newer timestamp names an older snapshot',
    expected: refused('5.4.3.2', 'rollback'),
    change: (repository) => repository.forgeOnline({ snapshot: { version: 1 } }),
  },
  {
    name: 'targets-rollback',
    description: 'a newer snapshot names older targets',
    expected: refused('5.5.5', 'rollback'),
    change: (repository) => forgeSnapshot(repository, { meta: { 'targets.json': { version: 1 } } }),
  },
  {
    name: 'targets-gone',
    description: 'a newer snapshot no longer names a trusted role',
    expected: refused('5.5.5', 'rollback'),
    change: (repository) => forgeSnapshot(repository, { meta: { 'other.json': { version: 1 } } }),
  },
  {
    name: 'timestamp-expired',
    description: 'the timestamp expired the very moment the refresh starts',
    expected: refused('5.4.4', 'expired'),
    change: async (repository) => repository.clock.advance(dayMs),
  },
  {
    name: 'snapshot-expired',
    description: 'a fresh timestamp names an expired snapshot',
    expected: refused('5.5.6', 'expired'),
    change: (repository) => forgeSnapshot(repository, { expires: tufTime(repository.clock.now()) }),
  },
  {
    name: 'root-expired',
    description: 'the last root has expired',
    expected: refused('5.3.10', 'expired'),
    change: async (repository) => repository.clock.advance(366 * dayMs),
  },
  {
    name: 'root-version-skipped',
    description: 'the file 2.root.json holds version 3',
    expected: refused('5.3.5', 'version-mismatch'),
    change: async (repository) =>
      repository.files.set(metadataFilePath('root', 2), await repository.rootDraft(3)),
  },
  {
    name: 'root-of-strangers',
    description: 'the next root is signed by its own keys only',
    expected: refused('5.3.4', 'below-threshold'),
    change: async (repository) => {
      const keys = { ...repository.keys, root: [newSigner(), newSigner()] };
      repository.files.set(metadataFilePath('root', 2), await repository.rootDraft(2, keys));
    },
  },
  {
    name: 'timestamp-of-strangers',
    description: 'the timestamp is signed with a key the root does not name',
    expected: refused('5.4.2', 'below-threshold'),
    change: (repository) => repository.forgeOnline({ timestampSigners: [newSigner()] }),
  },
  {
    name: 'targets-below-threshold',
    description: 'one of two needed keys signed the targets',
    expected: refused('5.6.3', 'below-threshold'),
    change: async (repository) => {
      const targets = { ...signedPart(repository.state.targets), version: 3 };
      await repository.forgeTargets(await signedBytes(targets, repository.keys.targets.slice(0, 1)));
    },
  },
  {
    name: 'targets-signed-online',
    description: 'the stolen online keys signed the targets',
    expected: refused('5.6.3', 'below-threshold'),
    change: async (repository) => {
      const { snapshot, timestamp } = repository.keys;
      const targets = { ...signedPart(repository.state.targets), version: 3 };
      await repository.forgeTargets(await signedBytes(targets, [...snapshot, ...timestamp]));
    },
  },
  {
    name: 'snapshot-tampered',
    description: 'the snapshot is not the one the timestamp names by hash',
    expected: refused('5.5.2', 'hash-mismatch'),
    isFirst: true,
    change: async (repository) => {
      const { version } = signedPart(repository.state.snapshot);
      repository.files.set(metadataFilePath('snapshot', version), flipLast(repository.state.snapshot));
    },
  },
  {
    name: 'targets-missing',
    description: 'the repository does not have the targets the snapshot names',
    expected: refused('5.6.1', 'missing'),
    isFirst: true,
    change: async (repository) => repository.files.delete(metadataFilePath('targets', 2)),
  },
];

for (const refreshCase of refreshCases) await writeRefreshVector(refreshCase);
writeSignatureVectors();

async function writeRefreshVector({
  name,
  description,
  expected,
  isFirst,
  change,
}: RefreshCase): Promise<void> {
  const repository = await publishedRepository();
  const files = new Map<string, Uint8Array>();
  const memory = createMemoryStore();
  const store = {
    ...memory,
    write: (key: string, bytes: Uint8Array) => {
      files.set(key, bytes);
      return memory.write(key, bytes);
    },
  };
  const { client } = await newDevice(repository, { store });
  if (name === 'fast-forward-recovery') await runAhead(repository);
  if (!isFirst) await client.refresh();
  await change?.(repository);
  const metadata = [...repository.files].filter(([path]) => path.startsWith('metadata/'));
  write('tuf', expected.kind === 'refreshed', name, {
    description,
    startTime: tufTime(repository.clock.now()),
    trusted: texts([...files].filter(([key]) => key !== 'time-floor')),
    repository: texts(metadata),
    expected,
  });
}

async function newRelease(repository: TestRepository) {
  repository.clock.advance(1000);
  await repository.release('lamp/1.1.0.img', fileOf('lamp firmware 1.1.0'), lampRelease('1.1.0', 2));
}

async function rotateAll(repository: TestRepository) {
  repository.clock.advance(1000);
  const pair = () => [newSigner(), newSigner()];
  await repository.rotate({
    root: pair(),
    targets: pair(),
    snapshot: [newSigner()],
    timestamp: [newSigner()],
  });
}

function runAhead(repository: TestRepository) {
  const version = Number.MAX_SAFE_INTEGER;
  return repository.forgeOnline({ snapshot: { version }, timestamp: { version } });
}

function forgeSnapshot(repository: TestRepository, change: Readonly<Record<string, unknown>>) {
  const version = signedPart(repository.state.snapshot).version + 1;
  return repository.forgeOnline({ snapshot: { ...change, version } });
}

function flipLast(bytes: Uint8Array | undefined): Uint8Array {
  return fileOf(
    Buffer.from(bytes ?? [])
      .toString()
      .replace(/\d(?=\D*$)/, (digit) => String((Number(digit) + 1) % 10)),
  );
}

function writeSignatureVectors(): void {
  const folder = mkdtempSync(join(tmpdir(), 'fleetward-vectors-'));
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  writeFileSync(join(folder, 'file'), 'firmware image\n');
  openssl('genrsa', '-out', '2048.pem', '2048');
  writeFileSync(join(folder, '2049.pem'), rsa2049().export({ type: 'pkcs8', format: 'pem' }));
  for (const bits of ['2048', '2049']) {
    openssl('rsa', '-in', `${bits}.pem`, '-pubout', '-out', `${bits}.pub`);
  }
  openssl('genpkey', '-algorithm', 'ed25519', '-out', 'ed.pem');
  openssl('pkey', '-in', 'ed.pem', '-pubout', '-out', 'ed.pub');

  const vector = (
    isValid: boolean,
    name: string,
    { key, description }: { key: string; description: string },
  ) => {
    const read = (file: string, encoding: 'utf8' | 'base64') =>
      readFileSync(join(folder, file)).toString(encoding);
    write('signature', isValid, name, {
      description,
      publicKey: read(`${key}.pub`, 'utf8'),
      file: read('file', 'base64'),
      signature: read('sig', 'base64'),
    });
  };
  const pss = (key: string, salt: string, digest = '-sha256') => {
    const options = ['-sigopt', 'rsa_padding_mode:pss', '-sigopt', `rsa_pss_saltlen:${salt}`];
    openssl('dgst', digest, ...options, '-sign', `${key}.pem`, '-out', 'sig', 'file');
  };
  pss('2048', 'max');
  vector(true, 'rsa-2048-max-salt', { key: '2048', description: 'RSA-PSS, SHA-256, salt of 222 bytes' });
  vector(false, 'other-key', { key: '2049', description: 'made with another key' });
  pss('2049', 'max');
  vector(true, 'rsa-2049-max-salt', {
    key: '2049',
    description: 'RSA-PSS, SHA-256, salt of 222 bytes, odd key size',
  });
  for (const salt of ['0', '32', '221']) {
    pss('2048', salt);
    vector(false, `rsa-2048-salt-${salt}`, {
      key: '2048',
      description: `RSA-PSS, SHA-256, salt of ${salt} bytes`,
    });
  }
  pss('2048', '190', '-sha512');
  vector(false, 'rsa-2048-sha512', { key: '2048', description: 'RSA-PSS with SHA-512 and its maximum salt' });
  openssl('dgst', '-sha256', '-sign', '2048.pem', '-out', 'sig', 'file');
  vector(false, 'rsa-2048-pkcs1', { key: '2048', description: 'PKCS#1 v1.5, SHA-256' });
  openssl('pkeyutl', '-sign', '-rawin', '-inkey', 'ed.pem', '-in', 'file', '-out', 'sig');
  vector(true, 'ed25519', { key: 'ed', description: 'Ed25519 over the file' });
  writeFileSync(join(folder, 'sig'), readFileSync(join(folder, 'sig')).subarray(0, 63));
  vector(false, 'ed25519-truncated', { key: 'ed', description: 'Ed25519 without its last byte' });
  rmSync(folder, { recursive: true });
}

function texts(files: readonly (readonly [string, Uint8Array])[]): Readonly<Record<string, string>> {
  return Object.fromEntries(files.map(([path, bytes]) => [path, Buffer.from(bytes).toString()]));
}

function write(kind: string, isValid: boolean, name: string, vector: object): void {
  const folder = new URL(
    `../../../conformance/vectors/${kind}/${isValid ? 'valid' : 'invalid'}/`,
    import.meta.url,
  );
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${name}.json`, folder), `${JSON.stringify(vector, null, 2)}\n`);
}
