import { join } from 'node:path';
import { type JsonObject, parseStrictJson } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import { nodeFiles } from '../files/node-files.ts';
import { replaceFile } from '../files/replace-file.ts';
import { type AskOptions, isObject, RequestRejected, textOf } from './ask.ts';
import type { DeviceConnection } from './connect-device.ts';
import { type JobExecution, openJobs } from './jobs.ts';

export interface JobOutcome {
  readonly status: 'SUCCEEDED' | 'FAILED' | 'REJECTED';
  readonly statusDetails?: Readonly<Record<string, string>>;
}

export interface RunningJob {
  readonly jobId: string;
  readonly executionNumber: number;
  readonly document: JsonObject;
  /** Tells the platform how far it is. Throws as `Jobs.update` does; a job that was cancelled is rejected. */
  progress(statusDetails: Readonly<Record<string, string>>): Promise<void>;
}

export interface RunJobsOptions extends AskOptions {
  /** Where it is noted which job runs; for this alone. */
  readonly folder: string;
  /** Does one job. What it throws is `FAILED`, with the message as `reason`. */
  readonly run: (job: RunningJob) => Promise<JobOutcome>;
  /** Told of each step, for a log. */
  readonly onEvent?: (event: JobEvent) => void;
  /** Before a report or a question that was not answered is made again; default 5,000. */
  readonly retryMs?: number;
  readonly files?: Files;
}

export type JobEvent =
  | { readonly kind: 'started'; readonly jobId: string }
  | { readonly kind: 'finished'; readonly jobId: string; readonly outcome: JobOutcome }
  /** An earlier process had begun it and did not end it: it is reported as failed and not begun again. */
  | { readonly kind: 'interrupted'; readonly jobId: string }
  /** The platform did not take the outcome: the job was cancelled, timed out or removed meanwhile. */
  | { readonly kind: 'outcome-rejected'; readonly jobId: string; readonly error: RequestRejected }
  | { readonly kind: 'failed'; readonly error: DeviceError };

export interface JobRunner {
  /** Begins no other job; resolves when the one that runs is over and reported, or the connection is closed. */
  close(): Promise<void>;
}

/** What stands on the disk from before a job is begun until its outcome is accepted. */
interface JobNote {
  readonly jobId: string;
  /** A later attempt at the same job is another execution, and is done. */
  readonly executionNumber: number;
  readonly outcome?: JobOutcome;
}

const noteBytesMax = 64 * 1024;
const interrupted: JobOutcome = { status: 'FAILED', statusDetails: { reason: 'interrupted' } };

/**
 * Does the jobs of a thing one after the other, each execution at most once, also over kills and power cuts: that it begins is durable
 * before it begins, its outcome before it is told, and no other is begun before that is accepted.
 */
export async function runJobs(connection: DeviceConnection, options: RunJobsOptions): Promise<JobRunner> {
  const { folder, run, onEvent, retryMs = 5_000, files = nodeFiles } = options;
  files.makeFolder(folder);
  const notes = openNote(files, join(folder, 'job.json'));
  const jobs = await openJobs(connection, options);
  let [isClosed, isNews, wake] = [false, true, () => {}];
  const look = () => {
    isNews = true;
    wake();
  };
  const next = await jobs.onNext(look);
  const forget = connection.observe(({ kind }) => kind === 'connected' && look());

  async function work(): Promise<void> {
    while (!isClosed) {
      isNews = false;
      const isDone = await attempt(step);
      if (isDone === 'closed') return;
      if (isDone === 'again' || isNews) continue;
      await sleep(isDone === 'failed' ? retryMs : undefined);
    }
  }

  /** The outcome that is owed, or else the next job. */
  async function step(): Promise<'again' | 'nothing'> {
    const note = notes.read();
    if (note !== undefined) await settle(note);
    const execution = isClosed ? undefined : await jobs.startNext();
    if (execution === undefined) return 'nothing';
    await settle(await runOne(execution));
    return 'again';
  }

  async function runOne(execution: JobExecution): Promise<JobNote> {
    const { jobId, executionNumber, document = {} } = execution;
    notes.write({ jobId, executionNumber });
    onEvent?.({ kind: 'started', jobId });
    const progress = (statusDetails: Readonly<Record<string, string>>) =>
      jobs.update(jobId, { status: 'IN_PROGRESS', executionNumber, statusDetails });
    const outcome = await run({ jobId, executionNumber, document, progress }).catch(failure);
    onEvent?.({ kind: 'finished', jobId, outcome });
    const note = { jobId, executionNumber, outcome };
    await attempt(async () => notes.write(note)); // a disk that does not take it now is no reason not to tell it
    return note;
  }

  async function settle({ jobId, executionNumber, outcome }: JobNote): Promise<void> {
    if (outcome === undefined) onEvent?.({ kind: 'interrupted', jobId });
    try {
      await jobs.update(jobId, { ...(outcome ?? interrupted), executionNumber });
    } catch (error) {
      if (!(error instanceof RequestRejected) || isPassing(error)) throw error;
      onEvent?.({ kind: 'outcome-rejected', jobId, error });
    }
    notes.remove();
  }

  async function attempt<Result>(work: () => Promise<Result>): Promise<Result | 'failed' | 'closed'> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DeviceError)) throw error;
      if (error.code === 'device.closed') return 'closed';
      onEvent?.({ kind: 'failed', error });
      return 'failed';
    }
  }

  function sleep(ms: number | undefined): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = ms === undefined ? undefined : setTimeout(resolve, ms);
    wake = () => {
      clearTimeout(timer);
      resolve();
    };
    if (isClosed) wake();
    return promise;
  }

  const working = work();
  return {
    async close() {
      isClosed = true;
      wake();
      await working;
      forget();
      await attempt(() => Promise.all([next.unsubscribe(), jobs.close()]));
    },
  };
}

function isPassing({ rejection }: RequestRejected): boolean {
  return rejection.code === 'RequestThrottled' || rejection.code === 'InternalError';
}

function failure(error: unknown): JobOutcome {
  const reason = (error instanceof Error ? error.message : String(error)).slice(0, 1_024) || 'failed';
  return { status: 'FAILED', statusDetails: { reason } };
}

function openNote(files: Files, path: string) {
  return {
    read(): JobNote | undefined {
      const bytes = readNote(files, path);
      return bytes === undefined || bytes.length === 0 ? undefined : parseNote(bytes);
    },
    write: (note: JobNote) => replaceNote(files, path, Buffer.from(JSON.stringify(note))),
    /** Empty, in one step: a removed entry could come back with a power cut, and with it the outcome of before. */
    remove: () => replaceNote(files, path, new Uint8Array()),
  };
}

function readNote(files: Files, path: string): Uint8Array | undefined {
  try {
    return files.read(path, noteBytesMax);
  } catch (cause) {
    throw new DeviceError('device.note_failed', `\`${path}\` is not read: ${cause}`, { cause });
  }
}

function replaceNote(files: Files, path: string, bytes: Uint8Array): void {
  try {
    replaceFile(files, path, bytes);
  } catch (cause) {
    throw new DeviceError('device.note_failed', `\`${path}\` is not written: ${cause}`, { cause });
  }
}

/** Throws where it is none: what ran last is not known then, and to guess could run it twice. */
export function parseNote(bytes: Uint8Array): JobNote {
  const damaged = (cause?: unknown) =>
    new DeviceError(
      'device.note_damaged',
      'the note of the running job is damaged: see what ran, then remove it',
      { cause },
    );
  try {
    const note = parseStrictJson(bytes, { bytesMax: noteBytesMax, depthMax: 4 });
    if (!isObject(note) || textOf(note.jobId) === '' || typeof note.executionNumber !== 'number')
      throw damaged();
    return note as unknown as JobNote; // it was written here, whole or not at all
  } catch (cause) {
    throw cause instanceof DeviceError ? cause : damaged(cause);
  }
}
