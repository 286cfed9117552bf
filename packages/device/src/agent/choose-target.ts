import {
  compareVersions,
  isVersion,
  parseRelease,
  type Release,
  type ReleaseComponent,
  type Target,
} from '@fleetward/updates';
import { isRejected } from '../slots/rules.ts';
import { confirmedVersion, type SlotsState } from '../slots/state.ts';
import { type DeviceRefusalReason, type Refused, refusedByDevice } from './outcome.ts';

/** What the device is, as releases name it. */
export interface DeviceModel {
  readonly product: string;
  readonly hardware: string;
}

/** A release to install. */
export interface Offer {
  readonly target: Target;
  readonly release: Release;
}

export type Choice =
  | { readonly kind: 'install'; readonly offer: Offer }
  | { readonly kind: 'none' }
  | Refused;

export interface ChoiceOptions {
  readonly component: ReleaseComponent;
  readonly model: DeviceModel;
  readonly state: SlotsState;
  /** What runs while nothing is confirmed, if its version is known. */
  readonly factoryVersion?: string;
  /** A director chose: then an older version is as good as a newer one, above the security floor. */
  readonly isDirected?: boolean;
}

/**
 * Picks the newest release that suits the device and is newer than the confirmed one; under a director, the one there is and
 * that is another than the confirmed one. Where there are such but none suits, the newest says why.
 */
export function chooseTarget(
  targets: readonly Target[],
  { component, model, state, factoryVersion, isDirected = false }: ChoiceOptions,
): Choice {
  const current = confirmedVersion(state) ?? factoryVersion;
  const newer = targets
    .map((target) => ({ target, release: parseRelease(target.custom) }))
    .filter((offer): offer is Offer => offer.release?.product === model.product)
    .filter(({ release }) => (release.component ?? 'firmware') === component)
    .filter(({ release }) => isWanted(release.version, { current, isDirected }))
    .sort((a, b) => compareVersions(b.release.version, a.release.version) ?? 0);
  const judged = newer.map((offer) => ({ offer, flaw: flawOf(offer, { model, state }) }));
  const fit = judged.find(({ flaw }) => flaw === undefined);
  if (fit !== undefined) return { kind: 'install', offer: fit.offer };
  return judged[0]?.flaw ?? { kind: 'none' };
}

function isWanted(
  version: string,
  { current, isDirected }: { readonly current: string | undefined; readonly isDirected: boolean },
): boolean {
  if (!isVersion(version) || current === undefined) return true; // the first one becomes a refusal below
  const order = compareVersions(version, current) ?? 1;
  return isDirected ? order !== 0 : order > 0;
}

/** Why this device may not have it. */
export function flawOf(
  { target, release }: Offer,
  {
    model,
    state,
  }: { readonly model: DeviceModel; readonly state: Pick<SlotsState, 'securityFloor' | 'rejected'> },
): Refused | undefined {
  const refuse = (reason: DeviceRefusalReason, explanation: string) =>
    refusedByDevice(target.path, { reason, explanation });
  const { version, securityVersion, hardware } = release;
  if (!isVersion(version)) return refuse('version-form', `\`${version}\` is not a version like 1.2.3`);
  if (!hardware.includes(model.hardware))
    return refuse('wrong-hardware', `${version} is for ${hardware.join(', ')}; this is ${model.hardware}`);
  if (securityVersion < state.securityFloor) {
    const explanation = `security version ${securityVersion} of ${version} is below the floor ${state.securityFloor}`;
    return refuse('below-security-floor', explanation);
  }
  if (isRejected(state, target.sha256)) {
    const cause = state.rejected.find(({ sha256 }) => sha256 === target.sha256)?.reason;
    return refuse('failed-before', `${version} was tried on this device and failed: ${cause}`);
  }
  return undefined;
}
