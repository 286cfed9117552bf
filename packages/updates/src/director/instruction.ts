import type { JsonObject, Signer } from '@fleetward/core';
import type { Targets } from '@tufjs/models';
import type { Target } from '../client/target.ts';
import { UpdatesError } from '../errors.ts';
import { defaultLimits } from '../limits.ts';
import { invalid, isObject } from '../metadata/envelope.ts';
import { ownMember } from '../metadata/further-roles.ts';
import { parseTargets, type SignedFile } from '../metadata/parse.ts';
import { type SignedJson, signedBytes, specVersion, tufTime } from '../metadata/sign.ts';

/** Where a director keeps what it instructs the device that asks to do; each device finds its own there. */
export const instructionFilePath = 'director/targets.json';

/** What one device is to have: one target of the image repository, or nothing new. */
export interface NewInstruction {
  /** Whom it is for, and nobody else. */
  readonly thingName: string;
  readonly target?: Pick<Target, 'path' | 'length' | 'sha256'> | undefined;
  /** Rises for each device. */
  readonly version: number;
  /** Unix milliseconds; written in whole seconds. */
  readonly expiresMs: number;
}

/** Targets metadata of a director (Uptane 5.2.3) with the name of the thing it is for. */
export type InstructionFile = SignedFile<Targets> & { readonly thingName: string };

/**
 * Makes and signs an instruction: targets metadata (TUF 4.5) with at most one target. It says nothing of the target but
 * length and hash, so that there is nothing else about it in which a director could contradict what was signed off line.
 */
export async function signInstruction(instruction: NewInstruction, signer: Signer): Promise<Uint8Array> {
  const bytes = await signedBytes(signedPart(instruction), [signer]);
  if (bytes.length > defaultLimits.instructionBytesMax)
    throw new UpdatesError(
      'updates.too_large',
      `an instruction has ${defaultLimits.instructionBytesMax} bytes at most`,
    );
  return parseInstruction(bytes, defaultLimits.instructionBytesMax).bytes; // what we sign a device can read
}

function signedPart({ thingName, target, version, expiresMs }: NewInstruction): SignedJson {
  const entry = target && { length: target.length, hashes: { sha256: target.sha256 } };
  return {
    _type: 'targets',
    spec_version: specVersion,
    version,
    expires: tufTime(expiresMs),
    targets: target === undefined ? {} : { [target.path]: entry },
    [ownMember]: { thingName },
  };
}

/** Parses targets metadata that names a thing; how many targets it lists is not looked at. Throws `updates.metadata_invalid`. */
export function parseInstruction(bytes: Uint8Array, bytesMax: number): InstructionFile {
  const file = parseTargets(bytes, bytesMax);
  return { ...file, thingName: thingNameOf(file.json) };
}

function thingNameOf(json: JsonObject): string {
  const own = json[ownMember];
  const thingName = isObject(own) ? own.thingName : undefined;
  if (typeof thingName === 'string' && thingName.length >= 1 && thingName.length <= 128) return thingName;
  throw invalid(`an instruction names its thing at \`${ownMember}.thingName\``);
}
