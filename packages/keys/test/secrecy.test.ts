import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { seededRandom, temporaryFolder } from '@fleetward/testkit';
import { describe, expect, test } from 'vitest';
import { createEnvelope } from '../src/envelope.ts';
import { openKeyFile, parseKeyFile } from '../src/key-file.ts';
import { readMasterKey } from '../src/master-key.ts';
import { spawnSigningChild } from '../src/process/child.ts';
import { PendingRequests } from '../src/process/pending-requests.ts';
import { deriveKeyring } from '../src/subkeys.ts';
import { keySpec, masterKeyFile, testEntry } from './signing-fixture.ts';

const limits = { requestTimeoutMs: 30_000, inFlightMax: 10, inFlightBytesMax: 100_000 };

/** Every way in which bytes could have been written down; a part of them is enough to find them. */
function formsOf(secret: Uint8Array): readonly Buffer[] {
  const part = Buffer.from(secret.subarray(0, 15)); // Whole base64 groups: the same text wherever it stands alone.
  return [part, ...(['hex', 'base64', 'base64url'] as const).map((form) => Buffer.from(part.toString(form)))];
}

function contains(haystack: Buffer, secret: Uint8Array): boolean {
  return formsOf(secret).some((form) => haystack.includes(form));
}

/** A signing process of which every byte that comes out is kept. */
async function recordSession() {
  using folder = temporaryFolder();
  const masterKey = masterKeyFile(folder);
  const received: Uint8Array[] = [];
  const lines: string[] = [];
  const child = spawnSigningChild({
    entry: testEntry,
    masterKeys: [masterKey],
    environment: { SECRET_OF_THE_SERVER: 'x' },
    log: (line) => lines.push(line),
  });
  const kill = (): void => void child.process.kill('SIGKILL');
  const requests = new PendingRequests({
    limits,
    write: (bytes) => child.channel.write(bytes),
    onTimeout: kill,
  });
  child.channel.on('data', (chunk: Uint8Array) => {
    received.push(Uint8Array.from(chunk)); // A copy: what it holds may be wiped after use.
    requests.receive(chunk);
  });
  try {
    await requests.ask({ kind: 'start', keyFolder: folder.join('keys'), masterKeys: [masterKey] });
    const spec = keySpec('ca', { algorithm: 'ecdsa-p256-sha256', purpose: 'text-only' });
    await requests.ask({ kind: 'generate', spec });
    await requests.ask({ kind: 'sign', name: spec.name, message: Buffer.from('text') });
    await requests.ask({ kind: 'sign', name: spec.name, message: Uint8Array.of(0) }).catch(() => undefined);
    await requests.ask({ kind: 'generate', spec }).catch(() => undefined);
    const environ =
      process.platform === 'linux' ? readFileSync(`/proc/${child.process.pid}/environ`) : Buffer.alloc(0);
    return {
      received: Buffer.concat(received),
      log: Buffer.from(lines.join('\n')),
      environ,
      keyFile: readFileSync(folder.join('keys/ca.json')),
      masterKey: readMasterKey(masterKey, {}),
    };
  } finally {
    child.channel.end();
    await once(child.process, 'close');
  }
}

describe('what leaves the signing process', () => {
  test('is neither the private key, nor the master key, nor the signing subkey', async () => {
    const { received, log, environ, keyFile, masterKey } = await recordSession();
    const signing = deriveKeyring([masterKey], 'signing');
    const records = deriveKeyring([masterKey], 'records');
    const privateKey = openKeyFile(parseKeyFile(keyFile), createEnvelope(signing, seededRandom(0)));
    const secrets = {
      'the private scalar': Buffer.from(String(privateKey.export({ format: 'jwk' }).d), 'base64url'),
      'the master key': masterKey.export(),
      'the signing subkey': signing.current.key.export(),
    };
    for (const [name, secret] of Object.entries(secrets)) {
      for (const [place, bytes] of Object.entries({ received, log, keyFile })) {
        expect(contains(bytes, secret), `${name} in ${place}`).toBe(false);
      }
    }
    // The search does find what is meant to cross over.
    expect(contains(received, records.current.key.export())).toBe(true);
    expect(environ.toString()).not.toContain('SECRET_OF_THE_SERVER');
    expect(log.toString()).toBe('');
  });
});

describe('a published signing process', () => {
  test('takes no compiled code from where whoever runs the server could have left it', async () => {
    using folder = temporaryFolder();
    enableCompileCache(folder.path); // Changes nothing where this process keeps its own already.
    expect(await environmentIn(folder.join('entry.ts'))).toContain('NODE_COMPILE_CACHE');
    expect(await environmentIn(folder.join('entry.js'))).toEqual(['KEY']);
  });
});

/** The names of the variables that a signing process of this entry gets. */
async function environmentIn(entry: string): Promise<readonly string[]> {
  const lines: string[] = [];
  writeFileSync(entry, 'console.error(Object.keys(process.env).join())');
  const child = spawnSigningChild({
    entry,
    masterKeys: [{ kind: 'environment', variable: 'KEY' }],
    environment: { KEY: 'x' },
    log: (line) => lines.push(line),
  });
  await once(child.process, 'close');
  return lines.at(-1)?.split(',') ?? [];
}
