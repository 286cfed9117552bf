import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { createUpdateClient } from '../src/client/client.ts';
import { verifyPlainSignature } from '../src/plain/verify-plain.ts';
import { createMemoryStore } from '../src/store/trusted-store.ts';
import { fakeClock, fileOf } from './kit.ts';

function vectorsOf(kind: string, verdict: 'valid' | 'invalid') {
  const folder = new URL(`../../../conformance/vectors/${kind}/${verdict}/`, import.meta.url);
  return readdirSync(folder).map(
    (name) => [name, JSON.parse(readFileSync(new URL(name, folder), 'utf8'))] as const,
  );
}

describe('conformance vectors', () => {
  it.each(
    ['tuf', 'director'].flatMap((kind) => [...vectorsOf(kind, 'valid'), ...vectorsOf(kind, 'invalid')]),
  )('refresh: %s', async (_name, vector) => {
    const store = createMemoryStore();
    for (const [name, text] of Object.entries(vector.trusted)) await store.write(name, fileOf(String(text)));
    const fetcher = {
      fetch: async (path: string) => {
        const text = vector.repository[path];
        if (text === undefined) return { kind: 'absent' as const };
        return {
          kind: 'stream' as const,
          chunks: (async function* () {
            yield fileOf(text);
          })(),
        };
      },
    };
    const clock = fakeClock(Date.parse(vector.startTime));
    const outcome = await createUpdateClient({
      store,
      fetcher,
      clock,
      thingName: vector.thingName,
    }).refresh();
    if (vector.expected.kind === 'refused') expect(outcome).toMatchObject(vector.expected);
    else expect(['updated', 'current']).toContain(outcome.kind);
  });

  it.each(vectorsOf('signature', 'valid'))('plain signature, accepted: %s', async (_name, vector) => {
    expect((await verify(vector)).kind).toBe('accepted');
  });

  it.each(vectorsOf('signature', 'invalid'))('plain signature, refused: %s', async (_name, vector) => {
    expect((await verify(vector)).kind).toBe('refused');
  });
});

function verify(vector: { readonly publicKey: string; readonly file: string; readonly signature: string }) {
  const file = new Uint8Array(Buffer.from(vector.file, 'base64'));
  const signature = new Uint8Array(Buffer.from(vector.signature, 'base64'));
  return verifyPlainSignature({ file, signature, publicKey: vector.publicKey });
}
