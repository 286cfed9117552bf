/** Why a request about a shadow is refused: AWS IoT's codes, which are HTTP's, and its words. */
export interface Rejection {
  readonly kind: 'rejected';
  readonly code: 400 | 404 | 409 | 413 | 415 | 429 | 500;
  readonly message: string;
  /** Of the request, where it could be read. */
  readonly clientToken?: string;
}

export function rejection(
  code: Rejection['code'],
  message: string,
  clientToken?: string | undefined,
): Rejection {
  return { kind: 'rejected', code, message, ...(clientToken === undefined ? {} : { clientToken }) };
}

export const refusals = {
  invalidJson: [400, 'Invalid JSON'],
  missingState: [400, 'Missing required node: state'],
  stateNoObject: [400, 'State node must be an object'],
  desiredNoObject: [400, 'Desired node must be an object'],
  reportedNoObject: [400, 'Reported node must be an object'],
  invalidVersion: [400, 'Invalid version'],
  invalidToken: [400, 'Invalid clientToken'],
  tooDeep: [400, 'JSON contains too many levels of nesting; maximum is 6'],
  invalidNode: [400, 'State contains an invalid node'],
  invalidName: [400, 'Invalid shadow name'],
  thingNotFound: [404, 'Thing not found'],
  conflict: [409, 'Version conflict'],
  tooLarge: [413, 'The payload exceeds the maximum size allowed'],
  noUtf8: [415, 'Unsupported documented encoding; supported encoding is UTF-8'],
  throttled: [429, 'Too many requests'],
  failed: [500, 'Internal service failure'],
} as const satisfies Record<string, readonly [Rejection['code'], string]>;

export function refuse(why: keyof typeof refusals, clientToken?: string | undefined): Rejection {
  const [code, message] = refusals[why];
  return rejection(code, message, clientToken);
}

/** AWS IoT names the shadow, or the thing where it is about its classic one. */
export function noShadow(
  { thingName, shadowName }: { readonly thingName: string; readonly shadowName: string },
  clientToken?: string | undefined,
): Rejection {
  const name = shadowName === '' ? thingName : shadowName;
  return rejection(404, `No shadow exists with name: ${name}`, clientToken);
}
