import { COMPATIBILITY, type Compatibility } from './compatibility.ts';

/** A thing that a certificate is attached to. */
export interface ThingAttachment<Name extends string = string> {
  readonly thingName: Name;
  /** AWS IoT's `EXCLUSIVE_THING`: the certificate belongs to this thing whatever the client id. */
  readonly exclusive: boolean;
}

export type Association<Name extends string = string> =
  | { readonly kind: 'associated'; readonly thingName: Name }
  | { readonly kind: 'unassociated' };

/**
 * Which thing a connection is: the one named as the client id, or the exclusively attached one. Attachments that
 * contradict an exclusive one make it count for nothing: then only the name decides.
 */
export function associateThing<Name extends string>(
  attachments: readonly ThingAttachment<Name>[],
  clientId: string,
  { exclusiveAttachment }: Pick<Compatibility, 'exclusiveAttachment'> = COMPATIBILITY,
): Association<Name> {
  const [first] = attachments;
  const isAlone = first?.exclusive === true && attachments.length === 1;
  if (isAlone && exclusiveAttachment === 'any-client-id') {
    return { kind: 'associated', thingName: first.thingName };
  }
  const named = attachments.find(({ thingName }) => thingName === clientId);
  return named === undefined ? { kind: 'unassociated' } : { kind: 'associated', thingName: named.thingName };
}
