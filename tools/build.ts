// `npm run build [PACKAGE…]`: emits `dist` for publishing, lowest layer first, and lets publint look at what would be published. A package
// compiles against the `dist` of those below it, as its users will.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const root = join(import.meta.dirname, '..');
const order = ['core', 'keys', 'policy', 'pki', 'mqtt', 'updates', 'protocol', 'device', 'server', 'cli'];

const wanted = process.argv.slice(2);
for (const name of order) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  buildPackage(name);
  console.error(`built packages/${name}`);
}

function buildPackage(name: string): void {
  const folder = join(root, 'packages', name);
  const config = join(folder, 'tsconfig.build.json');
  rmSync(join(folder, 'dist'), { recursive: true, force: true });
  writeFileSync(config, JSON.stringify(buildConfig()));
  try {
    run('tsc', ['-p', config]);
  } finally {
    rmSync(config);
  }
  assertFaces(folder);
  if (!isPrivate(folder)) run('publint', ['--strict', folder]);
}

function buildConfig(): object {
  return {
    extends: '../../tsconfig.json',
    compilerOptions: {
      noEmit: false,
      allowImportingTsExtensions: true,
      rewriteRelativeImportExtensions: true,
      declaration: true,
      sourceMap: false,
      rootDir: 'src',
      outDir: 'dist',
      customConditions: [],
    },
    include: ['src'],
  };
}

/** Public faces that a package's `exports` names must exist. */
function assertFaces(folder: string): void {
  const { exports = {} } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as {
    readonly exports?: Readonly<Record<string, { readonly default?: string }>>;
  };
  for (const { default: file } of Object.values(exports)) {
    if (file !== undefined && !existsSync(join(folder, file)))
      throw new Error(`${folder}: \`${file}\` was not built`);
  }
}

function isPrivate(folder: string): boolean {
  return (
    (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { readonly private?: boolean })
      .private === true
  );
}

function run(command: string, args: readonly string[]): void {
  const done = spawnSync(join(root, 'node_modules', '.bin', command), args, { cwd: root, stdio: 'inherit' });
  if (done.status !== 0) process.exit(done.status ?? 1);
}
