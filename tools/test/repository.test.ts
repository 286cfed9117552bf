import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { slowest } from '../slowest-first.ts';

const root = join(import.meta.dirname, '../..');

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly hasInstallScript?: boolean;
}

describe('what gets installed', () => {
  const lock = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const locked = Object.entries(lock.packages);

  test('comes from no address written down here', () => {
    const addressed = locked.filter(([, { resolved }]) => resolved?.includes('://'));
    expect(addressed).toEqual([]);
    expect(locked.length).toBeGreaterThan(100);
  });

  test('can be installed by any npm: what the lock file lists for other platforms, it also locks', () => {
    const names = new Set(locked.map(([path]) => path.replace(/^.*node_modules\//, '')));
    const missing = locked.flatMap(([, { optionalDependencies = {} }]) =>
      Object.keys(optionalDependencies).filter((name) => !names.has(name)),
    );
    expect(missing).toEqual([]);
  });

  // It brings its binaries with it; its script would look for them, and build what is missing.
  const scriptless = ['node_modules/aws-crt'];

  test('runs no script of its own', () => {
    const scripted = locked.filter(([, { hasInstallScript }]) => hasInstallScript === true);
    expect(scripted.map(([path]) => path)).toEqual(scriptless);
    expect(readFileSync(join(root, 'tools/bootstrap.mjs'), 'utf8')).toContain("'--ignore-scripts'");
  });

  test('is pinned exactly by every package', () => {
    for (const [path, { link }] of locked) {
      if (path.startsWith('node_modules') || link === true) continue;
      const {
        dependencies = {},
        devDependencies = {},
        optionalDependencies = {},
      } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Readonly<
        Record<string, Readonly<Record<string, string>> | undefined>
      >;
      const all = { ...dependencies, ...devDependencies, ...optionalDependencies };
      expect(Object.entries(all).filter(([, range]) => !/^\d+\.\d+\.\d+$/.test(range))).toEqual([]);
    }
  });

  test('has a line each in docs/dependencies.md', () => {
    const page = readFileSync(join(root, 'docs/dependencies.md'), 'utf8');
    for (const [path, { link }] of locked) {
      if (path.startsWith('node_modules') || link === true) continue;
      const own = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8')) as Readonly<
        Record<string, Readonly<Record<string, string>> | undefined>
      >;
      const names = Object.keys({ ...own.dependencies, ...own.devDependencies, ...own.optionalDependencies });
      const missing = names.filter((name) => !name.startsWith('@fleetward/') && !page.includes(name));
      expect(missing, `of ${path || 'the root'}`).toEqual([]);
    }
  });
});

test('npm scripts run on the pinned Node, whatever the machine has', () => {
  expect(Number(process.versions.node.split('.')[0])).toBeGreaterThanOrEqual(24);
});

test('the test files that run first are there', () => {
  expect(slowest.filter((file) => !existsSync(join(root, file)))).toEqual([]);
});

test('no private key is committed', () => {
  const pattern = '^-----BEGIN ([A-Z]+ )?PRIVATE KEY-----$';
  const search = spawnSync('git', ['grep', '-lE', '-e', pattern], { cwd: root, encoding: 'utf8' });
  // git grep: 1 is "nothing found"; anything else is a find or a fault.
  expect({ found: search.stdout, status: search.status }).toEqual({ found: '', status: 1 });
});
