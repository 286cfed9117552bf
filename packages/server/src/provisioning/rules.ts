import { createHash } from 'node:crypto';
import { BlockList, isIP } from 'node:net';
import { canonicalJson, parseSha256, type Sha256, utf8 } from '@fleetward/core';
import { familyOf, isLoopback } from '../network-of.ts';
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
  if (namesThisMachine(url.hostname) && !hookMayBeLoopback)
    throw refuse('loopback is asked only with the setting `provisioning.hookMayBeLoopback`');
}

export interface HookRules {
  /** `host` or `host:port`, as in a URL. */
  readonly hookHosts: readonly string[];
  readonly hookMayBeLoopback: boolean;
}

/** `hostname` as a URL has it, an IPv6 address in brackets. */
function namesThisMachine(hostname: string): boolean {
  const isName = hostname === 'localhost' || hostname.endsWith('.localhost');
  return isName || isOwnAddress(hostname.replace(/^\[|\]$/g, ''));
}

// All of the first network: the kernel takes a connection to none of its addresses elsewhere.
const unspecified = new BlockList();
unspecified.addSubnet('0.0.0.0', 8, 'ipv4');
unspecified.addAddress('::', 'ipv6');

/** Whether a connection to this address stays on this machine: loopback, or the unspecified one, which the kernel takes for it. */
export function isOwnAddress(address: string): boolean {
  return isLoopback(address) || (isIP(address) !== 0 && unspecified.check(address, familyOf(address)));
}

/** By which a request is known when it comes again, whatever the order of its parameters. */
export function hashOfRequest({
  templateName,
  parameters,
}: {
  readonly templateName: string;
  readonly parameters: ReadonlyMap<string, string>;
}): Sha256 {
  const text = canonicalJson({ templateName, parameters: Object.fromEntries(parameters) });
  return parseSha256(createHash('sha256').update(utf8(text)).digest('hex'));
}

/** The hash that an ownership token is looked up by; undefined for a text that cannot be one. */
export function hashOwnershipToken(token: string): Sha256 | undefined {
  if (!/^fwc_[A-Za-z0-9_-]{43}$/.test(token)) return undefined;
  return parseSha256(createHash('sha256').update(utf8(token)).digest('hex'));
}
