import { generateKeyPairSync, sign } from 'node:crypto';
import { fromBase64, toBase64 } from '@fleetward/core';
import {
  exportTrail,
  formatTrailLine,
  getTrailPublicKey,
  parseTrailLine,
  revokeCertificate,
  type TrailCheckpoint,
  type TrailLine,
  trailCheckpointMessage,
  trailEntryHash,
  trailGenesis,
  trailPayloadHash,
  verifyTrailExport,
} from '@fleetward/protocol';
import { certificateIdOf, connected } from './connection-steps.ts';
import { must, type Story } from './story.ts';
import { deviceOf, explanationOf, type World } from './world.ts';

/** Step 7: revocation, timed to the moment the peer sees the end of its connection. */
export async function revocationSteps(story: Story, world: World): Promise<void> {
  story.step('The certificate is revoked');
  const device = deviceOf(world, 'my_iot_device');
  await story.try('revoke it while the device is connected', async () => {
    const client = await connected(world, device);
    const cut = new Promise<number>((resolve) =>
      client.observe(({ kind }) => kind === 'disconnected' && resolve(performance.now())),
    );
    const startedMs = performance.now();
    const params = { certificateId: certificateIdOf(device) };
    const answered = world.api.call(revokeCertificate, { params, body: { reason: 'keyCompromise' } });
    const latencyMs = (await cut) - startedMs;
    const { sessionsCut, steps } = await answered;
    await client.close();
    must(latencyMs < 1_000, `the peer saw the end after ${latencyMs.toFixed(0)} ms`);
    const from = steps[0]!.atMs;
    const told = steps.slice(1).map(({ step, atMs }) => `${step} ${atMs - from} ms`);
    return `cut: the peer saw the end after ${latencyMs.toFixed(1)} ms (${sessionsCut} session; ${told.join(', ')})`;
  });
  await story.try('connect again', async () => {
    const again = await connected(world, device).then(
      () => true,
      () => false,
    );
    must(!again, 'the revoked certificate was admitted');
    return `refused: ${await explanationOf(world, 'certificate_revoked')}`;
  });
}

/** Step 8: the trail of all of this, and what becomes of copies that were altered. */
export async function trailSteps(story: Story, world: World): Promise<void> {
  story.step('The trail');
  let lines: readonly TrailLine[] = [];
  let publicKey: Uint8Array = new Uint8Array();
  let kept: TrailCheckpoint | undefined;
  await story.try('export it and verify its hash chain offline', async () => {
    publicKey = fromBase64((await world.api.call(getTrailPublicKey)).publicKey);
    const { bytes } = await world.api.download(exportTrail);
    const text = (await collect(bytes)).toString('utf8');
    lines = text.split('\n').filter(Boolean).map(parseTrailLine);
    const verdict = await verify(lines, { publicKey });
    must(verdict.kind === 'intact', `broken: ${verdict.kind === 'broken' ? verdict.reason : ''}`);
    kept = verdict.through;
    return `intact: ${verdict.entries} entries (${kindsOf(lines)}), checkpoint signed by the platform`;
  });
  const found = (tried: string, copy: () => readonly TrailLine[]) =>
    story.try(tried, async () => {
      must(kept !== undefined, 'there is no verified trail: an earlier step failed');
      const verdict = await verify(copy(), { publicKey, expected: kept });
      must(verdict.kind === 'broken', 'the altered copy verifies');
      return `found at entry ${verdict.seq}: ${verdict.reason}`;
    });
  await found('a copy with a flipped byte', () => flipByte(lines));
  await found('a copy that is cut off', () => lines.slice(0, Math.floor(lines.length / 2)));
  await found('a copy with two entries swapped', () => swap(lines));
  await found('a copy with entries spliced out', () =>
    lines.filter((line) => line.type !== 'entry' || line.entry.seq !== 3),
  );
  await found('a copy rewritten whole, without the checkpoint key', () => rewrite(lines));
}

function verify(
  lines: readonly TrailLine[],
  trust: { readonly publicKey: Uint8Array; readonly expected?: TrailCheckpoint },
) {
  const text = lines.map((line) => `${formatTrailLine(line)}\n`).join('');
  return verifyTrailExport([Buffer.from(text)], trust);
}

async function collect(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function kindsOf(lines: readonly TrailLine[]): string {
  const counts = new Map<string, number>();
  for (const line of lines)
    if (line.type === 'entry') counts.set(line.entry.kind, (counts.get(line.entry.kind) ?? 0) + 1);
  return [...counts].map(([kind, count]) => (count === 1 ? kind : `${count}× ${kind}`)).join(', ');
}

function flipByte(lines: readonly TrailLine[]): readonly TrailLine[] {
  return lines.map((line) =>
    line.type === 'entry' && line.entry.seq === 4
      ? { ...line, entry: { ...line.entry, at: line.entry.at ^ 1 } }
      : line,
  );
}

function swap(lines: readonly TrailLine[]): readonly TrailLine[] {
  const swapped = [...lines];
  const at = lines.findIndex((line) => line.type === 'entry' && line.entry.seq === 5);
  [swapped[at], swapped[at + 1]] = [swapped[at + 1]!, swapped[at]!];
  return swapped;
}

/** What an attacker who owns the database can do: another story, with every hash right, signed by a key of their own. */
function rewrite(lines: readonly TrailLine[]): readonly TrailLine[] {
  const forger = generateKeyPairSync('ed25519').privateKey;
  const entries = lines.filter((line) => line.type === 'entry');
  let prev = trailGenesis(entries[0]!.entry.node);
  const rewritten: TrailLine[] = entries.map((line) => {
    const payload = (line.payload ?? '{}').replace('keyCompromise', 'superseded');
    const payloadHash =
      line.salt === undefined ? line.entry.payloadHash : trailPayloadHash(line.salt, payload);
    const entry = { ...line.entry, prev, payloadHash };
    prev = trailEntryHash(entry);
    return line.salt === undefined
      ? { type: 'entry', entry }
      : { type: 'entry', entry, salt: line.salt, payload };
  });
  const { node, seq, at } = entries.at(-1)!.entry;
  const checkpoint = { node, seq, hash: prev, at };
  const signature = toBase64(sign(null, trailCheckpointMessage(checkpoint), forger));
  return [...rewritten, { type: 'checkpoint', checkpoint: { ...checkpoint, signature } }];
}
