import { equalBytes } from '@fleetward/core';
import { type Certificate, isSelfIssued } from '../certificate/certificate.ts';
import type { NameConstraints, Subtree } from '../certificate/name-constraints.ts';
import type { GeneralName } from '../names/general-name.ts';
import { parseIpAddress } from '../names/ip-address.ts';
import type { Name, NamePart } from '../names/name.ts';
import { flaw } from './certificate-flaws.ts';
import type { Flaw } from './outcome.ts';

/**
 * The first name below a CA that its constraints do not allow (RFC 5280 §6.1.3 (b) and (c)): of the leaf, and of the CAs that are
 * not issued by themselves. A form that cannot be evaluated is not allowed where a constraint names it.
 */
export function constrainedNameFlaw(
  constraints: NameConstraints,
  below: readonly Certificate[],
): Flaw | undefined {
  for (const [depth, certificate] of below.entries()) {
    if (depth > 0 && isSelfIssued(certificate)) continue;
    for (const name of namesOf(certificate)) {
      const reason = whyForbidden(name, constraints);
      if (reason !== undefined) return flaw('name_constraints', reason, 'RFC 5280 section 4.2.1.10');
    }
  }
  return undefined;
}

function* namesOf({ subject, extensions }: Certificate): Iterable<GeneralName> {
  if (subject.rdns.length > 0) yield { kind: 'directory', name: subject };
  for (const value of subject.attributes.emailAddress ?? []) yield { kind: 'email', value };
  yield* extensions.subjectAltName ?? [];
}

function whyForbidden(name: GeneralName, { permitted, excluded }: NameConstraints): string | undefined {
  if (excluded.some((subtree) => isOfForm(name, subtree) && lies(name, subtree) !== false))
    return `the name \`${textOf(name)}\` is excluded by a CA above it`;
  const own = permitted.filter((subtree) => isOfForm(name, subtree));
  if (own.length === 0 || own.some((subtree) => lies(name, subtree) === true)) return undefined;
  return `the name \`${textOf(name)}\` is outside of what a CA above it may name`;
}

function textOf(name: GeneralName): string {
  if (name.kind === 'directory') return name.name.text;
  return name.kind === 'other' ? `form ${name.tag}` : name.value;
}

function isOfForm(name: GeneralName, subtree: Subtree): boolean {
  if (name.kind === 'other') return subtree.kind === 'other' && subtree.tag === name.tag;
  return name.kind === 'ip' ? subtree.kind === 'ip-network' : subtree.kind === name.kind;
}

/** Nothing where it cannot be told: then it is both excluded and not permitted. */
function lies(name: GeneralName, subtree: Subtree): boolean | undefined {
  if (subtree.kind === 'ip-network') return name.kind === 'ip' && isInNetwork(name.value, subtree);
  if (name.kind === 'directory')
    return subtree.kind === 'directory' && isUnder(name.name.rdns, subtree.name.rdns);
  if (name.kind === 'other' || subtree.kind === 'other' || subtree.kind === 'directory') return undefined;
  if (name.kind === 'dns') return isInDomain(name.value.toLowerCase(), subtree.value.toLowerCase());
  if (name.kind === 'email') return isMailboxIn(name.value, subtree.value);
  return name.kind === 'uri' ? isUriIn(name.value, subtree.value) : undefined;
}

function isInNetwork(text: string, { address, mask }: Subtree & { readonly kind: 'ip-network' }): boolean {
  const octets = parseIpAddress(text);
  if (octets === undefined || octets.length !== address.length) return false;
  return octets.every((octet, at) => ((octet ^ (address[at] ?? 0)) & (mask[at] ?? 0)) === 0);
}

function isInDomain(name: string, domain: string): boolean | undefined {
  const host = withoutRoot(name);
  const isInside = domain === '' || host === domain || host.endsWith(`.${domain}`);
  // A wildcard stands for names in and out of a domain below its own.
  if (!isInside && host.startsWith('*.') && domain.endsWith(host.slice(1))) return undefined;
  return isInside;
}

function isMailboxIn(mailbox: string, base: string): boolean | undefined {
  const at = mailbox.lastIndexOf('@');
  if (at < 0) return undefined;
  const host = withoutRoot(mailbox.slice(at + 1).toLowerCase());
  const baseAt = base.lastIndexOf('@');
  if (baseAt < 0) return isHostIn(host, base.toLowerCase());
  return mailbox.slice(0, at) === base.slice(0, baseAt) && host === base.slice(baseAt + 1).toLowerCase();
}

/** A dot at the end names the same host. */
function withoutRoot(host: string): string {
  return host.endsWith('.') ? host.slice(0, -1) : host;
}

/** Of mailboxes and URIs: `.example.com` is what lies below it, `example.com` that host alone. */
function isHostIn(host: string, base: string): boolean {
  if (base === '') return true;
  return base.startsWith('.') ? host.endsWith(base) && host.length > base.length : host === base;
}

// "MUST reject" a URI without a host that is a name, where URIs are constrained.
function isUriIn(uri: string, base: string): boolean | undefined {
  const host = /^[a-z][a-z0-9+.-]*:\/\/(?:[^/?#@]*@)?([a-z0-9._-]+)(?::\d*)?(?:[/?#]|$)/i.exec(uri)?.[1];
  if (host === undefined || parseIpAddress(host) !== undefined) return undefined;
  return isHostIn(withoutRoot(host.toLowerCase()), base.toLowerCase());
}

function isUnder(rdns: Name['rdns'], base: Name['rdns']): boolean {
  return base.every((parts, at) => {
    const own = rdns[at];
    return own?.length === parts.length && parts.every((part) => own.some((other) => isSame(part, other)));
  });
}

// RFC 5280 §7.1: without regard to case and to how many blanks there are.
function isSame(a: NamePart, b: NamePart): boolean {
  if (a.oid !== b.oid) return false;
  if (a.text === undefined || b.text === undefined) return equalBytes(a.valueDer, b.valueDer);
  return folded(a.text) === folded(b.text);
}

function folded(text: string): string {
  return text.normalize('NFKC').toLowerCase().replace(/\s+/g, ' ').trim();
}
