import { type DeviceAnswer, type DeviceRequest, type DeviceRoute, jsonAnswer } from '../device-route.ts';
import { StoreError } from '../store-error.ts';
import { answerJobs, type JobAnswer, type JobOperation, operationOf, rejected, rejection } from './answer.ts';
import type { RejectedCode, Rejection } from './decide.ts';
import { type JobRequest, payloadBytesMax, readJobRequest, Unreadable } from './payload.ts';
import type { Jobs } from './service.ts';

/** AWS IoT's names of its errors over HTTPS, with their status. */
const failures: Readonly<Record<RejectedCode, readonly [status: number, errorType: string]>> = {
  InvalidTopic: [404, 'ResourceNotFoundException'],
  InvalidJson: [400, 'InvalidRequestException'],
  InvalidRequest: [400, 'InvalidRequestException'],
  InvalidStateTransition: [409, 'InvalidStateTransitionException'],
  VersionMismatch: [409, 'VersionConflictException'],
  ResourceNotFound: [404, 'ResourceNotFoundException'],
  TerminalStateReached: [410, 'TerminalStateException'],
  RequestThrottled: [429, 'ThrottlingException'],
  InternalError: [500, 'InternalFailureException'],
};

type Named = JobOperation | Rejection;

/** Jobs over HTTPS, as AWS IoT's data endpoint has them. */
export function jobDeviceRoutes(jobs: Jobs): readonly DeviceRoute[] {
  const route = (
    shape: Pick<DeviceRoute, 'method' | 'path' | 'action'>,
    named: (thing: string, jobId: string) => Named,
  ): DeviceRoute => ({
    ...shape,
    nameOf: ({ params }) => params.thingName ?? '',
    bodyBytesMax: shape.method === 'GET' ? 0 : payloadBytesMax,
    handle: async (request) => {
      const { thingName = '', jobId = '' } = request.params;
      return httpAnswer(await attempt(jobs, named(thingName, jobId), request));
    },
  });
  const of = '/things/:thingName/jobs';
  const one = `${of}/:jobId`;
  return [
    route({ method: 'GET', path: of, action: 'iot:GetPendingJobExecutions' }, (thing) =>
      operationOf(thing, ['get']),
    ),
    // `$next` may come with its `$` escaped, which a fixed path would not match.
    route({ method: 'PUT', path: one, action: 'iot:StartNextPendingJobExecution' }, (thing, jobId) =>
      operationOf(thing, [jobId === '$next' ? 'start-next' : '']),
    ),
    route({ method: 'GET', path: one, action: 'iot:DescribeJobExecution' }, (thing, jobId) =>
      operationOf(thing, [jobId, 'get']),
    ),
    route({ method: 'POST', path: one, action: 'iot:UpdateJobExecution' }, (thing, jobId) =>
      operationOf(thing, [jobId, 'update']),
    ),
  ];
}

async function attempt(jobs: Jobs, operation: Named, request: DeviceRequest): Promise<JobAnswer> {
  if (operation.kind === 'rejected') return rejected(operation);
  try {
    const asked = requestOf(request, jobs);
    return await answerJobs(jobs.devices, operation, { request: asked, documentForm: (text) => text });
  } catch (error) {
    if (error instanceof Unreadable) return rejection(error.code, error.message);
    if (error instanceof StoreError && error.code === 'store.busy')
      return rejection('RequestThrottled', error.message);
    throw error;
  }
}

/** What a request without a body asks is in its address. Throws `Unreadable`. */
function requestOf({ body, query }: DeviceRequest, { limits }: Jobs): JobRequest {
  if (body.length > 0) return readJobRequest(body, limits);
  const { executionNumber, includeJobDocument } = query;
  const members = {
    ...(executionNumber === undefined ? {} : { executionNumber: memberOf(executionNumber) }),
    ...(includeJobDocument === undefined ? {} : { includeJobDocument: memberOf(includeJobDocument) }),
  };
  return readJobRequest(Buffer.from(JSON.stringify(members)), limits);
}

/** Numbers and flags as JSON has them; anything else stays what it is, and is refused. */
function memberOf(value: unknown): unknown {
  if (typeof value !== 'string') return '';
  return /^\d{1,15}$/.test(value) ? Number(value) : value === 'true' || (value === 'false' ? false : value);
}

function httpAnswer(answer: JobAnswer): DeviceAnswer {
  if (answer.kind === 'accepted') return jsonAnswer(200, answer.body);
  const [status, errorType] = failures[answer.code];
  return jsonAnswer(status, answer.body, errorType);
}
