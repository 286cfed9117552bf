import { parseThingName } from '@fleetward/core';
import { shadowNamePattern } from './compatibility.ts';
import type { ShadowKey } from './document.ts';
import { type Rejection, refuse } from './rejections.ts';

/** The key that a device's names make; an empty shadow name is the classic one. */
export function keyOf({
  thingName,
  shadowName,
}: {
  readonly thingName: string;
  readonly shadowName: string;
}): (ShadowKey & { readonly kind: 'key' }) | Rejection {
  if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(thingName)) return refuse('thingNotFound');
  if (shadowName !== '' && !shadowNamePattern.test(shadowName)) return refuse('invalidName');
  return { kind: 'key', thingName: parseThingName(thingName), shadowName };
}
