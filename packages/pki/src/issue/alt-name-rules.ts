import type { GeneralName } from '../names/general-name.ts';
import { parseIpAddress } from '../names/ip-address.ts';
import { nameFindings } from '../names/name-rules.ts';

const dnsLabel = '[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?';
const dnsName = new RegExp(`^${dnsLabel}(\\.${dnsLabel})*$`);
const email = /^[^\s@]{1,64}@[^\s@]{1,255}$/;

/** What keeps an alternative name out of a certificate we sign (RFC 5280 §4.2.1.6); no wildcards, absolute URIs only. */
export function* altNameFindings(name: GeneralName): Iterable<string> {
  switch (name.kind) {
    case 'dns':
      if (name.value.length > 253 || !dnsName.test(name.value)) yield `\`${name.value}\` is not a host name`;
      return;
    case 'email':
      if (!email.test(name.value)) yield `\`${name.value}\` is not a mailbox`;
      return;
    case 'uri':
      if (!URL.canParse(name.value)) yield `\`${name.value}\` is not an absolute URI`;
      return;
    case 'ip':
      if (parseIpAddress(name.value) === undefined) yield `\`${name.value}\` is not an IP address`;
      return;
    case 'directory':
      yield* nameFindings(name.name, 'the alternative name');
      return;
    case 'other':
      yield `an alternative name of form \`${name.tag}\` is not issued`;
  }
}

// What is plainly one needs no parser, which would cost more than the rest of the lint.
const plainHttp = /^http:\/\/[a-z0-9.-]+(:[0-9]{1,4})?\/[a-zA-Z0-9/._-]*$/;

/** CRL and OCSP addresses are plain HTTP: what they serve is signed, and TLS there would need itself to be validated. */
export function* revocationUrlFindings(urls: readonly string[]): Iterable<string> {
  for (const url of urls)
    if (!plainHttp.test(url) && (!URL.canParse(url) || new URL(url).protocol !== 'http:'))
      yield `\`${url}\` is not an http address`;
}
