import { readFileSync, writeFileSync } from 'node:fs';
import { fromHex, toHex, utf8 } from '@fleetward/core';
import { contextConstructed, contextPrimitive } from '../src/der/tags.ts';
import {
  element,
  explicit,
  implicit,
  nullValue,
  octetString,
  oid,
  sequence,
  smallInteger,
} from '../src/der/writer.ts';
import { makeName, type Name, parsePublicKey } from '../src/index.ts';
import {
  encodeAuthorityKeyId,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeExtension,
  encodeKeyUsage,
  encodeSubjectAltName,
  encodeSubjectKeyId,
} from '../src/issue/encode-extensions.ts';
import { extensionOids, otherOids } from '../src/oids.ts';
import { keyIdentifier } from '../src/public-key.ts';
import { type CraftedParts, craftDer, leafExtensions } from './crafted.ts';
import { dayMs, newKey, nowMs, type TestKey } from './test-ca.ts';

// Writes conformance/vectors/x509/{valid,invalid}/paths.json. The keys are made here and kept nowhere, so every run makes others.

interface Cert {
  readonly key: TestKey;
  readonly name: Name;
  readonly der: Uint8Array;
}

type Change = Partial<CraftedParts> | ((key: TestKey, issuer: TestKey) => Partial<CraftedParts>);

const named = (commonName: string) => makeName([['commonName', commonName]]);
const keyIdOf = (key: TestKey) => toHex(keyIdentifier(key.parsed));

async function make(label: { readonly cn: string; readonly issuer?: Cert }, change: Change): Promise<Cert> {
  const key = newKey();
  const { issuer } = label;
  const parts = typeof change === 'function' ? change(key, issuer?.key ?? key) : change;
  const name = parts.subject ?? named(label.cn);
  const der = await craftDer({
    issuerName: issuer?.name ?? name,
    issuerKey: issuer?.key ?? key,
    key,
    subject: name,
    ...parts,
  });
  return { key: parts.key ?? key, name, der };
}

const caExtensions = (key: TestKey, issuer: TestKey, pathLen?: number) => [
  encodeBasicConstraints(pathLen),
  encodeKeyUsage(['keyCertSign', 'cRLSign']),
  encodeSubjectKeyId(keyIdentifier(key.parsed)),
  encodeAuthorityKeyId(keyIdOf(issuer)),
];
const ca = (cn: string, issuer?: Cert, change: Change = {}) =>
  make({ cn, ...(issuer && { issuer }) }, (key, issuerKey) => ({
    extensions: caExtensions(key, issuerKey),
    ...(typeof change === 'function' ? change(key, issuerKey) : change),
  }));
const leaf = (issuer: Cert, change: Change = {}) => make({ cn: 'device-1', issuer }, change);
const leafWith = (issuer: Cert, edit: (list: readonly Uint8Array[]) => readonly Uint8Array[]) =>
  leaf(issuer, (key) => ({ extensions: edit(leafExtensions(key, issuer.key)) }));
const caWith = (cn: string, issuer: Cert, edit: (list: readonly Uint8Array[]) => readonly Uint8Array[]) =>
  ca(cn, issuer, (key, issuerKey) => ({ extensions: edit(caExtensions(key, issuerKey)) }));

type Form =
  | readonly ['dns' | 'email' | 'uri', string]
  | readonly ['ip', string]
  | readonly ['dn', Name]
  | readonly ['other', string];
const tagOf = { email: 1, dns: 2, uri: 6 } as const;
function subtree(form: Form): Uint8Array {
  if (form[0] === 'ip') return sequence(element(contextPrimitive(7), fromHex(form[1])));
  if (form[0] === 'dn') return sequence(explicit(4, form[1].der));
  if (form[0] === 'other') return sequence(implicit(8, fromHex(form[1])));
  return sequence(element(contextPrimitive(tagOf[form[0]]), utf8(form[1])));
}
function constraints(
  lists: { permitted?: readonly Form[]; excluded?: readonly Form[] },
  critical = true,
): Uint8Array {
  const list = (number: number, forms: readonly Form[] = []) =>
    forms.length === 0 ? [] : [element(contextConstructed(number), ...forms.map(subtree))];
  const value = sequence(...list(0, lists.permitted), ...list(1, lists.excluded));
  return encodeExtension(extensionOids.nameConstraints, value, critical);
}

const root = await ca('Root');
const issuing = await ca('Issuing', root, (key, issuerKey) => ({
  extensions: caExtensions(key, issuerKey, 0),
}));
const constrained = (lists: Parameters<typeof constraints>[0]) =>
  caWith('Constrained', root, (list) => [...list, constraints(lists)]);
const dns = (value: string) => encodeSubjectAltName([{ kind: 'dns', value }]);
const uri = (value: string) => encodeSubjectAltName([{ kind: 'uri', value }]);
const email = (value: string) => encodeSubjectAltName([{ kind: 'email', value }]);
const ip = (value: string) => encodeSubjectAltName([{ kind: 'ip', value }]);

interface Case {
  readonly name: string;
  readonly code?: string;
  readonly leaf: Cert;
  readonly untrusted?: readonly Cert[];
  readonly roots?: readonly Cert[];
}
const valid: Case[] = [];
const invalid: Case[] = [];

/** A leaf with this alternative name under a CA with these constraints. */
async function underConstraints(
  name: string,
  lists: Parameters<typeof constraints>[0],
  altName: Uint8Array,
  code?: string,
) {
  const sub = await constrained(lists);
  const own = await leafWith(sub, (list) => [...list, altName]);
  (code === undefined ? valid : invalid).push({ name, leaf: own, untrusted: [sub], ...(code && { code }) });
}
const refused = (name: string, code: string, own: Cert, chain: Partial<Case> = {}) =>
  invalid.push({ name, code, leaf: own, untrusted: [issuing], ...chain });
const accepted = (name: string, own: Cert, chain: Partial<Case> = {}) =>
  valid.push({ name, leaf: own, untrusted: [issuing], ...chain });

accepted('a device under an issuing CA with path length 0', await leaf(issuing));
accepted('a device right under the root', await leaf(root), { untrusted: [] });
accepted(
  'an unknown extension that is not critical',
  await leafWith(issuing, (list) => [...list, encodeExtension('1.2.3.4', sequence())]),
);
accepted('no subject key identifier', await leafWith(issuing, (list) => list.toSpliced(2, 1)));
accepted('no key usage', await leafWith(issuing, (list) => list.slice(1)));
accepted(
  'an empty subject with a critical alternative name',
  await leaf(issuing, (key) => ({
    subject: makeName([]),
    extensions: [
      ...leafExtensions(key, issuing.key),
      encodeExtension(extensionOids.subjectAltName, sequence(element(0x82, utf8('a.example'))), true),
    ],
  })),
);
accepted(
  'a critical certificate policy, which nothing here requires',
  await leafWith(issuing, (list) => [
    ...list,
    encodeExtension(extensionOids.certificatePolicies, sequence(sequence(oid('2.5.29.32.0'))), true),
  ]),
);
accepted('a serial number of 20 octets', await leaf(issuing, { serial: fromHex(`7f${'00'.repeat(19)}`) }));
accepted('an end in 2050, as GeneralizedTime', await leaf(issuing, { notAfterMs: Date.UTC(2050, 0, 1) }));
accepted('another certificate of the same CA name with another key beside it', await leaf(issuing), {
  untrusted: [await ca('Issuing', root), issuing],
});
{
  const renewed = await ca('Issuing', root, {
    key: issuing.key,
    extensions: caExtensions(issuing.key, root.key),
    notBeforeMs: nowMs - 9 * dayMs,
    notAfterMs: nowMs - 8 * dayMs,
  });
  accepted('an expired copy of the issuing CA beside the good one', await leaf(issuing), {
    untrusted: [renewed, issuing],
  });
  const clientCa = await caWith('Clients', root, (list) => [
    ...list,
    encodeExtendedKeyUsage([otherOids.clientAuth]),
  ]);
  accepted('an issuing CA for clients', await leaf(clientCa), { untrusted: [clientCa] });
  const selfIssued = await ca('Issuing', issuing, (key) => ({
    subject: issuing.name,
    extensions: caExtensions(key, issuing.key),
  }));
  accepted('a self-issued CA, which path lengths do not count', await leaf(selfIssued), {
    untrusted: [issuing, selfIssued],
  });
}

refused(
  'CA:true',
  'ca_leaf',
  await leafWith(issuing, (list) => [encodeBasicConstraints(undefined), ...list]),
);
refused(
  'no authority key identifier',
  'authority_key_id',
  await leafWith(issuing, (list) => list.slice(0, 3)),
);
refused(
  'an authority key identifier of issuer and serial alone',
  'authority_key_id',
  await leafWith(issuing, (list) =>
    list.with(
      3,
      encodeExtension(
        extensionOids.authorityKeyId,
        sequence(
          element(contextConstructed(1), explicit(4, root.name.der)),
          element(contextPrimitive(2), fromHex('05')),
        ),
      ),
    ),
  ),
);
refused(
  'the authority key identifier of another key',
  'unknown_issuer',
  await leafWith(issuing, (list) => list.with(3, encodeAuthorityKeyId('00'.repeat(20)))),
);
refused(
  'a critical authority key identifier',
  'extension_form',
  await leafWith(issuing, (list) =>
    list.with(
      3,
      encodeExtension(
        extensionOids.authorityKeyId,
        sequence(implicit(0, keyIdentifier(issuing.key.parsed))),
        true,
      ),
    ),
  ),
);
refused(
  'a critical subject key identifier',
  'extension_form',
  await leaf(issuing, (key) => ({
    extensions: leafExtensions(key, issuing.key).with(
      2,
      encodeExtension(extensionOids.subjectKeyId, octetString(keyIdentifier(key.parsed)), true),
    ),
  })),
);
refused('serial number zero', 'serial', await leaf(issuing, { serial: fromHex('00') }));
refused('a negative serial number', 'serial', await leaf(issuing, { serial: fromHex('81') }));
refused(
  'a serial number of 21 octets',
  'serial',
  await leaf(issuing, { serial: fromHex(`0080${'00'.repeat(19)}`) }),
);
refused('version 1', 'version', await leaf(issuing, { version: 0, extensions: [] }));
refused('version 2', 'version', await leaf(issuing, { version: 1, extensions: [] }));
refused('version 4', 'malformed', await leaf(issuing, { version: 3 }));
refused('extensions in version 1', 'malformed', await leaf(issuing, { version: 0 }));
refused(
  'name constraints in a leaf',
  'name_constraints',
  await leafWith(issuing, (list) => [...list, constraints({ permitted: [['dns', 'a.example']] })]),
);
refused('no extended key usage', 'purpose', await leafWith(issuing, (list) => list.toSpliced(1, 1)));
refused(
  'an extended key usage of servers alone',
  'purpose',
  await leafWith(issuing, (list) => list.with(1, encodeExtendedKeyUsage([otherOids.serverAuth]))),
);
refused(
  'any purpose',
  'purpose',
  await leafWith(issuing, (list) => list.with(1, encodeExtendedKeyUsage([otherOids.anyExtendedKeyUsage]))),
);
refused(
  'an extended key usage without a purpose',
  'malformed',
  await leafWith(issuing, (list) =>
    list.with(1, encodeExtension(extensionOids.extendedKeyUsage, sequence())),
  ),
);
refused(
  'keyCertSign in a leaf',
  'key_usage',
  await leafWith(issuing, (list) => list.with(0, encodeKeyUsage(['digitalSignature', 'keyCertSign']))),
);
refused(
  'no digitalSignature',
  'key_usage',
  await leafWith(issuing, (list) => list.with(0, encodeKeyUsage(['keyAgreement']))),
);
refused(
  'a SHA-1 signature',
  'weak_signature',
  await leaf(issuing, { algorithm: sequence(oid('1.2.840.113549.1.1.5'), nullValue()) }),
);
refused(
  'ECDSA with SHA-1',
  'weak_signature',
  await leaf(issuing, { algorithm: sequence(oid('1.2.840.10045.4.1')) }),
);
refused(
  'another algorithm inside than beside the signature',
  'malformed',
  await leaf(issuing, { outerAlgorithm: sequence(oid('1.2.840.10045.4.3.3')) }),
);
refused(
  'the signature of another key',
  'bad_signature',
  await leaf(issuing, (key) => ({ issuerKey: newKey(), extensions: leafExtensions(key, issuing.key) })),
);
// Their private keys are nobody's, or not needed: the CA signed them.
const badKeys = JSON.parse(readFileSync(vectorFile('invalid/keys.json'), 'utf8')) as {
  readonly cases: readonly Readonly<Record<'name' | 'spki', string>>[];
};
for (const name of [
  'RSA of 1024 bits',
  'exponent 3',
  'the ROCA weakness',
  'two primes beside each other, which Fermat finds at once',
  'a point that is not on P-256',
]) {
  const publicKey = fromHex(badKeys.cases.find((one) => one.name === name)?.spki ?? '');
  const key = { ...newKey(), publicKey, parsed: parsePublicKey(publicKey) };
  refused(`the key of a leaf: ${name}`, 'weak_key', await leaf(issuing, { key }));
}
refused(
  'an unknown critical extension',
  'unknown_critical_extension',
  await leafWith(issuing, (list) => [...list, encodeExtension('1.2.3.4', sequence(), true)]),
);
refused(
  'the same extension twice',
  'malformed',
  await leafWith(issuing, (list) => [...list, ...list.slice(0, 1)]),
);
refused(
  'an empty subject with an alternative name that is not critical',
  'name',
  await leaf(issuing, (key) => ({
    subject: makeName([]),
    extensions: [...leafExtensions(key, issuing.key), dns('a.example')],
  })),
);
refused('an empty subject and no alternative name', 'name', await leaf(issuing, { subject: makeName([]) }));
refused(
  'an alternative name without names',
  'malformed',
  await leafWith(issuing, (list) => [...list, encodeExtension(extensionOids.subjectAltName, sequence())]),
);
refused('an empty issuer', 'name', await leaf(issuing, { issuerName: makeName([]) }));
refused(
  'expired',
  'expired',
  await leaf(issuing, { notBeforeMs: nowMs - 9 * dayMs, notAfterMs: nowMs - dayMs }),
);
refused(
  'not valid yet',
  'not_yet_valid',
  await leaf(issuing, { notBeforeMs: nowMs + dayMs, notAfterMs: nowMs + 9 * dayMs }),
);
const time = (tag: number, text: string) => element(tag, utf8(text));
refused(
  'a GeneralizedTime before 2050',
  'malformed',
  await leaf(issuing, { validity: sequence(time(0x18, '20200101000000Z'), time(0x17, '400101000000Z')) }),
);
refused(
  'a UTCTime without seconds',
  'malformed',
  await leaf(issuing, { validity: sequence(time(0x17, '2001010000Z'), time(0x17, '400101000000Z')) }),
);
refused(
  'a time with an offset',
  'malformed',
  await leaf(issuing, { validity: sequence(time(0x17, '200101000000+0100'), time(0x17, '400101000000Z')) }),
);
refused(
  'a GeneralizedTime with a fraction',
  'malformed',
  await leaf(issuing, { validity: sequence(time(0x17, '200101000000Z'), time(0x18, '20600101000000.5Z')) }),
);
refused(
  'a path length without CA:true',
  'malformed',
  await leafWith(issuing, (list) => [
    ...list,
    encodeExtension(extensionOids.basicConstraints, sequence(smallInteger(0)), true),
  ]),
);
refused(
  'policy constraints, which must be critical and are not',
  'extension_form',
  await leafWith(issuing, (list) => [
    ...list,
    encodeExtension(extensionOids.policyConstraints, sequence(implicit(0, fromHex('00')))),
  ]),
);
refused(
  'an explicit policy required',
  'unknown_critical_extension',
  await leafWith(issuing, (list) => [
    ...list,
    encodeExtension(extensionOids.policyConstraints, sequence(implicit(0, fromHex('00'))), true),
  ]),
);
{
  const self = await make({ cn: 'Root' }, (key) => ({ extensions: leafExtensions(key, key) }));
  refused('self-signed, and among the roots', 'self_signed', self, { roots: [root, self] });
  refused('no root', 'unknown_issuer', await leaf(issuing), { roots: [] });
  refused('no intermediate', 'unknown_issuer', await leaf(issuing), { untrusted: [] });
  refused(
    'the intermediate as root and the root as intermediate, with a root of another name',
    'unknown_issuer',
    await leaf(issuing),
    { roots: [await ca('Other Root')], untrusted: [issuing, root] },
  );
}

type CaEdit = (list: readonly Uint8Array[]) => readonly Uint8Array[];
async function underCa(name: string, code: string, edit: CaEdit, parts: Change = {}) {
  const sub = await ca('Sub', root, (key, issuerKey) => ({
    extensions: edit(caExtensions(key, issuerKey)),
    ...(typeof parts === 'function' ? parts(key, issuerKey) : parts),
  }));
  refused(name, code, await leaf(sub), { untrusted: [sub] });
}
const asIs: CaEdit = (list) => list;
await underCa('a CA without basic constraints', 'not_a_ca', (list) => list.slice(1));
await underCa('a CA with CA:false', 'not_a_ca', (list) =>
  list.with(0, encodeExtension(extensionOids.basicConstraints, sequence(), true)),
);
await underCa('a CA whose basic constraints are not critical', 'not_a_ca', (list) =>
  list.with(0, encodeExtension(extensionOids.basicConstraints, fromHex('30030101ff'))),
);
await underCa('a CA without keyCertSign', 'not_a_ca', (list) => list.with(1, encodeKeyUsage(['cRLSign'])));
await underCa('a CA without subject key identifier', 'subject_key_id', (list) => list.toSpliced(2, 1));
await underCa('an intermediate without authority key identifier', 'authority_key_id', (list) =>
  list.slice(0, 3),
);
await underCa('a CA for servers alone', 'purpose', (list) => [
  ...list,
  encodeExtendedKeyUsage([otherOids.serverAuth]),
]);
await underCa('a CA with an unknown critical extension', 'unknown_critical_extension', (list) => [
  ...list,
  encodeExtension('1.2.3', sequence(), true),
]);
await underCa('a CA with serial number zero', 'serial', asIs, { serial: fromHex('00') });
await underCa('an expired CA', 'expired', asIs, {
  notBeforeMs: nowMs - 9 * dayMs,
  notAfterMs: nowMs - dayMs,
});
await underCa('a CA that the root did not sign', 'bad_signature', asIs, { issuerKey: newKey() });
await underCa('a CA of version 1', 'subject_key_id', asIs, { version: 0, extensions: [] });
await underCa('a CA with name constraints that are not critical', 'extension_form', (list) => [
  ...list,
  constraints({ permitted: [['dn', makeName([])]] }, false),
]);
await underCa('a CA with inhibitAnyPolicy that is not critical', 'extension_form', (list) => [
  ...list,
  encodeExtension(extensionOids.inhibitAnyPolicy, smallInteger(0)),
]);
{
  const below = await ca('Below', issuing);
  refused('a CA under one of path length 0', 'path_too_long', await leaf(below), {
    untrusted: [issuing, below],
  });
  const criticalRoot = await make({ cn: 'Strange Root' }, (key) => ({
    extensions: [...caExtensions(key, key), encodeExtension('1.2.3', sequence(), true)],
  }));
  refused(
    'a root with an unknown critical extension',
    'unknown_critical_extension',
    await leaf(criticalRoot),
    { roots: [criticalRoot], untrusted: [] },
  );
  const plainRoot = await make({ cn: 'Plain Root' }, (key) => ({
    extensions: caExtensions(key, key).slice(1),
  }));
  refused('a root without basic constraints', 'not_a_ca', await leaf(plainRoot), {
    roots: [plainRoot],
    untrusted: [],
  });
  const constrainedRoot = await make({ cn: 'Constrained Root' }, (key) => ({
    extensions: [...caExtensions(key, key), constraints({ excluded: [['dns', 'a.example']] })],
  }));
  refused(
    'a name that the root excludes',
    'name_constraints',
    await leafWith(constrainedRoot, (list) => [...list, dns('x.a.example')]),
    { roots: [constrainedRoot], untrusted: [] },
  );
}

const c = 'name_constraints';
await underConstraints(
  'a DNS name that is permitted, in other case',
  { permitted: [['dns', 'A.example']] },
  dns('x.a.EXAMPLE'),
);
await underConstraints(
  'the very DNS name that is permitted',
  { permitted: [['dns', 'a.example']] },
  dns('a.example'),
);
await underConstraints(
  'a form without constraints',
  { permitted: [['dns', 'a.example']] },
  uri('https://b.example/'),
);
await underConstraints(
  'a DNS name beside what is excluded',
  { excluded: [['dns', 'a.example']] },
  dns('xa.example'),
);
await underConstraints(
  'an address that is permitted',
  { permitted: [['ip', '0a000000ff000000']] },
  ip('10.1.2.3'),
);
await underConstraints(
  'a mailbox of the host that is permitted',
  { permitted: [['email', 'a.example']] },
  email('x@a.example'),
);
await underConstraints(
  'a mailbox in the domain that is permitted',
  { permitted: [['email', '.a.example']] },
  email('x@b.a.example'),
);
await underConstraints(
  'a URI in the domain that is permitted',
  { permitted: [['uri', '.a.example']] },
  uri('https://b.a.example:8443/x'),
);
await underConstraints(
  'a directory name that is permitted, in other case',
  { permitted: [['dn', named('DEVICE-1')]] },
  dns('a.example'),
);
await underConstraints(
  'a constraint of a form that no name has',
  { permitted: [['other', '2a03']] },
  dns('a.example'),
);
await underConstraints(
  'a DNS name outside of what is permitted',
  { permitted: [['dns', 'a.example']] },
  dns('xa.example'),
  c,
);
await underConstraints(
  'a DNS name above what is permitted',
  { permitted: [['dns', 'x.a.example']] },
  dns('a.example'),
  c,
);
await underConstraints(
  'a DNS name below what is excluded',
  { excluded: [['dns', 'a.example']] },
  dns('x.a.example'),
  c,
);
await underConstraints(
  'a DNS name that is permitted and excluded',
  { permitted: [['dns', 'a.example']], excluded: [['dns', 'b.a.example']] },
  dns('b.a.example'),
  c,
);
await underConstraints(
  'an excluded DNS name with a dot at its end',
  { excluded: [['dns', 'a.example']] },
  dns('a.example.'),
  c,
);
await underConstraints(
  'a wildcard that reaches into what is excluded',
  { excluded: [['dns', 'x.a.example']] },
  dns('*.a.example'),
  c,
);
await underConstraints(
  'an address outside of what is permitted',
  { permitted: [['ip', '0a000000ff000000']] },
  ip('11.1.2.3'),
  c,
);
await underConstraints(
  'an IPv6 address where IPv4 is permitted',
  { permitted: [['ip', '0a000000ff000000']] },
  ip('::1'),
  c,
);
await underConstraints(
  'an address that is excluded',
  { excluded: [['ip', '0a000000ff000000']] },
  ip('10.1.2.3'),
  c,
);
await underConstraints(
  'a mailbox of a host below the one that is permitted',
  { permitted: [['email', 'a.example']] },
  email('x@b.a.example'),
  c,
);
await underConstraints(
  'a mailbox other than the one that is permitted',
  { permitted: [['email', 'x@a.example']] },
  email('y@a.example'),
  c,
);
await underConstraints(
  'a URI without host where URIs are constrained',
  { excluded: [['uri', 'a.example']] },
  uri('urn:fleetward:thing:x'),
  c,
);
await underConstraints(
  'a URI with an address where URIs are constrained',
  { permitted: [['uri', 'a.example']] },
  uri('https://10.0.0.1/'),
  c,
);
await underConstraints(
  'a directory name outside of what is permitted',
  { permitted: [['dn', named('other')]] },
  dns('a.example'),
  c,
);
await underConstraints(
  'a directory name that is excluded',
  { excluded: [['dn', makeName([])]] },
  dns('a.example'),
  c,
);
await underConstraints(
  'a name of a form that cannot be evaluated',
  { permitted: [['other', '2a03']] },
  encodeExtension(extensionOids.subjectAltName, sequence(implicit(8, fromHex('2a04')))),
  c,
);
const emptyConstraints = encodeExtension(extensionOids.nameConstraints, sequence(), true);
for (const [name, extension] of [
  ['name constraints that constrain nothing', emptyConstraints],
  ['a DNS constraint that begins with a dot', constraints({ permitted: [['dns', '.a.example']] })],
  ['an IP constraint with a mask of holes', constraints({ permitted: [['ip', '0a000000ff00ff00']] })],
] as const) {
  const sub = await caWith('Malformed', root, (list) => [...list, extension]);
  refused(name, 'malformed', await leaf(sub), { untrusted: [sub] });
}

function vectorFile(name: string): URL {
  return new URL(`../../../conformance/vectors/x509/${name}`, import.meta.url);
}

function write(kind: 'valid' | 'invalid', cases: readonly Case[]): void {
  const about =
    kind === 'valid'
      ? 'Each `leaf` is accepted at `atMs` for clientAuth by the roots, through untrusted certificates where there are any. DER, hex.'
      : 'Each is refused with this code. `malformed`: one of the certificates is none by RFC 5280, and is not even read. DER, hex.';
  const hex = ({ der }: Cert) => toHex(der);
  const list = cases.map(({ name, code, leaf: own, untrusted = [], roots = [root] }) => ({
    name,
    ...(code === undefined ? {} : { code }),
    leaf: hex(own),
    untrusted: untrusted.map(hex),
    roots: roots.map(hex),
  }));
  writeFileSync(
    vectorFile(`${kind}/paths.json`),
    `${JSON.stringify({ kind: 'path', about, atMs: nowMs, cases: list }, undefined, 2)}\n`,
  );
}

write('valid', valid);
write('invalid', invalid);
