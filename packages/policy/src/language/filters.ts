/** Whether an MQTT filter covers a topic (MQTT 5 §4.7): the plain reading that the proofs' filters are held against. */
export function filterCovers(filter: string, topic: string): boolean {
  const levels = withoutShare(filter).split('/');
  const names = topic.split('/');
  if (topic.startsWith('$') && /^[+#]/.test(levels[0]!)) return false;
  for (const [at, level] of levels.entries()) {
    if (level === '#') return true;
    if (names[at] === undefined || (level !== '+' && level !== names[at])) return false;
    if (at === names.length - 1)
      return levels.length === names.length || (levels[at + 1] === '#' && levels.length === names.length + 1);
  }
  return false;
}

/** A topic name a client can publish on: not empty, no wildcard, no U+0000. */
export function isTopicName(text: string): boolean {
  return text !== '' && !/[+#\0]/.test(text);
}

/** A filter a client can subscribe to: wildcards fill a level, `#` the last; `$share/name/filter` has all three. */
export function isTopicFilter(text: string): boolean {
  if (text === '' || /\0|[^/][+#]|[+#][^/]|#\//.test(text)) return false;
  return !text.startsWith('$share/') || /^\$share\/[^/+#]+\/./su.test(text);
}

function withoutShare(filter: string): string {
  return /^\$share\/[^/]+\/(.*)$/su.exec(filter)?.[1] ?? filter;
}
