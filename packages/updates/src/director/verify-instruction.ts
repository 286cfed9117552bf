import { type Refusal, type RefusalReason, refuse, type Step } from '../client/outcome.ts';
import type { RootFile } from '../client/root.ts';
import { parsed, signedBy } from '../client/workflow.ts';
import type { RoleKeys } from '../metadata/threshold.ts';
import { type InstructionFile, parseInstruction } from './instruction.ts';

/** Whose instructions a device follows, and which device it is. */
export interface Directed {
  readonly root: RootFile;
  readonly role: RoleKeys;
  /** A device that does not know its own name follows nobody. */
  readonly thingName: string | undefined;
}

/** Its subject in refusals, and its name in the trusted store. */
export const directorName = 'director';

/** Uptane 5.4.4.6 as far as the file itself goes: signature, no delegations, one target at most, and for this device. */
export function verifyInstruction(
  bytes: Uint8Array,
  { directed, bytesMax }: { readonly directed: Directed; readonly bytesMax: number },
): Step<InstructionFile> {
  const { root, role, thingName } = directed;
  const parse = () => parseInstruction(bytes, bytesMax);
  const file = parsed(directorName, { step: 'Uptane 5.4.4.6.1', parse });
  if (file.kind !== 'ok') return file;
  const as = `the director that root ${root.signed.version} names`;
  const signed = signedBy(file.value, { step: 'Uptane 5.4.4.6.3', subject: directorName, role, as });
  if (signed.kind !== 'ok') return signed;
  return misuseOf(file.value) ?? strangerOf(file.value, thingName) ?? file;
}

/** A director names one image for one device: it neither delegates nor lists. */
function misuseOf({ signed }: InstructionFile): Refusal | undefined {
  const reason = 'malformed';
  if (signed.delegations !== undefined)
    return refuseDirector('5.4.4.6.6', { reason, explanation: 'a director does not delegate' });
  const count = Object.keys(signed.targets).length;
  const explanation = `${count} targets; a device is instructed to have one at most`;
  return count > 1 ? refuseDirector('5.4.4.6.7', { reason, explanation }) : undefined;
}

function strangerOf(file: InstructionFile, thingName: string | undefined): Refusal | undefined {
  if (file.thingName === thingName) return undefined;
  const us = thingName === undefined ? 'this device was not told its own name' : `this is \`${thingName}\``;
  const explanation = `it is for \`${file.thingName}\`; ${us}`;
  return refuseDirector('5.4.4.6.8', { reason: 'not-for-this-device', explanation });
}

/** `clause` is one of Uptane 1.1.0. */
export function refuseDirector(
  clause: string,
  verdict: { readonly reason: RefusalReason; readonly explanation: string },
) {
  return refuse(`Uptane ${clause}`, { subject: directorName, ...verdict });
}
