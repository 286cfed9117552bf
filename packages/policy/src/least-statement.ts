import { type PolicyAction, resourceTypeOf } from './actions.ts';

/** A request that was denied, and whose it was. */
export interface DeniedRequest {
  readonly action: PolicyAction;
  readonly name: string;
  /** The associated thing, when there is one. */
  readonly thingName?: string;
  readonly clientId?: string;
}

/** A statement as a document holds it. */
export interface LeastStatement {
  readonly Effect: 'Allow';
  readonly Action: PolicyAction;
  readonly Resource: string;
}

/**
 * The narrowest statement that allows the request: its name and no other, with a variable where a level of it is the thing's name
 * or the client id, so that every device may have the same policy and none gets another's topics.
 */
export function leastStatement({ action, name, ...who }: DeniedRequest): LeastStatement {
  const type = resourceTypeOf(action);
  if (type === 'none') return { Effect: 'Allow', Action: action, Resource: '*' };
  // Every client id is `${iot:ClientId}`: as what it may connect under, it would allow any.
  const known = type === 'client' ? { ...who, clientId: undefined } : who;
  const pattern = name.split('/').map((level) => levelPattern(level, known));
  const resource = `arn:aws:iot:REGION:ACCOUNT_ID:${type}/${pattern.join('/')}`;
  return { Effect: 'Allow', Action: action, Resource: resource };
}

function levelPattern(
  level: string,
  {
    thingName,
    clientId,
  }: { readonly thingName?: string | undefined; readonly clientId?: string | undefined },
): string {
  // What a value with these characters stands for is never substituted.
  const isVariable = level !== '' && !/[+#*?]/.test(level);
  if (isVariable && level === thingName) return '${iot:Connection.Thing.ThingName}';
  if (isVariable && level === clientId) return '${iot:ClientId}';
  return level.replace(/[*?]|\$(?=[{(])/g, (char) => `\${${char}}`);
}
