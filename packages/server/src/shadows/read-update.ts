import { isUtf8 } from 'node:buffer';
import { InvalidInputError, type Json, type JsonObject, parseStrictJson } from '@fleetward/core';
import { clientTokenBytesMax, levelsMax } from './compatibility.ts';
import { isObject, own, type Section, sections } from './document.ts';
import { type Rejection, refuse } from './rejections.ts';

/** What a device or an operator wants of a shadow. */
export interface UpdateRequest {
  readonly kind: 'update';
  /** `null` deletes the section. */
  readonly state: { readonly [S in Section]?: JsonObject | null };
  /** The change is made only to that version. */
  readonly version?: number;
  readonly clientToken?: string;
}

// Around a section: the document and `state`. Deeper is read only so far that it can be told from what is no JSON.
const depthMax = levelsMax + 2;

/** Reads `{"state":{"desired","reported"},"version","clientToken"}`; members besides these mean nothing, as in AWS IoT. */
export function readUpdate(payload: Uint8Array, bytesMax: number): UpdateRequest | Rejection {
  if (payload.length > bytesMax) return refuse('tooLarge');
  if (!isUtf8(payload)) return refuse('noUtf8');
  const document = parse(payload);
  if (document === 'too deep') return refuse('tooDeep');
  return isObject(document) ? readDocument(document) : refuse('invalidJson');
}

/** The token of a request whose payload is otherwise ignored, if there is one. */
export function readClientToken(payload: Uint8Array, bytesMax: number): string | undefined {
  if (payload.length === 0 || payload.length > bytesMax) return undefined;
  const document = parse(payload);
  const token = isObject(document as Json) ? own(document as JsonObject, 'clientToken') : undefined;
  return isToken(token) ? token : undefined;
}

function parse(payload: Uint8Array): Json | undefined | 'too deep' {
  try {
    return parseStrictJson(payload, { bytesMax: payload.length, depthMax });
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    return error.details.limit === 'depth' ? 'too deep' : undefined;
  }
}

function readDocument(document: JsonObject): UpdateRequest | Rejection {
  const clientToken = own(document, 'clientToken');
  if (clientToken !== undefined && !isToken(clientToken)) return refuse('invalidToken');
  const state = own(document, 'state');
  if (state === undefined) return refuse('missingState', clientToken);
  if (!isObject(state)) return refuse('stateNoObject', clientToken);
  const wrong = wrongInState(state);
  if (wrong !== undefined) return refuse(wrong, clientToken);
  const version = own(document, 'version');
  if (version !== undefined && !isVersion(version)) return refuse('invalidVersion', clientToken);
  return {
    kind: 'update',
    state,
    ...(version === undefined ? {} : { version }),
    ...(clientToken === undefined ? {} : { clientToken }),
  };
}

function wrongInState(state: JsonObject): Parameters<typeof refuse>[0] | undefined {
  for (const section of sections) {
    const value = own(state, section);
    if (value === undefined || value === null) continue;
    if (!isObject(value)) return section === 'desired' ? 'desiredNoObject' : 'reportedNoObject';
    if (levelsOf(value) > levelsMax) return 'tooDeep';
    if (hasNullInArray(value)) return 'invalidNode';
  }
  const isKnown = (key: string): boolean => key === 'desired' || key === 'reported';
  return Object.keys(state).every(isKnown) ? undefined : 'invalidNode';
}

function levelsOf(value: Json): number {
  if (typeof value !== 'object' || value === null) return 0;
  return 1 + Math.max(0, ...Object.values(value).map(levelsOf));
}

/** `null` deletes, and nothing of an array can be deleted: it is replaced whole. */
function hasNullInArray(value: Json, isWithin = false): boolean {
  if (value === null) return isWithin;
  if (typeof value !== 'object') return false;
  return Object.values(value).some((inner) => hasNullInArray(inner, isWithin || Array.isArray(value)));
}

function isToken(value: Json | undefined): value is string {
  return typeof value === 'string' && Buffer.byteLength(value) <= clientTokenBytesMax;
}

function isVersion(value: Json): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}
