import type { SlotName } from './state.ts';

/** Why a trial was given up: by the starter, or by the agent over an installer. */
export type GiveUpReason =
  | 'attempts-used-up'
  | 'image-not-verified'
  | 'not-started'
  | 'died-before-confirmation'
  | 'not-confirmed-in-time'
  | 'health-check-failed'
  | 'installer-failed';

export interface GiveUp {
  readonly reason: GiveUpReason;
  readonly explanation: string;
}

/**
 * `boot.json`: what the starter tried. Written by the starter alone, so that neither program ever overwrites what the
 * other one knows, and by the agent alone where an installer is in its place; notes of another generation than that of `slots.json` count for nothing.
 */
export interface BootNotes {
  readonly generation: number;
  /** Starts of the slot on trial, counted before each. */
  readonly attempts: number;
  readonly givenUp: GiveUp | undefined;
  readonly running: { readonly slot: SlotName; readonly pid: number } | undefined;
}

export function freshNotes(generation: number): BootNotes {
  return { generation, attempts: 0, givenUp: undefined, running: undefined };
}
