import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fromBase64 } from '@fleetward/core';
import { type TrailCheckpoint, verifyTrailExport } from '@fleetward/protocol';
import { describe, expect, test } from 'vitest';

interface Vector {
  readonly comment: string;
  readonly publicKey: string;
  readonly expected?: TrailCheckpoint;
  readonly lines: readonly string[];
  readonly entries?: number;
  readonly erased?: number;
  readonly seq?: number;
}

const root = join(import.meta.dirname, '../../../../conformance/vectors/trail');

describe.each(['valid', 'invalid'])('%s trail vectors', (kind) => {
  const files = readdirSync(join(root, kind));

  test.each(files)('%s', async (file) => {
    const vector: Vector = JSON.parse(readFileSync(join(root, kind, file), 'utf8'));
    const { lines, publicKey, expected, entries, erased, seq } = vector;
    const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
    const kept = expected === undefined ? {} : { expected };
    const verdict = await verifyTrailExport([bytes], { publicKey: fromBase64(publicKey), ...kept });
    expect(verdict).toMatchObject(
      kind === 'valid' ? { kind: 'intact', entries, erased } : { kind: 'broken', seq },
    );
  });
});
