import { CliError } from './errors.ts';

/** Runs what uses a platform's folder; what the system refuses there is told with what to do. Throws `cli.folder_unusable`. */
export async function onFolder<Result>(folder: string, work: () => Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (cause) {
    const { code = '', path } = cause as NodeJS.ErrnoException;
    const advice = adviceOn[code];
    if (advice === undefined) throw cause;
    const { why, hint } = advice;
    throw new CliError('cli.folder_unusable', `cannot use \`${path ?? folder}\`: ${why}`, { cause, hint });
  }
}

interface Advice {
  readonly why: string;
  readonly hint: string;
}

const notPermitted: Advice = {
  why: 'this user may not',
  hint: 'run it as the user the folder belongs to, give that user the folder (`chown`), or choose another with `--folder`',
};
const noFolder: Advice = {
  why: 'a part of this path is not a folder or cannot be made',
  hint: 'choose another with `--folder`',
};

const adviceOn: Readonly<Record<string, Advice>> = {
  EACCES: notPermitted,
  EPERM: notPermitted,
  EROFS: { why: 'the file system is read-only', hint: 'choose a writable folder with `--folder`' },
  ENOSPC: { why: 'the disk is full', hint: 'make room, or choose another folder with `--folder`' },
  ENOTDIR: noFolder,
  EEXIST: noFolder,
  ENOENT: noFolder,
};
