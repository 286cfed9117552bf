import { generateKeyPairSync } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fromHex, parseSha256 } from '@fleetward/core';
import { parseTpmPublic } from '@fleetward/pki';
import { type TemporaryFolder, temporaryFolder } from '@fleetward/testkit';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { publicKeyHash } from '../../src/certificates/index.ts';
import { openPlatform, type Platform } from '../certificates/test-platform.ts';

const operator = { kind: 'operator', operatorId: 'ada' } as const;
const binding = { kind: 'none', why: 'no TLS here' } as const;
const minuteMs = 60_000;

const vectors = new URL('../../../../conformance/vectors/tpm/valid/', import.meta.url);
function vector(file: string, name: string): Readonly<Record<string, string>> {
  const { cases } = JSON.parse(readFileSync(new URL(file, vectors), 'utf8'));
  return cases.find((one: { readonly name: string }) => one.name === name);
}
const template = vector('public-areas.json', 'an endorsement key, P-256 (template L-2)').publicArea!;
const said = vector('certifications.json', 'ECDSA of a P-256 key');

let folder: TemporaryFolder;
let platform: Platform;
let secret: string;

beforeEach(async () => {
  folder = temporaryFolder();
  platform = await openPlatform({ folder: folder.path });
  const terms = { namePattern: 'pump-*', usesMax: 5, profile: 'tpm-device', policies: [] } as const;
  secret = (await platform.enrollment.tokens.create({ ...terms, validityMs: 60 * minuteMs }, operator))
    .secret;
});

afterEach(async () => {
  await platform.close();
  folder.remove();
});

/** The public area of an endorsement key that the operator has listed: until the answer nobody sees whether there is a TPM. */
async function listedKey(): Promise<Uint8Array> {
  const { x = '', y = '' } = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({
    format: 'jwk',
  });
  const area = Buffer.from(template, 'hex');
  Buffer.from(x, 'base64url').copy(area, area.length - 66);
  Buffer.from(y, 'base64url').copy(area, area.length - 32);
  const hash = parseSha256(publicKeyHash(parseTpmPublic(area).publicKey));
  await platform.endorsements.add({ kind: 'key', hash }, operator);
  return area;
}

function ask(publicArea: Uint8Array, remoteAddress = '192.0.2.7') {
  const evidence = {
    endorsementKey: { publicArea },
    attestationKey: fromHex(said.attestationKey!),
    deviceKey: fromHex(said.deviceKey!),
    certification: fromHex(said.attestation!),
    signature: fromHex(said.signature!),
  };
  return platform.enrollment.challenge({ evidence, secret, remoteAddress });
}

test('a network has 64 challenges at once, whichever of its addresses they are asked from', async () => {
  for (let key = 0; key < 8; key++) {
    const area = await listedKey();
    for (let at = 0; at < 8; at++)
      expect(await ask(area, `2001:db8::${key}:${at}`)).toMatchObject({ kind: 'challenged' });
  }
  const other = await listedKey();
  expect(await ask(other, '2001:db8::9:9')).toMatchObject({ reason: 'busy' });
  expect(await ask(other, '2001:db8:0:1::1')).toMatchObject({ kind: 'challenged' });
  platform.clock.advance(5 * minuteMs);
  expect(await ask(other, '2001:db8::9:9')).toMatchObject({ kind: 'challenged' });
});

test('an endorsement key holds eight places, its newest, and takes none from the others', async () => {
  const greedy = await listedKey();
  const ids = [];
  for (let at = 0; at < 65; at++) {
    const outcome = await ask(greedy);
    if (outcome.kind === 'refused') throw new Error(outcome.explanation);
    ids.push(outcome.challengeId);
  }
  expect(await ask(await listedKey())).toMatchObject({ kind: 'challenged' });
  const end = async (challengeId: string) => {
    const answer = { challengeId, secret: new Uint8Array(32) };
    const csrDer = new Uint8Array();
    const asked = { answer, csrDer, secret, remoteAddress: '192.0.2.7', binding };
    return (await platform.enrollment.enrollWithTpm(asked)) as { readonly explanation: string };
  };
  expect((await end(ids.at(-9)!)).explanation).toContain('no such challenge');
  expect((await end(ids.at(-8)!)).explanation).toContain('not the secret');
});
