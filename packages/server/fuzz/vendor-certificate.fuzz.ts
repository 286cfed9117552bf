import { readFileSync } from 'node:fs';
import { fromHex } from '@fleetward/core';
import { PkiError, parseCertificate } from '@fleetward/pki';
import { Unfillable } from '../src/provisioning/template/evaluate.ts';
import { fillTemplate } from '../src/provisioning/template/fill-template.ts';
import { parseTemplate } from '../src/provisioning/template/parse-template.ts';
import { readSubject } from '../src/provisioning/template/subject-parameters.ts';
import { VendorCasError } from '../src/vendor-cas/errors.ts';
import { assertRegistrable, provenCode } from '../src/vendor-cas/rules.ts';

interface Paths {
  readonly cases: readonly { readonly leaf: string; readonly untrusted: readonly string[] }[];
}

const vectors = new URL('../../../conformance/vectors/x509/valid/paths.json', import.meta.url);
const { cases }: Paths = JSON.parse(readFileSync(vectors, 'utf8'));

export const seeds: readonly Uint8Array[] = cases.flatMap(({ leaf, untrusted }) =>
  [leaf, ...untrusted].map(fromHex),
);

const cas = cases.flatMap(({ untrusted }) => untrusted.map((der) => parseCertificate(fromHex(der))));
const names = ['CommonName', 'SerialNumber', 'Organization', 'OrganizationalUnit', 'Country', 'StateName'];
const templates = names.map((name) =>
  parseTemplate(
    JSON.stringify({
      Resources: {
        thing: {
          Type: 'AWS::IoT::Thing',
          Properties: {
            ThingName: { 'Fn::Join': ['', ['acme-', { Ref: `AWS::IoT::Certificate::${name}` }]] },
          },
        },
        certificate: {
          Type: 'AWS::IoT::Certificate',
          Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
        },
      },
    }),
  ),
);

/** What a vendor signs is read or refused: as its CA, as the proof that it holds the key, and as a device whose subject names a thing. */
export function fuzz(input: Uint8Array): void {
  refusedAs(PkiError, () => {
    const certificate = parseCertificate(input);
    const atMs = certificate.notBeforeMs;
    refusedAs(VendorCasError, () => assertRegistrable(certificate, { own: cas, atMs, keyRules: {} }));
    for (const ca of cas) refusedAs(VendorCasError, () => provenCode(certificate, { ca, atMs }));
    const read = readSubject(certificate.subject, 'AWS::IoT::Certificate::');
    if (read.kind === 'refused') return;
    const parameters = new Map([...read.parameters, ['AWS::IoT::Certificate::Id', certificate.id]]);
    for (const template of templates)
      refusedAs(Unfillable, () => {
        const { thingName } = fillTemplate(template, parameters);
        if (!/^acme-[a-zA-Z0-9:_-]{1,123}$/.test(thingName)) throw new Error('a name that is none');
      });
  });
}

function refusedAs(own: abstract new (...args: never[]) => Error, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (!(error instanceof own)) throw error;
  }
}
