/** Where the platform tells what became of a thing in the registry. */
export function thingEventTopic(thingName: string, operation: string): string {
  return `$aws/events/thing/${thingName}/${operation}`;
}
