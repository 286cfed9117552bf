import { MqttError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';

const SHARE = '$share/';

/** A topic name: at least one character, no wildcard (MQTT-4.7.3-1, MQTT-3.3.2-2). U+0000 is refused by the codec too. */
export function isTopicName(text: string): boolean {
  return text !== '' && !/[+#\0]/.test(text) && Buffer.byteLength(text) <= 0xffff;
}

/** A topic filter: `+` and `#` fill a level, `#` only the last one (MQTT-4.7.1-2, -3); `$share/name/filter` has all three. */
export function isTopicFilter(text: string): boolean {
  if (text === '' || text.includes('\0') || Buffer.byteLength(text) > 0xffff) return false;
  if (!isSharedFilter(text)) return hasWildcardsInPlace(text);
  return /^\$share\/[^/+#]+\/./su.test(text) && hasWildcardsInPlace(text); // MQTT5-4.8.2-1, -2
}

/** `$share/…` of MQTT 5 section 4.8.2. */
export function isSharedFilter(filter: string): boolean {
  return filter.startsWith(SHARE);
}

/** The two parts of a valid shared filter; undefined for any other filter. */
export function parseSharedFilter(
  text: string,
): { readonly shareName: string; readonly filter: string } | undefined {
  if (!isSharedFilter(text)) return undefined;
  const nameEnd = text.indexOf('/', SHARE.length);
  return { shareName: text.slice(SHARE.length, nameEnd), filter: text.slice(nameEnd + 1) };
}

function hasWildcardsInPlace(text: string): boolean {
  return !/[^/][+#]|[+#][^/]|#\//.test(text);
}

export function assertTopicName(text: string): void {
  if (isTopicName(text)) return;
  throw new MqttError(
    'mqtt.invalid_topic',
    `\`${shown(text)}\` is not a topic name: empty, or with \`+\` or \`#\``,
    {
      reasonCode: REASON.topicNameInvalid,
    },
  );
}

export function assertTopicFilter(text: string): void {
  if (isTopicFilter(text)) return;
  throw new MqttError('mqtt.invalid_filter', `\`${shown(text)}\` is not a topic filter`, {
    reasonCode: REASON.topicFilterInvalid,
  });
}

/** The number of levels of a name or filter: its slashes and one. */
export function countLevels(text: string): number {
  let levels = 1;
  for (let at = text.indexOf('/'); at !== -1; at = text.indexOf('/', at + 1)) levels++;
  return levels;
}

function shown(text: string): string {
  return text.slice(0, 64).replace(/\p{Cc}/gu, '?');
}
