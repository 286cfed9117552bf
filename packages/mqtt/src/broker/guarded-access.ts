import { REASON, type ReasonCode } from '../reason-codes.ts';
import type { Access } from './hooks.ts';

// A policy that throws, or answers anything but true, is a denial: no decision defaults to allow.

export function mayPublish(access: Access, topic: string, retain: boolean): boolean {
  try {
    return access.mayPublish(topic, retain) === true;
  } catch {
    return false;
  }
}

/** The reason code of a denial; undefined: allowed. One that could not be decided is not called a matter of rights. */
export function subscribeDenial(access: Access, filter: string): ReasonCode | undefined {
  try {
    return access.maySubscribe(filter) === true ? undefined : REASON.notAuthorized;
  } catch {
    return REASON.unspecifiedError;
  }
}

export function mayReceive(access: Access, topic: string, shareName?: string): boolean {
  try {
    return access.mayReceive(topic, shareName) === true;
  } catch {
    return false;
  }
}

/** Of a session that has had no connection since the start: what it may receive is decided when it has one. */
export const ENQUEUE_ONLY: Access = Object.freeze({
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => true,
});

/** What a connection may do before its CONNECT is accepted. */
export const NO_ACCESS: Access = Object.freeze({
  mayPublish: () => false,
  maySubscribe: () => false,
  mayReceive: () => false,
});
