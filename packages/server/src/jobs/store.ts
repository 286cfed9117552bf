import type { GroupName, ThingName, Transaction } from '@fleetward/core';
import type { AbortRule } from '../abort-rule.ts';
import type { Rate } from '../rollout-rate.ts';
import type { ExecutionStatus, JobState } from './rules.ts';

/** Which things: those named, and those under the groups. */
export interface JobTarget {
  readonly thingNames: readonly ThingName[];
  readonly groupNames: readonly GroupName[];
  /** Whether things that come to the groups later join, and those that leave them are let go. */
  readonly isContinuous: boolean;
}

/** What never changes of a job, but for its document, which is kept apart. */
export interface JobDefinition {
  readonly description: string;
  readonly target: JobTarget;
  readonly rate: Rate;
  /** The job is cancelled when one is broken. */
  readonly abort: readonly AbortRule[];
  /** From the start to the end of one execution. */
  readonly inProgressMinutes?: number;
  /** Executions more, after one that failed or timed out. */
  readonly retries: { readonly failed: number; readonly timedOut: number };
  /** The campaign that leads it: which things have an execution, and when, is for that to say. */
  readonly campaignId?: string;
}

export interface Job extends JobDefinition {
  readonly jobId: string;
  /** JSON text of an object, as the operator gave it. */
  readonly document: string;
  readonly state: JobState;
  /** Whether what is under way is cancelled too. */
  readonly isForced: boolean;
  /** Up to when calls are spent. */
  readonly pacedFromMs: number;
  /** Why it was cancelled. */
  readonly because?: string;
  readonly createdAtMs: number;
  /** Operator id. */
  readonly createdBy: string;
  /** When nothing of it was open any more. */
  readonly endedAtMs?: number;
}

/** One thing of one job; a retry takes the place of what ended. */
export interface JobExecution {
  readonly jobId: string;
  readonly thingName: ThingName;
  readonly status: ExecutionStatus;
  readonly statusDetails: Readonly<Record<string, string>>;
  /** Rising over all jobs: the order in which things were taken in. */
  readonly position: number;
  /** 1 for the first attempt. */
  readonly executionNumber: number;
  /** Rises with each change, over all attempts. */
  readonly versionNumber: number;
  /** Attempts before this one that ended so. */
  readonly failures: number;
  readonly timeOuts: number;
  readonly queuedAtMs: number;
  readonly startedAtMs?: number;
  readonly lastUpdatedAtMs: number;
  /** When the step that its device is at takes too long. */
  readonly stepDueMs?: number;
}

export type ExecutionCounts = ReadonlyMap<ExecutionStatus, number>;

export interface JobStore {
  add(tx: Transaction, job: Job): Promise<void>;
  /** Everything but the definition and the document. */
  update(tx: Transaction, job: Job): Promise<void>;
  /** Some of its executions, and with the last of them the job; answers whether it is gone. */
  remove(tx: Transaction, part: { readonly jobId: string; readonly executionsMax: number }): Promise<boolean>;
  /** The newest first. */
  jobs(): Promise<readonly Job[]>;
  job(jobId: string): Promise<Job | undefined>;
  /** Adds them, or puts them in the place of what they were. */
  saveExecutions(tx: Transaction, executions: readonly JobExecution[]): Promise<void>;
  /** By position. */
  executions(range: {
    readonly jobId: string;
    readonly status?: ExecutionStatus;
    readonly after?: number;
    readonly limit: number;
  }): Promise<readonly JobExecution[]>;
  /** Of one thing, the newest first. */
  executionsOf(range: {
    readonly thingName: ThingName;
    readonly before?: number;
    readonly limit: number;
  }): Promise<readonly JobExecution[]>;
  execution(jobId: string, thingName: ThingName): Promise<JobExecution | undefined>;
  /** The highest that was ever given out and is kept; 0 for none. */
  lastPosition(): Promise<number>;
  counts(jobId: string): Promise<ExecutionCounts>;
}
