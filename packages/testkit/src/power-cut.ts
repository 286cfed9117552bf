import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { requireProgram } from './programs.ts';
import { type RunOptions, runProgram } from './run-program.ts';
import { temporaryFolder } from './temporary-folder.ts';

const calls =
  'openat,mkdir,rename,link,unlink,write,pwrite64,writev,copy_file_range,sendfile,fsync,fdatasync';

/**
 * Runs Node with `args` under strace and tells what in `folder` a power cut at its end could take, by the promises of POSIX alone: names
 * whose folder was not synced since they came, and files whose content was not, or was only after they had their name. Whatever is there
 * before counts as left by a process that was killed before it had synced its names.
 */
export async function lostByPowerCut(
  args: readonly string[],
  { folder, ...options }: RunOptions & { readonly folder: string },
): Promise<readonly string[]> {
  using temporary = temporaryFolder();
  const trace = temporary.join('trace');
  const disk = new UnsyncedFiles(namesIn(folder));
  const strace = ['-f', '-y', '-qq', '-s', '4096', '-e', `trace=${calls}`, '-o', trace, process.execPath];
  const { code, stdout, stderr } = await runProgram(
    requireProgram('strace', 'strace'),
    [...strace, '--conditions=fleetward-source', ...args],
    options,
  );
  if (code !== 0) throw new Error(`the traced program ended with ${code}:\n${stdout}${stderr}`);
  for (const call of finishedCalls(readFileSync(trace, 'utf8'))) disk.apply(call);
  return disk.lost().filter((entry) => entry.includes(folder));
}

function namesIn(folder: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => join(folder, name));
}

/** Calls that succeeded, in the order in which they ended; those of threads that interleave are put together again. */
function* finishedCalls(trace: string): Iterable<string> {
  const begun = new Map<string, string>();
  for (const line of trace.split('\n')) {
    const [, thread = '', text = ''] = /^(\d+) +(.*)$/.exec(line) ?? [];
    const [, start] = /^(.*) <unfinished \.\.\.>$/.exec(text) ?? [];
    if (start !== undefined) begun.set(thread, start);
    const [, rest] = /^<\.\.\. \w+ resumed>(.*)$/.exec(text) ?? [];
    const call = rest === undefined ? text : `${begun.get(thread)}${rest}`;
    if (start === undefined && / = \d/.test(call)) yield call;
  }
}

class UnsyncedFiles {
  readonly #there: Set<string>;
  readonly #names: Set<string>;
  readonly #content = new Set<string>();
  readonly #namedTooEarly = new Set<string>();

  constructor(names: readonly string[]) {
    this.#there = new Set(names);
    this.#names = new Set(names);
  }

  apply(call: string): void {
    const [, name = '', rest = ''] = /^(\w+)\((.*)$/.exec(call) ?? [];
    const paths = [...rest.matchAll(/"((?:[^"\\]|\\.)*)"/g)].map(([, path = '']) => path);
    const [, opened = ''] = /<([^>]*)>/.exec(rest) ?? [];
    switch (name) {
      case 'openat':
        if (rest.includes('O_CREAT') && !this.#there.has(paths[0] ?? '')) this.#add(paths[0] ?? '');
        return;
      case 'mkdir':
        this.#add(paths[0] ?? '');
        return;
      case 'rename':
      case 'link':
        this.#name(paths, name);
        return;
      case 'unlink':
        this.#forget(paths[0] ?? '');
        return;
      case 'fsync':
      case 'fdatasync':
        this.#content.delete(opened);
        for (const path of this.#names) if (dirname(path) === opened) this.#names.delete(path);
        return;
      case 'sendfile':
        this.#content.add(opened);
        return;
      case 'copy_file_range':
        this.#content.add([...rest.matchAll(/<([^>]*)>/g)][1]?.[1] ?? '');
        return;
      default:
        this.#content.add(opened);
    }
  }

  #name([from = '', to = '']: readonly string[], how: 'rename' | 'link'): void {
    if (this.#content.has(from)) this.#namedTooEarly.add(to);
    if (how === 'rename') this.#forget(from);
    this.#add(to);
  }

  #add(path: string): void {
    this.#there.add(path);
    this.#names.add(path);
  }

  #forget(path: string): void {
    for (const files of [this.#there, this.#names, this.#content]) files.delete(path);
  }

  lost(): readonly string[] {
    return [
      ...[...this.#names].map((path) => `name of ${path}`),
      ...[...this.#content].map((path) => `content of ${path}`),
      ...[...this.#namedTooEarly].map((path) => `content before the name of ${path}`),
    ].sort();
  }
}
