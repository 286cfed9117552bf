import type { Json, JsonObject } from '@fleetward/core';
import type { JobExecution } from './store.ts';

/** AWS IoT tells times of jobs in seconds. */
export function secondsOf(atMs: number): number {
  return Math.floor(atMs / 1_000);
}

export function summaryView(execution: JobExecution): JsonObject {
  const { jobId, queuedAtMs, startedAtMs, lastUpdatedAtMs, versionNumber, executionNumber } = execution;
  return {
    jobId,
    queuedAt: secondsOf(queuedAtMs),
    ...(startedAtMs === undefined ? {} : { startedAt: secondsOf(startedAtMs) }),
    lastUpdatedAt: secondsOf(lastUpdatedAtMs),
    versionNumber,
    executionNumber,
  };
}

/** With the job's document where it was asked for, in the form of the protocol. */
export function executionView(
  execution: JobExecution,
  document: { readonly jobDocument?: Json } = {},
): JsonObject {
  const { thingName, status, statusDetails } = execution;
  return { ...summaryView(execution), thingName, status, statusDetails: { ...statusDetails }, ...document };
}

export function stateView({ status, statusDetails, versionNumber }: JobExecution): JsonObject {
  return { status, statusDetails: { ...statusDetails }, versionNumber };
}

/** As it was stored. */
export function documentOf(text: string): Json {
  return JSON.parse(text) as Json;
}
