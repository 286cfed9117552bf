import { CampaignsError } from './errors.ts';
import type { MaintenanceWindow, Stage, StageShare, Terms } from './terms.ts';
import { isTimeZone, windowMinutes, windowMinutesMin } from './windows.ts';

const dayMinutes = 1_440;

/** Throws `campaigns.invalid` for terms that cannot be kept, or would never end. */
export function assertTerms({ stages, rate, retry, window }: Terms): void {
  assertStages(stages);
  if (rate.baseRatePerMinute > rate.maximumPerMinute) throw invalid('the rate begins above its maximum');
  if (retry.firstDelayMs > retry.delayMaxMs)
    throw invalid('the first delay before another attempt is above the longest');
  if (window !== undefined) assertWindow(window);
}

function assertStages(stages: readonly Stage[]): void {
  const last = stages.at(-1)?.share;
  if (last?.kind !== 'percent' || last.percent !== 100)
    throw invalid('the last stage must be 100 %: what it does not reach would wait for ever');
  for (const kind of ['things', 'percent'] as const) {
    const reaches = stages.map(({ share }) => share).filter((share) => share.kind === kind);
    if (reaches.some((share, at) => at > 0 && sizeOf(share) <= sizeOf(reaches[at - 1]!)))
      throw invalid('each stage must reach further than the one before it');
  }
}

function sizeOf(share: StageShare): number {
  return share.kind === 'things' ? share.count : share.percent;
}

function assertWindow(window: MaintenanceWindow): void {
  if (!isTimeZone(window.timeZone))
    throw invalid(`\`${window.timeZone}\` is no IANA name of a time zone, such as \`Europe/Berlin\``);
  if (window.days.length === 0) throw invalid('the maintenance window opens on no day');
  const open = windowMinutes(window);
  const isAlways = open === dayMinutes;
  if (open < windowMinutesMin || (!isAlways && dayMinutes - open < windowMinutesMin))
    throw invalid(`a maintenance window is open, and shut, for at least ${windowMinutesMin} minutes`);
}

function invalid(message: string): CampaignsError {
  return new CampaignsError('campaigns.invalid', message);
}
