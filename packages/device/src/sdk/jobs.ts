import type { JsonObject } from '@fleetward/core';
import { jobTopics } from '@fleetward/protocol';
import { DeviceError } from '../errors.ts';
import { type AskOptions, isObject, openAsker, parseAnswer, textOf } from './ask.ts';
import type { DeviceConnection, Subscription } from './connect-device.ts';

export interface JobExecution {
  readonly jobId: string;
  readonly executionNumber: number;
  /** Rises with every change, over all attempts. */
  readonly versionNumber: number;
  readonly status: string;
  /** Absent where it was not asked for. */
  readonly document?: JsonObject;
}

export interface JobUpdate {
  readonly status: 'IN_PROGRESS' | 'SUCCEEDED' | 'FAILED' | 'REJECTED';
  /** Names of at most 128 and texts of at most 1,024 characters. */
  readonly statusDetails?: Readonly<Record<string, string>>;
  /** Rejected with `VersionMismatch` where it is another. */
  readonly expectedVersion?: number;
  readonly executionNumber?: number;
}

/** The jobs of a thing, request by request; `runJobs` does them. Every request throws `RequestRejected`, `device.timeout` or `device.refused`. */
export interface Jobs {
  /** What is under way and what waits, without documents. */
  pending(): Promise<{
    readonly inProgress: readonly JobExecution[];
    readonly queued: readonly JobExecution[];
  }>;
  /** Begins the next one, or goes on with the one under way; nothing where there is none. */
  startNext(statusDetails?: Readonly<Record<string, string>>): Promise<JobExecution | undefined>;
  /** One job by its id, or `$next`. */
  describe(jobId: string): Promise<JobExecution | undefined>;
  update(jobId: string, update: JobUpdate): Promise<void>;
  /** Told when another one is the next, or none is any more. */
  onNext(handler: (next: JobExecution | undefined) => void | Promise<void>): Promise<Subscription>;
  close(): Promise<void>;
}

/** Jobs over MQTT, as AWS IoT has them: `$aws/things/THING/jobs/…`. Resolves when their answers are subscribed to. */
export async function openJobs(connection: DeviceConnection, options: AskOptions): Promise<Jobs> {
  const prefix = `$aws/things/${options.thingName}/jobs`;
  const answers = ['get', 'start-next', '+/get', '+/update'].flatMap((tail) => [
    `${prefix}/${tail}/accepted`,
    `${prefix}/${tail}/rejected`,
  ]);
  const asker = await openAsker(connection, answers, options);
  const executionOf = async (topic: string, body: JsonObject) =>
    parseNext(await asker.ask(`${prefix}/${topic}`, body));

  return {
    async pending() {
      const { inProgressJobs, queuedJobs } = await asker.ask(`${prefix}/get`, {});
      return { inProgress: parseList(inProgressJobs), queued: parseList(queuedJobs) };
    },
    startNext: (statusDetails) =>
      executionOf('start-next', statusDetails === undefined ? {} : { statusDetails }),
    describe: (jobId) => executionOf(`${jobId}/get`, {}),
    async update(jobId, update) {
      await asker.ask(`${prefix}/${jobId}/update`, { ...update });
    },
    onNext: (handler) =>
      connection.subscribe(jobTopics(options.thingName).notifyNext, ({ payload }) =>
        handler(parseNext(parseAnswer(payload))),
      ),
    close: () => asker.close(),
  };
}

/** `{execution?}`. Throws `device.answer_invalid`. */
export function parseNext({ execution }: JsonObject): JobExecution | undefined {
  if (execution === undefined) return undefined;
  if (isExecution(execution)) return executionFrom(execution);
  throw new DeviceError('device.answer_invalid', 'what the platform says is not a job');
}

function parseList(list: unknown): readonly JobExecution[] {
  return Array.isArray(list) ? list.filter(isExecution).map(executionFrom) : [];
}

/** As AWS IoT names jobs: of this a topic is made, and anything else could be none. */
const jobIdPattern = /^[a-zA-Z0-9_-]{1,64}$/;

function isExecution(value: unknown): value is JsonObject {
  return isObject(value) && jobIdPattern.test(textOf(value.jobId));
}

function executionFrom({
  jobId,
  executionNumber,
  versionNumber,
  status,
  jobDocument,
}: JsonObject): JobExecution {
  return {
    jobId: textOf(jobId),
    executionNumber: typeof executionNumber === 'number' ? executionNumber : 1,
    versionNumber: typeof versionNumber === 'number' ? versionNumber : 1,
    status: textOf(status),
    ...(isObject(jobDocument) && { document: jobDocument }),
  };
}
