import type { JsonObject } from '@fleetward/core';
import { deltaOf } from './delta.ts';
import { noDocument, type Section, type ShadowDocument, sections } from './document.ts';
import { merge } from './merge.ts';
import { metadataAt, metadataOf } from './metadata.ts';
import type { UpdateRequest } from './read-update.ts';
import { type Rejection, refuse } from './rejections.ts';

/** A change that was made, from which everybody is told of it. */
export interface Applied {
  readonly kind: 'applied';
  readonly previous: ShadowDocument;
  readonly current: ShadowDocument;
  readonly request: UpdateRequest;
  readonly timestamp: number;
}

/** A document as devices and operators see it. */
export interface DocumentView {
  readonly state: JsonObject;
  readonly metadata: JsonObject;
  readonly version: number;
  /** Seconds. */
  readonly timestamp: number;
  readonly clientToken?: string;
}

interface UpdateTerms {
  readonly nowSeconds: number;
  /** Of what is desired and reported together, as JSON. */
  readonly documentBytesMax: number;
}

/** Decides an update and makes the document that comes of it. */
export function applyUpdate(
  previous: ShadowDocument,
  request: UpdateRequest,
  { nowSeconds, documentBytesMax }: UpdateTerms,
): Applied | Rejection {
  const { version, clientToken } = request;
  if (version !== undefined && version !== previous.version) return refuse('conflict', clientToken);
  const current = changed(previous.isDeleted ? { ...noDocument, version: previous.version } : previous, {
    request,
    nowSeconds,
  });
  if (Buffer.byteLength(JSON.stringify(current.state)) > documentBytesMax)
    return refuse('tooLarge', clientToken);
  return { kind: 'applied', previous, current, request, timestamp: nowSeconds };
}

/** A deleted shadow leaves its version, from which the next one counts on. */
export function deleted({ version }: ShadowDocument): ShadowDocument {
  return { ...noDocument, version };
}

function changed(
  { version, state, times }: ShadowDocument,
  { request, nowSeconds }: { readonly request: UpdateRequest; readonly nowSeconds: number },
): ShadowDocument {
  const nextState: { [S in Section]?: JsonObject } = { ...state };
  const nextTimes: { -readonly [S in Section]?: ShadowDocument['times'][S] } = { ...times };
  for (const section of sections) {
    const change = request.state[section];
    if (change === undefined) continue;
    const value = state[section];
    const base = value && { value, times: times[section] ?? {} };
    const merged = change === null ? undefined : merge(base, change, nowSeconds);
    // What has become empty is no section any more.
    if (merged === undefined || Object.keys(merged.value).length === 0) {
      delete nextState[section];
      delete nextTimes[section];
    } else {
      nextState[section] = merged.value;
      nextTimes[section] = merged.times;
    }
  }
  return { version: version + 1, state: nextState, times: nextTimes, isDeleted: false };
}

/** `…/update/accepted`: what was sent. */
export function acceptedView({ request, current, timestamp }: Applied): DocumentView {
  const sent = sections.filter((section) => request.state[section] !== undefined);
  const state = Object.fromEntries(sent.map((section) => [section, request.state[section] ?? null]));
  const metadata = sent.flatMap((section) => {
    const change = request.state[section];
    return change === undefined || change === null ? [] : [[section, metadataAt(change, timestamp)]];
  });
  return {
    state,
    metadata: Object.fromEntries(metadata),
    version: current.version,
    timestamp,
    ...tokenOf(request),
  };
}

/** `…/update/delta`; undefined while what is desired is reported. */
export function deltaView({ request, current, timestamp }: Applied): DocumentView | undefined {
  const state = differences(current);
  if (state === undefined) return undefined;
  return {
    version: current.version,
    timestamp,
    state,
    metadata: metadataOf(state, current.times.desired),
    ...tokenOf(request),
  };
}

/** `…/update/documents`: the whole before and after. */
export function documentsView({ request, previous, current, timestamp }: Applied): object {
  return {
    previous: wholeView(previous),
    current: wholeView(current),
    timestamp,
    ...tokenOf(request),
  };
}

/** `…/get/accepted`: the whole with where it differs. */
export function getView(document: ShadowDocument, timestamp: number): DocumentView {
  const { state, metadata, version } = wholeView(document);
  const delta = differences(document);
  return {
    state: delta === undefined ? state : { ...state, delta },
    metadata,
    version,
    timestamp,
  };
}

function wholeView({ state, times, version }: ShadowDocument) {
  const metadata = sections.flatMap((section) => {
    const value = state[section];
    return value === undefined ? [] : [[section, metadataOf(value, times[section])]];
  });
  return { state: { ...state } as JsonObject, metadata: Object.fromEntries(metadata) as JsonObject, version };
}

function differences({ state: { desired, reported = {} } }: ShadowDocument): JsonObject | undefined {
  const delta = desired === undefined ? {} : deltaOf(desired, reported);
  return Object.keys(delta).length === 0 ? undefined : delta;
}

function tokenOf({ clientToken }: UpdateRequest): { readonly clientToken?: string } {
  return clientToken === undefined ? {} : { clientToken };
}
