import { ProvisioningError } from '../src/provisioning/errors.ts';
import { Unfillable } from '../src/provisioning/template/evaluate.ts';
import { fillTemplate } from '../src/provisioning/template/fill-template.ts';
import { parseTemplate } from '../src/provisioning/template/parse-template.ts';

const certificate = {
  Type: 'AWS::IoT::Certificate',
  Properties: { CertificateId: { Ref: 'AWS::IoT::Certificate::Id' } },
};

function template(name: unknown, more: object = {}): Uint8Array {
  const thing = { Type: 'AWS::IoT::Thing', Properties: { ThingName: name } };
  const Parameters = { N: { Type: 'String', Default: 'a|b' } };
  return Buffer.from(JSON.stringify({ Parameters, Resources: { thing, certificate }, ...more }));
}

export const seeds: readonly Uint8Array[] = [
  template('lamp'),
  template({ 'Fn::Sub': ['x-${N}-${!N}', { N: { Ref: 'N' } }] }),
  template({ 'Fn::Select': ['1', { 'Fn::Split': ['|', { Ref: 'N' }] }] }),
  template(
    { 'Fn::FindInMap': ['M', 'a', { 'Fn::Join': ['', ['b', 'c']] }] },
    { Mappings: { M: { a: { bc: 'd' } } }, DeviceConfiguration: { a: [{ Ref: 'N' }, 1, null, { b: true }] } },
  ),
];

/** Whatever a template says, it comes to a thing or is refused with a reason. */
export function fuzz(input: Uint8Array): void {
  try {
    const parsed = parseTemplate(Buffer.from(input).toString('utf8'));
    const { thingName } = fillTemplate(parsed, new Map([['AWS::IoT::Certificate::Id', 'ab']]));
    if (!/^[a-zA-Z0-9:_-]{1,128}$/.test(thingName)) throw new Error('a name that is none');
  } catch (error) {
    if (!(error instanceof ProvisioningError || error instanceof Unfillable)) throw error;
  }
}
