import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';

// The layers of docs/ARCHITECTURE.md. A package may import what stands here for it, and nothing else of ours.
const middle = ['keys', 'policy', 'pki', 'mqtt', 'updates', 'protocol'];
const mayImport: Readonly<Record<string, readonly string[]>> = {
  core: [],
  ...Object.fromEntries(middle.map((name) => [name, ['core']])),
  device: ['core', ...middle],
  server: ['core', ...middle],
  cli: ['core', ...middle, 'device', 'server'],
  testkit: ['core', ...middle, 'device', 'server'],
};

// Inside the server, lowest first: a domain may import domains before it, through their `index.ts`.
const domains = [
  'trail',
  'denials',
  'operators',
  'things',
  'presence',
  'groups',
  'activity',
  'policies',
  'issuance-log',
  'certificates',
  'search',
  'renewals',
  'endorsements',
  'enrollment',
  'provisioning',
  'vendor-cas',
  'shadows',
  'device-metrics',
  'releases',
  'campaigns',
  'director',
  'ddi',
  'jobs',
  'streams',
  'ota-jobs',
  'detections',
];

// The only faces of a package besides its `index.ts`.
const subpaths = [
  '@fleetward/core/durable-file',
  '@fleetward/mqtt/codec',
  '@fleetward/server/messages',
  '@fleetward/testkit/platform',
];

const root = join(import.meta.dirname, '../..');
const importPattern =
  /(?:^|\n)\s*(?:import|export)\s[^;'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g;

interface Edge {
  readonly from: string;
  readonly to: string;
}

function edgesOf(pattern: string): Edge[] {
  return globSync(pattern, { cwd: root }).flatMap((file) =>
    [...readFileSync(join(root, file), 'utf8').matchAll(importPattern)].map((match) => ({
      from: file.split(sep).join('/'),
      to: match[1] ?? match[2] ?? match[3] ?? '',
    })),
  );
}

describe('imports run one way', () => {
  const edges = edgesOf('packages/*/src/**/*.{ts,tsx}');

  test('the check reads the real tree', () => {
    expect(edges.length).toBeGreaterThan(200);
  });

  test('between packages', () => {
    const wrong = edges.filter(({ from, to }) => {
      const target = /^@fleetward\/([a-z]+)/.exec(to)?.[1];
      const source = from.split('/')[1]!;
      return target !== undefined && target !== source && !mayImport[source]?.includes(target);
    });
    expect(wrong).toEqual([]);
  });

  test('no package reaches into the files of another', () => {
    const wrong = edges.filter(({ from, to }) => {
      if (/^@fleetward\/[a-z]+\//.test(to)) return !subpaths.includes(to);
      return (
        to.startsWith('.') &&
        !join(dirname(from), to).split(sep).join('/').startsWith(from.split('/').slice(0, 2).join('/'))
      );
    });
    expect(wrong).toEqual([]);
  });

  test('core depends on nothing', () => {
    expect(
      edges.filter(
        ({ from, to }) => from.startsWith('packages/core/') && !to.startsWith('.') && !to.startsWith('node:'),
      ),
    ).toEqual([]);
  });
});

describe('inside the server', () => {
  const edges = edgesOf('packages/server/src/**/*.ts').flatMap(({ from, to }) => {
    if (!to.startsWith('.')) return [];
    const source = relative('packages/server/src', from).split(sep).join('/');
    const target = relative('packages/server/src', join(dirname(from), to))
      .split(sep)
      .join('/');
    return [{ from: source, to: target, layer: source.split('/')[0]!, targetLayer: target.split('/')[0]! }];
  });
  const crossing = edges.filter((edge) => edge.layer !== edge.targetLayer && edge.to.includes('/'));

  test('a domain uses only domains below it, through their public face', () => {
    const wrong = crossing.filter(({ layer, targetLayer, to }) => {
      if (!domains.includes(layer)) return false;
      return (
        domains.indexOf(targetLayer) < 0 ||
        domains.indexOf(targetLayer) > domains.indexOf(layer) ||
        to !== `${targetLayer}/index.ts`
      );
    });
    expect(wrong).toEqual([]);
  });

  test('storage knows the ports and nothing else of the domains', () => {
    const wrong = crossing.filter(({ layer, to }) => layer === 'storage' && !/^[a-z-]+\/store\.ts$/.test(to));
    expect(wrong).toEqual([]);
  });

  test('only wiring and the programs beside it reach gateway, http and storage', () => {
    const outer = ['gateway', 'http', 'storage'];
    const wrong = crossing.filter(({ layer, targetLayer, from }) => {
      if (!outer.includes(targetLayer)) return false;
      return from.includes('/') && !(layer === 'gateway' && targetLayer === 'http');
    });
    expect(wrong).toEqual([]);
  });
});
