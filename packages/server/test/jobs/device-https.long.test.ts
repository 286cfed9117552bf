import { createJob, createPolicy, getJob, getJobExecution, listDenials } from '@fleetward/protocol';
import { needs, runProgram } from '@fleetward/testkit';
import { startTestPlatform, type TestDevice, type TestPlatform } from '@fleetward/testkit/platform';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { jobHttpsPolicy } from './policy.ts';

needs('curl', 'curl').describe('jobs over HTTPS, by hand', () => {
  let platform: TestPlatform;
  let lamp: TestDevice;

  beforeAll(async () => {
    platform = await startTestPlatform();
    await platform.api.call(createPolicy, { body: { policyName: 'jobs', document: jobHttpsPolicy } });
    lamp = await platform.enrol('lamp', { policies: ['jobs'] });
    await platform.enrol('other', { policies: ['jobs'] });
    for (const jobId of ['first', 'second']) await newJob(jobId);
  });
  afterAll(() => platform.stop());

  /** The roll-out has come to both things. */
  async function newJob(jobId: string): Promise<void> {
    const thingNames = ['lamp', 'other'];
    await platform.api.call(createJob, { body: { jobId, document: { operation: jobId }, thingNames } });
    const isQueued = async () => {
      const { counts } = await platform.api.call(getJob, { params: { jobId } });
      expect(counts.QUEUED).toBe(thingNames.length);
    };
    await vi.waitFor(isQueued, { timeout: 60_000 });
  }

  async function curl(method: string, path: string, body?: object) {
    const { stdout } = await runProgram('curl', [
      ...['--silent', '--show-error', '--cacert', platform.rootFile],
      ...['--cert', lamp.certFile, '--key', lamp.keyFile, '--request', method],
      ...['--write-out', '\n%header{x-amzn-errortype}\n%{http_code}'],
      ...(body === undefined ? [] : ['--data', JSON.stringify(body)]),
      `https://localhost:${platform.platform.ports.devices}${path}`,
    ]);
    const [text = '', errorType = '', status = ''] = stdout.toString().split('\n');
    return { status: Number(status), errorType, body: JSON.parse(text) as Record<string, unknown> };
  }

  test('a device does a job from the list to the end', async () => {
    expect(await curl('GET', '/things/lamp/jobs')).toMatchObject({
      status: 200,
      body: { inProgressJobs: [], queuedJobs: [{ jobId: 'first' }, { jobId: 'second' }] },
    });
    const started = await curl('PUT', '/things/lamp/jobs/$next', { statusDetails: { step: '1' } });
    expect(started.body).toMatchObject({
      execution: { jobId: 'first', status: 'IN_PROGRESS', jobDocument: '{"operation":"first"}' },
    });
    // As SDKs that escape it.
    expect(await curl('PUT', '/things/lamp/jobs/%24next')).toEqual(started);
    const described = await curl('GET', '/things/lamp/jobs/$next?includeJobDocument=false&executionNumber=1');
    expect(described.body).toMatchObject({ execution: { jobId: 'first', statusDetails: { step: '1' } } });
    expect(described.body).not.toHaveProperty('execution.jobDocument');
    const done = { status: 'SUCCEEDED', expectedVersion: 2, includeJobExecutionState: true };
    expect(await curl('POST', '/things/lamp/jobs/first', done)).toEqual({
      status: 200,
      errorType: '',
      body: { executionState: { status: 'SUCCEEDED', statusDetails: { step: '1' }, versionNumber: 3 } },
    });
    const params = { jobId: 'first', thingName: 'lamp' };
    expect(await platform.api.call(getJobExecution, { params })).toMatchObject({ status: 'SUCCEEDED' });
  });

  test.each([
    ['GET', '/things/lamp/jobs/first', undefined, 410, 'TerminalStateException'],
    ['GET', '/things/lamp/jobs/third', undefined, 404, 'ResourceNotFoundException'],
    ['GET', '/things/lamp/jobs/second?executionNumber=x', undefined, 400, 'InvalidRequestException'],
    ['GET', '/things/lamp/jobs/a%2Fb', undefined, 404, 'ResourceNotFoundException'],
    ['PUT', '/things/lamp/jobs/second', {}, 404, 'ResourceNotFoundException'],
    ['POST', '/things/lamp/jobs/second', {}, 400, 'InvalidRequestException'],
    ['POST', '/things/lamp/jobs/second', { status: 'CANCELED' }, 400, 'InvalidRequestException'],
    [
      'POST',
      '/things/lamp/jobs/second',
      { status: 'FAILED', expectedVersion: 7 },
      409,
      'VersionConflictException',
    ],
    ['POST', '/things/lamp/jobs/first', { status: 'FAILED' }, 409, 'InvalidStateTransitionException'],
  ])('%s %s with %j is %i %s', async (method, path, body, status, errorType) => {
    expect(await curl(method, path, body)).toMatchObject({
      status,
      errorType,
      body: { message: expect.any(String) },
    });
  });

  test.each([
    ['GET', '/things/other/jobs', 'iot:GetPendingJobExecutions'],
    ['PUT', '/things/other/jobs/$next', 'iot:StartNextPendingJobExecution'],
    ['GET', '/things/other/jobs/first', 'iot:DescribeJobExecution'],
    ['POST', '/things/other/jobs/first', 'iot:UpdateJobExecution'],
  ])('another’s job: %s %s is refused and recorded', async (method, path, action) => {
    const body = method === 'GET' ? undefined : { status: 'SUCCEEDED' };
    expect(await curl(method, path, body)).toMatchObject({ status: 403, errorType: 'ForbiddenException' });
    const { denials } = await platform.api.call(listDenials, {
      query: { cause: 'request_denied', limit: 20 },
    });
    expect(denials).toContainEqual(
      expect.objectContaining({ action, resource: expect.stringContaining('other') }),
    );
    const params = { jobId: 'first', thingName: 'other' };
    expect(await platform.api.call(getJobExecution, { params })).toMatchObject({
      status: 'QUEUED',
      versionNumber: 1,
    });
  });
});
