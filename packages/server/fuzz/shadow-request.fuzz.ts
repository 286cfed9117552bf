import { isDeepStrictEqual } from 'node:util';
import { type JsonObject, utf8 } from '@fleetward/core';
import { noDocument } from '../src/shadows/document.ts';
import { readClientToken, readUpdate } from '../src/shadows/read-update.ts';
import { acceptedView, applyUpdate, deltaView, documentsView, getView } from '../src/shadows/rules.ts';

const documentBytesMax = 8_192;
const payloadBytesMax = 2 * documentBytesMax;

const request = {
  state: {
    desired: { on: true, color: [1, 2, { r: 3 }], deep: { a: { b: null } } },
    reported: { on: false },
  },
  version: 0,
  clientToken: 'é',
};

export const seeds: readonly Uint8Array[] = [
  utf8(JSON.stringify(request)),
  utf8('{"state":{"desired":null,"reported":{"constructor":{}}}}'),
  utf8(`{"state":{"desired":{"a":${'['.repeat(3_000)}`),
  utf8(`{"state":{"desired":${'{"a":'.repeat(3_000)}`),
  utf8('{"clientToken":"a","state":{},"clientToken":"b"}'),
  utf8('{"state":{"desired":{"__proto__":{"a":1}}}}'),
];

/** Whatever is sent as an update is rejected or makes a document that says of itself what is in it. */
export function fuzz(input: Uint8Array): void {
  readClientToken(input, payloadBytesMax);
  const read = readUpdate(input, payloadBytesMax);
  if (read.kind === 'rejected') return;
  const applied = applyUpdate(noDocument, read, { nowSeconds: 1, documentBytesMax });
  if (applied.kind === 'rejected') return;
  for (const view of [acceptedView(applied), deltaView(applied) ?? {}, documentsView(applied)])
    JSON.parse(JSON.stringify(view));
  const { state } = getView(applied.current, 2);
  const again = readUpdate(utf8(JSON.stringify({ state: without(state, 'delta') })), 4 * documentBytesMax);
  if (again.kind === 'rejected') throw new Error(`what is kept is refused: ${again.message}`);
  const same = applyUpdate(applied.current, again, { nowSeconds: 2, documentBytesMax });
  if (same.kind === 'rejected') throw new Error(`what is kept cannot be sent again: ${same.message}`);
  const [before, after] = [applied, same].map(({ current }) => JSON.parse(JSON.stringify(current.state)));
  if (!isDeepStrictEqual(before, after)) throw new Error('what is kept, sent again, changes it');
}

function without(object: JsonObject, key: string): JsonObject {
  return Object.fromEntries(Object.entries(object).filter(([name]) => name !== key));
}
