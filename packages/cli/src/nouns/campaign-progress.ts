import type { getCampaign, Part } from '@fleetward/protocol';
import { printable } from '../printable.ts';

export type Campaign = Part<(typeof getCampaign)['answer']>;

const ends = ['SUCCEEDED', 'FAILED', 'TIMED_OUT', 'REJECTED', 'SKIPPED', 'CANCELLED'];
const barWidth = 24;

/** One line: `3 of 20 succeeded, 1 failed, 2 under way, 14 waiting`. */
export function progressText({ things, counts }: Campaign): string {
  const of = (...states: readonly string[]) => states.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const failed = of('FAILED', 'TIMED_OUT', 'REJECTED');
  const parts = [
    `${of('SUCCEEDED')} of ${things} succeeded`,
    ...(failed === 0 ? [] : [`${failed} failed`]),
    ...(of('SKIPPED') === 0 ? [] : [`${of('SKIPPED')} skipped`]),
    ...(of('CANCELLED') === 0 ? [] : [`${of('CANCELLED')} let go`]),
    `${things - of(...ends) - of('SCHEDULED')} under way`,
    `${of('SCHEDULED')} waiting`,
  ];
  return parts.join(', ');
}

/** The campaign as a person watches it: a bar a stage, failures by cause, and how long it will take at this pace. */
export function progressLines(campaign: Campaign, nowMs: number): readonly string[] {
  const { name, release, state, because, stages, causes } = campaign;
  const left = secondsLeft(campaign, nowMs);
  return [
    `${printable(name)}: ${printable(release.product)} ${printable(release.version)}  ${state}${left === undefined ? '' : `, ${timeText(left)} left at this pace`}`,
    ...(because === undefined ? [] : [`  ${printable(because.explanation)}`]),
    ...stages.map((stage, at) => stageLine(stage, at === campaign.stage ? '▶' : ' ')),
    `  ${progressText(campaign)}; ${campaign.ratePerMinute}/min`,
    ...troubleTexts(campaign).map((text) => `  ${text}`),
    ...causes.slice(0, 8).map(({ state: end, cause, count }) => `  ${end} ${printable(cause)}: ${count}`),
  ];
}

/** What was seen of trouble on updated things, beside those that wait; nothing while there was none. */
export function troubleTexts({ troubles }: Campaign): readonly string[] {
  const rate = ({ troubled, deviceHours }: Campaign['troubles'][number]['rest']) =>
    `${troubled} of ${deviceHours} device-hours`;
  return troubles
    .filter(({ updated }) => updated.troubled > 0)
    .map(({ kind, updated, rest }) => `${kind}: updated ${rate(updated)}, waiting ${rate(rest)}`);
}

function stageLine({ share, things, counts }: Campaign['stages'][number], mark: string): string {
  const ended = ends.reduce((sum, state) => sum + (counts[state] ?? 0), 0);
  const filled = things === 0 ? 0 : Math.min(barWidth, Math.floor((barWidth * ended) / things));
  const bar = '█'.repeat(filled).padEnd(barWidth, '░');
  const reach = share.kind === 'things' ? `${share.count}` : `${share.percent} %`;
  return `${mark} ${reach.padStart(7)} ${bar} ${ended} of ${things}`;
}

/** At the pace with which things have ended since the start; nothing while it stands still, or cannot end. */
function secondsLeft(campaign: Campaign, nowMs: number): number | undefined {
  const { state, startedAtMs, things, counts, target } = campaign;
  const ended = ends.reduce((sum, end) => sum + (counts[end] ?? 0), 0);
  if (state !== 'RUNNING' || startedAtMs === undefined || ended === 0 || target.isContinuous)
    return undefined;
  return ((nowMs - startedAtMs) / 1_000 / ended) * (things - ended);
}

function timeText(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5_400) return `${Math.ceil(seconds / 60)} min`;
  return `${Math.ceil(seconds / 3_600)} h`;
}
