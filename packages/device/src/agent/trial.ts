import type { BootNotes } from '../slots/boot-notes.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { confirmedVersion, type SlotsState } from '../slots/state.ts';
import { changeSlots } from './install.ts';
import type { CheckOutcome } from './outcome.ts';
import type { ProbeResult } from './probe.ts';

/** How a trial is judged. Times in milliseconds. */
export interface TrialSettings {
  /** How long the starter may take to start the image before the question is put off to the next pass. */
  readonly startWithinMs: number;
  /** How often the starter's notes are looked at. */
  readonly pollMs: number;
  /** Probes until the first that passes. */
  readonly probeTries: number;
  readonly probePauseMs: number;
}

export interface TrialParts {
  readonly folder: SlotFolder;
  readonly settings: TrialSettings;
  /** Of the image that is to run. */
  probe(version: string): Promise<ProbeResult>;
  pause(ms: number): Promise<void>;
  /** Whether a process exists. */
  isAlive(pid: number): boolean;
}

export type TrialOutcome = Extract<CheckOutcome, { kind: 'confirmed' | 'rolled-back' | 'waiting' }>;

type Verdict =
  | { readonly kind: 'healthy' }
  | { readonly kind: 'failed'; readonly reason: string; readonly explanation: string }
  | { readonly kind: 'unknown'; readonly explanation: string };

/** Judges the image on trial, and makes it the confirmed one or goes back to what worked. */
export async function settleTrial(state: SlotsState, parts: TrialParts): Promise<TrialOutcome> {
  const { folder } = parts;
  const version = state.slots[state.active]!.version; // on trial: there is one
  const previous = confirmedVersion(state);
  const verdict = await judge(state, parts);
  switch (verdict.kind) {
    case 'healthy':
      changeSlots(folder, { state, event: { kind: 'confirmed' } });
      return { kind: 'confirmed', version, from: previous };
    case 'failed': {
      const { reason, explanation } = verdict;
      const back = changeSlots(folder, { state, event: { kind: 'failed', reason } });
      await untilRunning(back, parts);
      return { kind: 'rolled-back', version, to: previous, reason, explanation };
    }
    case 'unknown':
      return { kind: 'waiting', version, explanation: verdict.explanation };
  }
}

async function judge(state: SlotsState, parts: TrialParts): Promise<Verdict> {
  const notes = await untilRunning(state, parts);
  if (notes.givenUp !== undefined) return { kind: 'failed', ...notes.givenUp };
  if (notes.running === undefined) return { kind: 'unknown', explanation: 'the starter has not started it' };
  return probeUntilHealthy(state, parts);
}

/** Waits, within bounds, until the starter runs the active slot or has given it up. */
async function untilRunning(state: SlotsState, parts: TrialParts): Promise<BootNotes> {
  const { folder, settings, pause } = parts;
  let notes = folder.readNotes(state.generation);
  for (let waitedMs = 0; waitedMs < settings.startWithinMs; waitedMs += settings.pollMs) {
    if (notes.givenUp !== undefined || notes.running?.slot === state.active) break;
    await pause(settings.pollMs);
    notes = folder.readNotes(state.generation);
  }
  return notes;
}

async function probeUntilHealthy(state: SlotsState, parts: TrialParts): Promise<Verdict> {
  const { settings, pause } = parts;
  let verdict: Verdict = { kind: 'unknown', explanation: 'it was never probed' };
  for (let left = settings.probeTries; left > 0; left--) {
    const round = await probeRunning(state, parts);
    if (round.isFinal) return round.verdict;
    verdict = round.verdict;
    if (left > 1) await pause(settings.probePauseMs);
  }
  return verdict;
}

interface Round {
  readonly isFinal: boolean;
  readonly verdict: Verdict;
}

/**
 * One probe. It counts only if the process that the starter runs on trial was there before and after it; that it was not
 * says nothing about the image: of an image that dies the starter tells.
 */
async function probeRunning(
  state: SlotsState,
  { folder, probe, isAlive, settings }: TrialParts,
): Promise<Round> {
  const before = folder.readNotes(state.generation);
  const result = await probe(state.slots[state.active]!.version); // on trial: there is one
  const after = folder.readNotes(state.generation);
  if (after.givenUp !== undefined) return { isFinal: true, verdict: { kind: 'failed', ...after.givenUp } };
  const pid = before.running?.slot === state.active ? before.running.pid : undefined;
  if (pid === undefined || after.running?.pid !== pid || !isAlive(pid)) {
    const explanation = 'its process was not there throughout the probe';
    return { isFinal: false, verdict: { kind: 'unknown', explanation } };
  }
  if (result.kind === 'healthy') return { isFinal: true, verdict: result };
  const explanation = `the last of ${settings.probeTries} probes: ${result.explanation}`;
  return { isFinal: false, verdict: { kind: 'failed', reason: 'health-check-failed', explanation } };
}
