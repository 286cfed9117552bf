import { getCompileCacheDir } from 'node:module';
import type { WorkerOptions } from 'node:worker_threads';

/**
 * What a thread of the platform is started with: neither flags nor environment of the process, as some flags break a worker and
 * it needs no secret that stands there. Where the process keeps compiled code its threads do too, and start in half the time.
 */
export function bareThread(): Required<Pick<WorkerOptions, 'execArgv' | 'env'>> {
  const folder = getCompileCacheDir();
  return { execArgv: [], env: folder === undefined ? {} : { NODE_COMPILE_CACHE: folder } };
}

/** The conditions that pick source or build in `exports`, for a thread that imports our packages; no other flag of the process goes along. */
export function resolutionFlags(): string[] {
  return process.execArgv.filter((flag) => flag.startsWith('--conditions=') || flag.startsWith('-C='));
}
