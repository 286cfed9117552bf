import type { DerReader } from '../der/reader.ts';
import { contextConstructed, contextPrimitive, tags } from '../der/tags.ts';
import { PkiError } from '../errors.ts';
import { limits } from '../limits.ts';
import { type GeneralName, readGeneralName } from '../names/general-name.ts';

/** What the names of one form have to lie in (RFC 5280 §4.2.1.10). */
export type Subtree =
  | Exclude<GeneralName, { readonly kind: 'ip' }>
  /** Address and mask, 4 or 16 octets each. */
  | { readonly kind: 'ip-network'; readonly address: Uint8Array; readonly mask: Uint8Array };

export interface NameConstraints {
  readonly permitted: readonly Subtree[];
  readonly excluded: readonly Subtree[];
}

export function readNameConstraints(value: DerReader): NameConstraints {
  const sequence = value.enter(tags.sequence, 'nameConstraints');
  const permitted = readSubtrees(sequence, 0);
  const excluded = readSubtrees(sequence, 1);
  sequence.end('nameConstraints');
  if (permitted.length + excluded.length === 0) throw malformed('nameConstraints constrains nothing');
  return { permitted, excluded };
}

function readSubtrees(sequence: DerReader, number: number): readonly Subtree[] {
  if (sequence.peekTag() !== contextConstructed(number)) return [];
  const list = sequence.enter(contextConstructed(number), 'nameConstraints');
  const subtrees: Subtree[] = [];
  do {
    if (subtrees.length >= limits.generalNamesMax) throw malformed('nameConstraints has too many subtrees');
    subtrees.push(readSubtree(list.enter(tags.sequence, 'a name constraint')));
  } while (!list.done);
  return subtrees;
}

function readSubtree(sequence: DerReader): Subtree {
  const subtree = readBase(sequence);
  if (!sequence.done) throw malformed('a name constraint with minimum or maximum');
  return subtree;
}

function readBase(sequence: DerReader): Subtree {
  const ipTag = contextPrimitive(7);
  if (sequence.peekTag() === ipTag) return readNetwork(sequence.content(ipTag, 'a name constraint'));
  const base = readGeneralName(sequence, 'a name constraint');
  if (base.kind === 'ip') throw malformed('a name constraint of an address');
  // The dot before a domain is of mailboxes and URIs only.
  if (base.kind === 'dns' && base.value.startsWith('.'))
    throw malformed(`the DNS name constraint \`${base.value}\` begins with a dot`);
  return base;
}

function readNetwork(octets: Uint8Array): Subtree {
  const half = octets.length / 2;
  if (half !== 4 && half !== 16) throw malformed(`an IP constraint of \`${octets.length}\` octets`);
  const mask = octets.subarray(half);
  if (!isMask(mask)) throw malformed('an IP constraint with a mask that is no CIDR prefix');
  return { kind: 'ip-network', address: octets.subarray(0, half), mask };
}

// RFC 4632 §3.1: ones, then zeros.
function isMask(mask: Uint8Array): boolean {
  return /^1*0*$/.test([...mask].map((octet) => octet.toString(2).padStart(8, '0')).join(''));
}

function malformed(reason: string): PkiError {
  return new PkiError('pki.certificate', `${reason} (RFC 5280 section 4.2.1.10)`);
}
