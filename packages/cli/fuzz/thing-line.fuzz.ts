import { isDeepStrictEqual } from 'node:util';
import { utf8 } from '@fleetward/core';
import { thingFormatters } from '../src/nouns/format-thing-line.ts';
import { parseCsvHeader, parseCsvLine, parseJsonThing } from '../src/nouns/parse-thing-line.ts';

export const seeds: readonly Uint8Array[] = [
  utf8('name,type,state,groups,attribute.site,tag.ring\nlamp-7,lamp,active,hall yard,"north, ""A""",1\n'),
  utf8('attributes,tags,name\n"{""a"":""1""}","{""b"":""""}",\'-7\n'),
  utf8(
    '{"thingName":"lamp-7","typeName":"lamp","attributes":{"a":"\\u00e9"},"tags":{},"groupNames":["hall"],"lifecycleState":"active"}',
  ),
  utf8(`{"thingName":"a","attributes":${'{"a":'.repeat(3_000)}`),
  utf8('{"thingName":"a","tags":{"__proto__":"b"}}'),
];

/** Whatever a line is, it is refused with words or is a thing that says the same as a line of JSON. */
export function fuzz(input: Uint8Array): void {
  const text = new TextDecoder().decode(input);
  check(parseJsonThing(text));
  const [header = '', ...lines] = text.split('\n');
  const columns = parseCsvHeader(header);
  if (columns === undefined) return;
  for (const line of lines) check(parseCsvLine(line, columns));
}

function check(thing: ReturnType<typeof parseJsonThing>): void {
  if ('fault' in thing) {
    if (thing.fault.length > 256) throw new Error(`too many words: ${thing.fault}`);
    return;
  }
  const { lifecycleState = 'active', groupNames = [], attributes = {}, tags = {} } = thing;
  const exported = { ...thing, lifecycleState, groupNames, attributes, tags };
  const again = parseJsonThing(thingFormatters.jsonl.line(exported));
  if (!isDeepStrictEqual(again, exported)) throw new Error('what is read is not what it says of itself');
}
