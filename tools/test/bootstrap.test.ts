import { copyFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';

const bootstrap = join(import.meta.dirname, '../bootstrap.mjs');

test('a clone is installed without running a script of any package', async () => {
  using folder = temporaryFolder('fleetward-bootstrap-');
  await cloneWithAScriptedPackage(folder.path);
  await runProgram(process.execPath, ['tools/bootstrap.mjs'], { folder: folder.path });
  expect(existsSync(join(folder.path, 'node_modules/scripted/package.json'))).toBe(true);
  expect(existsSync(join(folder.path, 'node_modules/scripted/ran'))).toBe(false);
});

/** `scripted` leaves the file `ran` in its folder when its script is run. It comes from a tarball, as from a registry. */
async function cloneWithAScriptedPackage(clone: string): Promise<void> {
  mkdirSync(join(clone, 'tools'));
  copyFileSync(bootstrap, join(clone, 'tools/bootstrap.mjs'));
  mkdirSync(join(clone, 'scripted'));
  const scripted = { name: 'scripted', version: '1.0.0', scripts: { install: 'touch ran' } };
  writeFileSync(join(clone, 'scripted/package.json'), JSON.stringify(scripted));
  const root = {
    name: 'clone',
    private: true,
    dependencies: { scripted: 'file:scripted-1.0.0.tgz' },
    optionalDependencies: {},
  };
  writeFileSync(join(clone, 'package.json'), JSON.stringify(root));
  await runProgram('npm', ['pack', './scripted'], { folder: clone });
  await runProgram('npm', ['install', '--package-lock-only', '--offline'], { folder: clone });
}
