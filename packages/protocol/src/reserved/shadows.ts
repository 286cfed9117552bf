/** The topics on which shadows are asked for, as filters; the classic shadow of a thing and its named ones. */
export const shadowFilters = (['get', 'update', 'delete'] as const).flatMap((operation) => [
  { operation, filter: `$aws/things/+/shadow/${operation}` },
  { operation, filter: `$aws/things/+/shadow/name/+/${operation}` },
]);

export type ShadowOperation = (typeof shadowFilters)[number]['operation'];

/** A topic of a shadow; the classic one has an empty name. */
export function shadowTopic(
  { thingName, shadowName }: { readonly thingName: string; readonly shadowName: string },
  tail:
    | ShadowOperation
    | `${ShadowOperation}/${'accepted' | 'rejected'}`
    | 'update/delta'
    | 'update/documents',
): string {
  const name = shadowName === '' ? '' : `/name/${shadowName}`;
  return `$aws/things/${thingName}/shadow${name}/${tail}`;
}

/**
 * The thing and the shadow that a request's topic names, by its levels; undefined for the classic one, and empty where `name/` is
 * followed by nothing, which is no shadow's: a policy decided it as a named one.
 */
export function shadowOfTopic(topic: string): {
  readonly thingName: string;
  readonly shadowName: string | undefined;
} {
  const [, , thingName = '', , kind, name = ''] = topic.split('/');
  return { thingName, shadowName: kind === 'name' ? name : undefined };
}
