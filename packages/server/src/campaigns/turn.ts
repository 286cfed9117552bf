import type { JsonObject } from '@fleetward/core';
import { compareVersions, type ReleaseComponent } from '@fleetward/updates';
import { storableText } from '../storable-text.ts';
import type { CampaignRelease } from './store.ts';
import type { Prerequisites } from './terms.ts';
import type { Opening } from './windows.ts';

/** What is known of a thing when its turn comes. */
export interface Facts {
  readonly attributes: Readonly<Record<string, string>>;
  readonly model?: Model | undefined;
  readonly installed?: Installed | undefined;
  readonly batteryPercent?: number | undefined;
}

/** What a device says it is, as releases name it. */
export interface Model {
  readonly product: string;
  readonly hardware: string;
}

export interface Installed {
  readonly version: string;
  readonly sha256?: string | undefined;
}

/** Whether a thing is offered the release when its turn comes. */
export type Turn =
  | { readonly kind: 'offer' }
  | { readonly kind: 'has-it' }
  | { readonly kind: 'skip'; readonly cause: string; readonly explanation: string }
  | { readonly kind: 'wait'; readonly untilMs: number };

/** How long until a battery is looked at again. */
const batteryPauseMs = 10 * 60_000;

export interface TurnOptions {
  readonly release: CampaignRelease;
  readonly prerequisites: Prerequisites;
  /** Of the maintenance window where the thing is; none: there is no window. */
  readonly opening: Opening | 'no-such-zone' | undefined;
  readonly nowMs: number;
}

export function judgeTurn(facts: Facts, options: TurnOptions): Turn {
  const { release, prerequisites, opening, nowMs } = options;
  if (runs(facts.installed, release)) return { kind: 'has-it' };
  const skipped = reasonToSkip(facts, { release, prerequisites });
  if (skipped !== undefined) return { kind: 'skip', ...skipped };
  if (opening === 'no-such-zone')
    return {
      kind: 'skip',
      cause: 'time-zone-unknown',
      explanation: 'its attribute `timezone` is no IANA name of a time zone',
    };
  if (opening?.isOpen === false) return { kind: 'wait', untilMs: opening.untilMs };
  const { batteryPercentMin } = prerequisites;
  if (batteryPercentMin !== undefined && (facts.batteryPercent ?? 0) < batteryPercentMin)
    return { kind: 'wait', untilMs: nowMs + batteryPauseMs };
  return { kind: 'offer' };
}

/** The same version, and the same bytes where the device says which it runs. */
export function runs(installed: Installed | undefined, { version, sha256 }: CampaignRelease): boolean {
  if (installed?.version !== version) return false;
  return installed.sha256 === undefined || installed.sha256 === sha256;
}

function reasonToSkip(
  { installed, attributes, model }: Facts,
  { release, prerequisites }: Pick<TurnOptions, 'release' | 'prerequisites'>,
): { readonly cause: string; readonly explanation: string } | undefined {
  const { fromVersions, attributes: wanted } = prerequisites;
  const { version = 'a version that it never reported' } = installed ?? {};
  if (model !== undefined && !isFor(release, model))
    return { cause: 'other-model', explanation: `it is ${model.product} ${model.hardware}` };
  if (installed !== undefined && (compareVersions(installed.version, release.version) ?? -1) >= 0)
    return { cause: 'newer-installed', explanation: `it runs ${version}; devices only go up` };
  if (fromVersions.length > 0 && !fromVersions.includes(version))
    return { cause: 'other-version', explanation: `it runs ${version}` };
  const differing = Object.keys(wanted).find((name) => attributes[name] !== wanted[name]);
  if (differing === undefined) return undefined;
  return {
    cause: 'other-attributes',
    explanation: `its attribute \`${differing}\` is not \`${wanted[differing]}\``,
  };
}

function isFor({ product, hardware }: CampaignRelease, model: Model): boolean {
  return product === model.product && hardware.includes(model.hardware);
}

export function modelOf({ model }: JsonObject): Model | undefined {
  if (!isObject(model)) return undefined;
  const { product, hardware } = model;
  return typeof product === 'string' && typeof hardware === 'string' ? { product, hardware } : undefined;
}

/** What a report of the device says of the part that a release is for. */
export function installedOf(report: JsonObject, component: ReleaseComponent): Installed | undefined {
  const part = component === 'agent' ? report.agent : report.installed;
  if (!isObject(part) || typeof part.version !== 'string') return undefined;
  return {
    version: storableText(part.version),
    ...(typeof part.sha256 === 'string' ? { sha256: part.sha256 } : {}),
  };
}

export function batteryOf({ batteryPercent }: JsonObject): number | undefined {
  return typeof batteryPercent === 'number' ? batteryPercent : undefined;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
