import type { JsonObject } from '@fleetward/core';
import type { ReleaseComponent } from '@fleetward/updates';
import { storableText } from '../storable-text.ts';
import type { ActionEvent } from './steps.ts';
import type { CampaignRelease } from './store.ts';
import { installedOf, isObject, runs } from './turn.ts';

/** What a device said of its action, whatever protocol it speaks. */
export interface Feedback {
  readonly event: Exclude<ActionEvent, 'offer' | 'skip' | 'cancel' | 'retry' | 'timeOut'>;
  /** Whether another attempt may end better. */
  readonly mayPass?: boolean;
  readonly cause?: string;
  readonly explanation?: string;
}

const explanationCharactersMax = 1_000;

/**
 * What the report of an agent says of the release; `undefined` when it says nothing of it. It succeeded when the release is the
 * confirmed version, whatever else is said: installed is not confirmed.
 */
export function judgeReport(report: JsonObject, release: CampaignRelease): Feedback | undefined {
  const { component } = release;
  const installed = installedOf(report, component);
  const part = component === 'agent' && isObject(report.agent) ? report.agent.update : report.update;
  const update = isObject(part) ? part : {};
  if (runs(installed, release))
    return { event: isProven(component, update.outcome) ? 'confirm' : 'installed' };
  const explanation = textOf(update.reason);
  if (update.outcome === 'refused') return refusal({ explanation, step: textOf(update.step) }, release);
  if (update.outcome === 'failed' && (update.version ?? release.version) === release.version)
    return { event: 'fail', mayPass: true, cause: causeOf(explanation), explanation };
  if (update.version !== release.version) return undefined;
  switch (update.outcome) {
    case 'waiting':
      return { event: 'installed' };
    case 'rolled-back':
      return { event: 'fail', cause: causeOf(explanation), explanation };
    case 'confirmed':
    case 'up-to-date': {
      const found =
        installed === undefined ? 'no version' : `${installed.version} ${installed.sha256 ?? ''}`.trim();
      return {
        event: 'fail',
        cause: 'success-not-true',
        explanation: `it reports success with ${release.version} and runs ${found}`,
      };
    }
    default:
      return undefined;
  }
}

/** An agent on trial says which it is before it has proven itself; firmware is named when it was confirmed. */
function isProven(component: ReleaseComponent, outcome: unknown): boolean {
  return component === 'firmware' || outcome === 'confirmed';
}

/** Of this release by the device's own rules: for good. Of metadata, say, it may pass. */
function refusal(
  { explanation, step }: { readonly explanation: string; readonly step: string },
  { path }: CampaignRelease,
): Feedback {
  const [subject = ''] = explanation.split(': ');
  const reason = explanation.slice(subject.length + 2);
  if (subject === path) return { event: 'reject', cause: causeOf(reason), explanation };
  return {
    event: 'fail',
    mayPass: true,
    cause: causeOf(reason, 'refused'),
    explanation: `${step} ${explanation}`,
  };
}

/** The action that the report says it is about. */
export function actionIdOf({ update }: JsonObject): number | undefined {
  const actionId = isObject(update) ? update.actionId : undefined;
  // PostgreSQL has no integer of 300 digits, which JSON has.
  return typeof actionId === 'number' && Number.isSafeInteger(actionId) ? actionId : undefined;
}

/** The word before the first colon, as agents write reasons; anything else has no name of its own. */
function causeOf(reason: string, otherwise = 'unnamed'): string {
  return /^([a-z][a-z0-9-]{0,39}):/.exec(reason)?.[1] ?? otherwise;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? storableText(value.slice(0, explanationCharactersMax)) : '';
}
