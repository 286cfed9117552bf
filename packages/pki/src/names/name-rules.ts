import { attributeRule } from './attributes.ts';
import type { Name } from './name.ts';

// Control, format (bidirectional, zero width), unassigned, private and line separators: nothing a reader can see.
const invisible = /[\p{Cc}\p{Cf}\p{Cn}\p{Co}\p{Cs}\p{Zl}\p{Zp}]/u;

// Visible ASCII, blanks within: what most names are, and many times faster to know than the above.
const plain = /^[!-~](?:[ -~]*[!-~])?$/;

// An issuer's name comes again and again, as one object.
const goodNames = new WeakSet<Name>();

/** What keeps a name out of a certificate we sign, in words; nothing is yielded for a good one. */
export function nameFindings(name: Name, what: string): Iterable<string> {
  if (goodNames.has(name)) return [];
  const findings = [...findingsOf(name, what)];
  if (findings.length === 0) goodNames.add(name);
  return findings;
}

function* findingsOf(name: Name, what: string): Iterable<string> {
  if (name.rdns.length === 0) yield `${what} is empty (RFC 5280 section 4.1.2.6)`;
  for (const { attribute, text, oid } of name.rdns.flat()) {
    if (attribute === undefined || text === undefined) {
      yield `${what} has an attribute of unknown type \`${oid}\``;
      continue;
    }
    const { charactersMax } = attributeRule(attribute);
    const isPlain = plain.test(text);
    if (text.length === 0 || (isPlain ? text : [...text]).length > charactersMax)
      yield `${what}'s ${attribute} must have 1 to ${charactersMax} characters (RFC 5280 appendix A.1)`;
    if (!isPlain && (invisible.test(text) || text.trim() !== text))
      yield `${what}'s ${attribute} has control, invisible, leading or trailing blank characters`;
  }
}
