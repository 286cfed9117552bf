/** Where devices ask for jobs; the level after `things` is the thing. */
export const jobsFilter = '$aws/things/+/jobs/#';

/** Where the platform tells a thing that what it has before it has changed. */
export function jobTopics(thingName: string): { readonly notify: string; readonly notifyNext: string } {
  const prefix = `$aws/things/${thingName}/jobs`;
  return { notify: `${prefix}/notify`, notifyNext: `${prefix}/notify-next` };
}

/** Where the platform tells what became of a job as a whole. */
export function jobEventTopic(jobId: string, operation: string): string {
  return `$aws/events/job/${jobId}/${operation}`;
}

/** Where the platform tells how one thing ended with a job. */
export function jobExecutionEventTopic(jobId: string, operation: string): string {
  return `$aws/events/jobExecution/${jobId}/${operation}`;
}
