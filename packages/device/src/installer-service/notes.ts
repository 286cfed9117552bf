import { join } from 'node:path';
import { parseStrictJson } from '@fleetward/core';
import { DeviceError } from '../errors.ts';
import type { Files } from '../files/files.ts';
import { replaceFile } from '../files/replace-file.ts';
import { count, DamagedState, fieldsOf, optional, text } from '../slots/fields.ts';

/** What the service remembers by itself, since an agent in other hands would tell it anything. */
export interface ServiceNotes {
  /** The highest security version that was confirmed: nothing below it is installed any more. */
  readonly securityFloor: number;
  /** What it verified and installed last. */
  readonly installed: { readonly sha256: string; readonly securityVersion: number } | undefined;
}

const bytesMax = 4096;
const nothing: ServiceNotes = { securityFloor: 0, installed: undefined };

/** Throws `device.slots_damaged`: with its floor unknown the service installs nothing. */
export function readServiceNotes(files: Files, folder: string): ServiceNotes {
  const bytes = files.read(pathIn(folder), bytesMax);
  if (bytes === undefined) return nothing;
  try {
    return parseServiceNotes(bytes);
  } catch (cause) {
    const message = `\`${pathIn(folder)}\`: ${cause instanceof Error ? cause.message : String(cause)}`;
    throw new DeviceError('device.slots_damaged', message, { cause });
  }
}

export function parseServiceNotes(bytes: Uint8Array): ServiceNotes {
  const json = parseStrictJson(bytes, { bytesMax, depthMax: 3 });
  const fields = fieldsOf(json, { what: 'the notes', names: ['format', 'securityFloor', 'installed'] });
  if (fields.format !== 1) throw new DamagedState('the notes are not of format 1');
  return { securityFloor: count(fields, 'securityFloor'), installed: optional(fields.installed, parseImage) };
}

function parseImage(value: unknown) {
  const fields = fieldsOf(value, { what: '`installed`', names: ['sha256', 'securityVersion'] });
  return {
    sha256: text(fields, 'sha256', /^[0-9a-f]{64}$/),
    securityVersion: count(fields, 'securityVersion'),
  };
}

export function writeServiceNotes(files: Files, folder: string, notes: ServiceNotes): void {
  replaceFile(files, pathIn(folder), Buffer.from(JSON.stringify({ format: 1, ...notes })));
}

function pathIn(folder: string): string {
  return join(folder, 'installer.json');
}
