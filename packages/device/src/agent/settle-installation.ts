import type { Installer, InstallerImage, InstallerVerb } from '../installer/installer.ts';
import { askStatus, type InstallerStatus } from '../installer/status.ts';
import type { GiveUp } from '../slots/boot-notes.ts';
import type { SlotFolder } from '../slots/folder.ts';
import { confirmedVersion, type SlotsState } from '../slots/state.ts';
import { giveUp } from '../starter/prepare-start.ts';
import { changeSlots } from './install.ts';
import type { TrialOutcome, TrialParts } from './trial.ts';

/** An installer, and how often it is tried to bring one image to run. */
export interface Installation {
  readonly installer: Installer;
  readonly attemptsMax: number;
}

export interface InstallationParts extends Installation, Omit<TrialParts, 'isAlive'> {
  readonly stop: AbortSignal | undefined;
}

type Verdict =
  | { readonly kind: 'healthy' }
  | ({ readonly kind: 'failed' } & GiveUp)
  | { readonly kind: 'unknown'; readonly explanation: string };

/**
 * Brings the image on trial to run through the installer, judges it, and makes it the confirmed one or has the installer go
 * back. Each step may be the last before a power cut, or restart the device: the next pass goes on from what is durable.
 */
export async function settleInstallation(state: SlotsState, parts: InstallationParts): Promise<TrialOutcome> {
  const { folder } = parts;
  const { version } = imageOf(state, folder);
  const verdict = await judge(state, parts);
  switch (verdict.kind) {
    case 'healthy':
      changeSlots(folder, { state, event: { kind: 'confirmed' } });
      return { kind: 'confirmed', version, from: confirmedVersion(state) };
    case 'failed':
      return takeBack(state, verdict, parts);
    case 'unknown':
      return { kind: 'waiting', version, explanation: verdict.explanation };
  }
}

async function judge(state: SlotsState, parts: InstallationParts): Promise<Verdict> {
  const { folder, attemptsMax } = parts;
  const notes = folder.readNotes(state.generation);
  if (notes.givenUp !== undefined) return { kind: 'failed', ...notes.givenUp };
  if (notes.attempts >= attemptsMax) return usedUp(attemptsMax, 'it never came to be confirmed');
  folder.writeNotes({ ...notes, attempts: notes.attempts + 1 }); // durably, before anything that may end us
  const verdict = await attempt(state, parts);
  const isLast = verdict.kind === 'unknown' && notes.attempts + 1 >= attemptsMax;
  return isLast ? usedUp(attemptsMax, verdict.explanation) : verdict;
}

async function attempt(state: SlotsState, parts: InstallationParts): Promise<Verdict> {
  const unfit = await bringUp(state, parts);
  if (unfit !== undefined) return unfit;
  const health = await probeUntilHealthy(imageOf(state, parts.folder).version, parts);
  if (health.kind !== 'healthy') return health;
  return (await step('confirm', state, parts)) ?? health;
}

/** Nothing once the installer says that it runs. */
async function bringUp(state: SlotsState, parts: InstallationParts): Promise<Verdict | undefined> {
  const { folder, installer, stop } = parts;
  const { version } = imageOf(state, folder);
  if (runs(await askStatus(installer, stop), version)) return undefined; // the device has restarted into it
  if (!folder.isIntact(state.active, state.slots[state.active]!)) {
    const explanation = `slot ${state.active} does not hold the bytes of ${version}`;
    return { kind: 'failed', reason: 'image-not-verified', explanation };
  }
  const flaw = (await step('install', state, parts)) ?? (await step('switch', state, parts));
  if (flaw !== undefined) return flaw;
  const status = await statusOnce((status) => runs(status, version), parts);
  return runs(status, version) ? undefined : { kind: 'unknown', explanation: notRunning(status) };
}

/** Nothing when it was done. */
async function step(
  verb: InstallerVerb,
  state: SlotsState,
  { installer, folder, stop }: InstallationParts,
): Promise<Exclude<Verdict, { kind: 'healthy' }> | undefined> {
  const answer = await installer.ask(verb, { image: imageOf(state, folder), stop });
  if (answer.kind === 'done') return undefined;
  const { explanation } = answer;
  if (answer.kind === 'again') return { kind: 'unknown', explanation };
  return { kind: 'failed', reason: 'installer-failed', explanation };
}

async function probeUntilHealthy(version: string, parts: InstallationParts): Promise<Verdict> {
  const { settings, pause } = parts;
  let verdict = await probeOnce(version, parts);
  for (let left = settings.probeTries - 1; left > 0 && verdict.kind !== 'healthy'; left--) {
    await pause(settings.probePauseMs);
    verdict = await probeOnce(version, parts);
  }
  return verdict;
}

/** A probe counts only if what it was for still runs after it. */
async function probeOnce(version: string, parts: InstallationParts): Promise<Verdict> {
  const { installer, probe, settings, stop } = parts;
  const result = await probe(version);
  const status = await askStatus(installer, stop);
  if (!runs(status, version)) return { kind: 'unknown', explanation: notRunning(status) };
  if (result.kind === 'healthy') return result;
  const explanation = `the last of ${settings.probeTries} probes: ${result.explanation}`;
  return { kind: 'failed', reason: 'health-check-failed', explanation };
}

/** From the note on it only goes back, whatever happens. That it went back is asked for, too. */
async function takeBack(
  state: SlotsState,
  { reason, explanation }: GiveUp,
  parts: InstallationParts,
): Promise<TrialOutcome> {
  const { folder } = parts;
  const { version } = imageOf(state, folder);
  const wait = (why: string): TrialOutcome => {
    return { kind: 'waiting', version, explanation: `${reason}, and it is still to go back: ${why}` };
  };
  giveUp(folder, { notes: folder.readNotes(state.generation), giveUp: { reason, explanation } });
  const flaw = await step('rollback', state, parts);
  if (flaw !== undefined) return wait(flaw.explanation);
  const status = await statusOnce((status) => status.kind === 'known' && status.running !== version, parts);
  if (status.kind === 'unknown' || status.running === version) return wait(notRunning(status));
  changeSlots(folder, { state, event: { kind: 'failed', reason } });
  return { kind: 'rolled-back', version, to: status.running, reason, explanation };
}

/** Asks again and again, within bounds, until the answer is the one that is waited for; the last answer. */
async function statusOnce(
  isAwaited: (status: InstallerStatus) => boolean,
  { installer, settings, pause, stop }: InstallationParts,
): Promise<InstallerStatus> {
  let status = await askStatus(installer, stop);
  for (let waitedMs = 0; waitedMs < settings.startWithinMs && !isAwaited(status); ) {
    await pause(settings.probePauseMs);
    waitedMs += settings.probePauseMs;
    status = await askStatus(installer, stop);
  }
  return status;
}

function imageOf(state: SlotsState, folder: SlotFolder): InstallerImage {
  const { version, sha256, lengthBytes } = state.slots[state.active]!; // on trial: there is one
  return { version, sha256, lengthBytes, path: folder.imagePath(state.active) };
}

function runs(status: InstallerStatus, version: string): boolean {
  return status.kind === 'known' && status.running === version;
}

function usedUp(attemptsMax: number, explanation: string): Verdict {
  const tries = `tried ${attemptsMax} times: ${explanation}`;
  return { kind: 'failed', reason: 'attempts-used-up', explanation: tries };
}

function notRunning(status: InstallerStatus): string {
  if (status.kind === 'unknown') return status.explanation;
  return `the installer says that ${status.running ?? 'no version it knows'} runs`;
}
