import { parseAddress } from '../addresses.ts';
import { TRAIT } from '../language/symbols.ts';
import type { Variable } from '../variables.ts';

const { thing, hex, address, slash, plus, hash, dollar, wildcard, control } = TRAIT;

/** Whether characters with these traits can stand in a value of the variable that is substituted. */
export function mayContain(variable: Variable, traits: number): boolean {
  switch (variable.kind) {
    case 'thingName':
    case 'thingTypeName':
      return (traits & thing) !== 0;
    case 'certificateId':
      return (traits & hex) !== 0;
    case 'sourceIp':
      return (traits & address) !== 0;
    case 'domainName':
      return (traits & (thing | address)) !== 0;
    case 'certificateSerialNumber':
      return (traits & thing) !== 0;
    case 'certificateName':
      return (traits & (plus | hash | wildcard | dollar | control)) === 0;
    default:
      return (traits & (plus | hash | wildcard | control)) === 0;
  }
}

/** Whether a value is always within one topic level. */
export function isWithinLevel(variable: Variable): boolean {
  return !mayContain(variable, slash);
}

/** A name that a platform gives out: what a counter-example may use. */
export function isPossibleValue(variable: Variable, text: string): boolean {
  switch (variable.kind) {
    case 'thingName':
    case 'thingTypeName':
      return /^[a-zA-Z0-9:_-]{1,128}$/.test(text);
    case 'clientId':
      return /^(?!\$)[^\p{Cc}]{1,128}$/u.test(text);
    case 'certificateId':
      return /^[0-9a-f]{64}$/.test(text);
    case 'sourceIp':
      return parseAddress(text) !== undefined;
    default:
      return text.length <= 800;
  }
}

/** Whether the platform gives it no value that could not be substituted. */
export function isAlwaysPlain({ kind }: Variable): boolean {
  return kind === 'thingName' || kind === 'thingTypeName' || kind === 'certificateId' || kind === 'sourceIp';
}
