/**
 * Where AWS's published description leaves open who may do what: one constant a point. docs/policy.md lists the choices and why;
 * tests hold both sides of each.
 */
export interface Compatibility {
  /** Which client ids an exclusive attachment (`EXCLUSIVE_THING`) associates with its thing. */
  readonly exclusiveAttachment: 'any-client-id' | 'thing-name-only';
  /** Which connects are admitted by an Allow of `iot:Connect` that says nothing about `iot:ConnectAttributes`. */
  readonly unconditionalConnect: 'every-connect' | 'plain-connects';
}

export const COMPATIBILITY: Compatibility = {
  exclusiveAttachment: 'any-client-id',
  unconditionalConnect: 'every-connect',
};
