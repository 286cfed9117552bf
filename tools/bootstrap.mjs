// Runs on whatever Node the machine has (20 or newer), before anything is installed: plain JavaScript, no dependencies.
// Installs the locked dependencies when `node_modules` is missing or older than the lock file, and makes sure of the pinned Node.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const modules = join(root, 'node_modules');
const stamp = join(modules, '.fleetward-installed');
const { optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const [major] = process.versions.node.split('.').map(Number);
if (major < 20) fail(`fleetward needs Node 20 or newer to install itself; this is ${process.version}`);

const lock = createHash('sha256')
  .update(readFileSync(join(root, 'package-lock.json')))
  .digest('hex');
if (!existsSync(stamp) || readFileSync(stamp, 'utf8') !== lock) {
  install();
  linkPinnedNode();
  writeFileSync(stamp, lock);
}

function install() {
  console.error('installing dependencies (npm ci) …');
  const npm = process.env.npm_execpath;
  const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []];
  // The lock file does not say `gypfile: false`: with scripts npm would compile packages that bring their binary along,
  // which takes a compiler and headers from the network.
  const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
  const run = spawnSync(command, [...first, 'ci', ...options], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (run.status !== 0) fail('npm ci failed: see the lines above; nothing was started');
}

/** npm 10 takes `.bin/node` away again with the packages of other platforms, which claim the same name. */
function linkPinnedNode() {
  const pinned = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  if (optionalDependencies[pinned] === undefined) {
    if (major < 24) fail(`there is no pinned Node for ${pinned}: install Node 24 or newer and try again`);
    return;
  }
  const link = join(modules, '.bin', 'node');
  if (existsSync(link) || existsSync(`${link}.cmd`)) return;
  if (!existsSync(join(modules, pinned, 'bin', 'node')))
    fail(`npm did not install the pinned Node (\`${pinned}\`): try again`);
  symlinkSync(join('..', pinned, 'bin', 'node'), link);
}

function fail(message) {
  console.error(message);
  process.exit(1);
}
