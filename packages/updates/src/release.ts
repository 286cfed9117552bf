import type { JsonObject } from '@fleetward/core';
import { UpdatesError } from './errors.ts';
import { isVersion } from './version-order.ts';

/** What a release replaces on a device. */
export type ReleaseComponent = 'firmware' | 'agent';

/** What a release says about itself in its target's `custom` field. */
export interface Release {
  /** The firmware, unless it says otherwise. */
  readonly component?: ReleaseComponent;
  readonly product: string;
  readonly version: string;
  /** Grows when a release closes a hole; a device never goes below the highest it confirmed (anti-rollback floor). */
  readonly securityVersion: number;
  /** Hardware it runs on; never empty. */
  readonly hardware: readonly string[];
}

/**
 * Reads a release out of a target's `custom` field; `undefined` when the target is not a release of ours, or is one for a
 * component that this version does not know.
 */
export function parseRelease(custom: JsonObject): Release | undefined {
  const { component, product, version, securityVersion, hardware } = custom;
  if (component !== undefined && component !== 'firmware' && component !== 'agent') return undefined;
  if (!isName(product) || !isName(version) || !isSecurityVersion(securityVersion)) return undefined;
  if (!Array.isArray(hardware) || hardware.length < 1 || hardware.length > 64) return undefined;
  if (!hardware.every(isName)) return undefined;
  return { ...(component && { component }), product, version, securityVersion, hardware };
}

/** The `custom` field for a release; refuses what a device could not read. */
export function customOfRelease(release: Release): JsonObject {
  const { component, product, version, securityVersion, hardware } = release;
  const custom = { ...(component && { component }), product, version, securityVersion, hardware };
  if (!isVersion(version)) {
    const expected =
      'a version like `1.4.2` or `2.0.0-rc.1`: devices install what is newer, and must be able to tell';
    throw new UpdatesError('updates.target_invalid', `\`${version}\` is not a version: expected ${expected}`);
  }
  if (parseRelease(custom) !== undefined) return custom;
  const expected =
    'names of 1 to 128 of a-z A-Z 0-9 . _ + : -, a security version from 0, and 1 to 64 hardware names';
  throw new UpdatesError('updates.target_invalid', `not a release: expected ${expected}`);
}

function isName(value: unknown): value is string {
  return typeof value === 'string' && /^[a-zA-Z0-9._+:-]{1,128}$/.test(value);
}

function isSecurityVersion(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
