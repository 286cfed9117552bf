import { parseSha256 } from '@fleetward/core';
import type { Release } from '@fleetward/updates';
import { expect, test } from 'vitest';
import { newestFit } from '../../src/director/index.ts';

const lamp: Release = { product: 'lamp', version: '1.1.0', securityVersion: 2, hardware: ['r1', 'r2'] };
const model = { product: 'lamp', hardware: 'r1' };
const installed = { version: '1.0.0', securityVersion: 1 };

function published(...releases: readonly Partial<Release>[]) {
  return releases.map((change) => {
    const release = { ...lamp, ...change };
    const path = `${release.component ?? 'firmware'} ${release.version}`;
    return { path, lengthBytes: 7, sha256: parseSha256('a'.repeat(64)), release };
  });
}

const chosen = (releases: ReturnType<typeof published>, report: object) =>
  newestFit(releases, { protocolVersion: 3, ...report })?.path;

test.each<[string, readonly Partial<Release>[], object, string | undefined]>([
  ['the newest', [{}, { version: '1.10.0' }, { version: '1.2.0' }], { model, installed }, 'firmware 1.10.0'],
  ['one for a device that has none yet', [{}], { model }, 'firmware 1.1.0'],
  [
    'nothing for a device that has it',
    [{}],
    { model, installed: { ...installed, version: '1.1.0' } },
    undefined,
  ],
  ['nothing older', [{}], { model, installed: { ...installed, version: '2.0.0' } }, undefined],
  [
    'nothing below the security version',
    [{}],
    { model, installed: { ...installed, securityVersion: 3 } },
    undefined,
  ],
  ['nothing of another product', [{ product: 'pump' }], { model, installed }, undefined],
  ['nothing for other hardware', [{ hardware: ['r2'] }], { model, installed }, undefined],
  [
    'the newest that fits',
    [{}, { version: '2.0.0', hardware: ['r2'] }],
    { model, installed },
    'firmware 1.1.0',
  ],
  ['nothing whose version cannot be told', [{ version: 'new' }], { model, installed }, undefined],
  ['nothing for a device that has not said what it is', [{}], { installed }, undefined],
  [
    'nothing for one that says nonsense',
    [{}],
    { model: { product: 7, hardware: null }, installed },
    undefined,
  ],
])('what a device would choose by itself is offered: %s', (_what, releases, report, expected) => {
  expect(chosen(published(...releases), report)).toBe(expected);
});

test.each<[string, object, string]>([
  ['first where it runs out of slots', { slot: 'a' }, 'agent 1.1.0'],
  ['not where nobody could go back from it', {}, 'firmware 1.1.0'],
  ['not while its last attempt failed', { slot: 'a', update: { outcome: 'failed' } }, 'firmware 1.1.0'],
  ['not while it is refused', { slot: 'a', update: { outcome: 'refused' } }, 'firmware 1.1.0'],
  [
    'not once it fell back',
    { slot: 'a', update: { outcome: 'rolled-back', version: '1.1.0' } },
    'firmware 1.1.0',
  ],
  [
    'after another fell back',
    { slot: 'a', update: { outcome: 'rolled-back', version: '1.0.9' } },
    'agent 1.1.0',
  ],
])('a newer agent is offered %s', (_what, agent, expected) => {
  const releases = published({ component: 'agent' }, {});
  expect(chosen(releases, { model, installed, agent: { version: '1.0.0', ...agent } })).toBe(expected);
});

test('an agent that is there already is not offered again', () => {
  const report = { model, installed, agent: { version: '1.1.0', slot: 'b' } };
  expect(chosen(published({ component: 'agent' }, {}), report)).toBe('firmware 1.1.0');
});
