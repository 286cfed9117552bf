import { createHash } from 'node:crypto';
import { parseSha256, type Sha256, utf8 } from '@fleetward/core';
import { ProvisioningError } from './errors.ts';
import type { TemplateVersion } from './store.ts';

/** AWS IoT's quota. */
const versionsMax = 5;

export function assertTemplateName(name: string): void {
  if (/^[0-9A-Za-z_-]{1,36}$/.test(name)) return;
  throw new ProvisioningError(
    'provisioning.template_invalid',
    `\`${name.slice(0, 64)}\` is no name of a template: 1 to 36 of 0-9 A-Z a-z _ -`,
  );
}

export function assertVersionAddable(name: string, present: readonly TemplateVersion[]): void {
  if (present.length < versionsMax) return;
  throw new ProvisioningError(
    'provisioning.version_limit',
    `template \`${name}\` has ${versionsMax} versions already; remove one first`,
  );
}

/** Throws `provisioning.hook_refused` for an address that the settings do not let the platform ask. */
export function assertHookUrl(text: string, { hookHosts, hookMayBeLoopback }: HookRules): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const refuse = (why: string) =>
    new ProvisioningError('provisioning.hook_refused', `the hook \`${text}\`: ${why}`);
  if (url === undefined || text.length > 1_024)
    throw refuse('not an absolute URL of at most 1,024 characters');
  if (url.protocol !== 'https:') throw refuse('only https is asked');
  if (url.username !== '' || url.password !== '' || url.hash !== '')
    throw refuse('a user, a password or a fragment does not belong there');
  if (!hookHosts.includes(url.host))
    throw refuse(`the setting \`provisioning.hookHosts\` does not have \`${url.host}\``);
  if (isLoopback(url.hostname) && !hookMayBeLoopback)
    throw refuse('loopback is asked only with the setting `provisioning.hookMayBeLoopback`');
}

export interface HookRules {
  /** `host` or `host:port`, as in a URL. */
  readonly hookHosts: readonly string[];
  readonly hookMayBeLoopback: boolean;
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname.endsWith('.localhost') || isLoopbackAddress(hostname);
}

export function isLoopbackAddress(address: string): boolean {
  return /^(127\.|::ffff:127\.)/.test(address) || address === '::1' || address === '[::1]';
}

/** The hash that an ownership token is looked up by; undefined for a text that cannot be one. */
export function hashOwnershipToken(token: string): Sha256 | undefined {
  if (!/^fwc_[A-Za-z0-9_-]{43}$/.test(token)) return undefined;
  return parseSha256(createHash('sha256').update(utf8(token)).digest('hex'));
}
