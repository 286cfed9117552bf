// Compiles `pkcs11js`, which brings no binary, with the headers of the pinned Node: nothing is fetched but the locked package.
// It is apart from the other dependencies, because npm would compile it at each install, with headers from the network.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';

const here = import.meta.dirname;
const folder = join(here, 'node_modules/pkcs11js');
const addon = join(folder, 'build/Release/pkcs11.node');
const headers = headersOfNode();
const wanted = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8')).dependencies.pkcs11js;

if (!existsSync(addon) || installedVersion() !== wanted) {
  run(process.env.npm_execpath ?? 'npm', [
    'ci',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--loglevel=error',
  ]);
  mkdirSync(dirname(addon), { recursive: true });
  const unfinished = `${addon}.${process.pid}`;
  const sources = ['dl', 'common', 'main'].map((name) => join(folder, 'src', `${name}.cpp`));
  const flags = [
    '-O2',
    '-shared',
    '-fPIC',
    '-std=c++17',
    '-DNAPI_DISABLE_CPP_EXCEPTIONS',
    '-DNODE_GYP_MODULE_NAME=pkcs11',
  ];
  run('g++', [
    ...flags,
    `-I${join(folder, 'includes')}`,
    `-I${headers}`,
    ...sources,
    '-o',
    unfinished,
    '-ldl',
  ]);
  renameSync(unfinished, addon);
}
console.log(folder);

function installedVersion() {
  const file = join(folder, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : undefined;
}

function headersOfNode() {
  const found = [join(dirname(process.execPath), '../include/node'), '/usr/include/node'].find((path) =>
    existsSync(join(path, 'node_api.h')),
  );
  if (found !== undefined) return found;
  console.error(`no node_api.h beside ${process.execPath}`);
  process.exit(1);
}

function run(command, args) {
  const isScript = command.endsWith('.js');
  const [program, first] = isScript ? [process.execPath, [command]] : [command, []];
  const { status, error } = spawnSync(program, [...first, ...args], { cwd: here, stdio: ['ignore', 2, 2] });
  if (status === 0) return;
  console.error(`${command} failed${error === undefined ? '' : `: ${error.message}`}`);
  process.exit(1);
}
