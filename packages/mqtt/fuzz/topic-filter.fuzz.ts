import { FilterTrie, isTopicFilter, isTopicName, MqttError } from '../src/index.ts';

export const seeds: readonly Uint8Array[] = [
  'a/b\na/+',
  '$SYS/x\n#',
  '/\n+/+',
  'a\n$share/g/a',
  '//\n//#',
].map((text) => new TextEncoder().encode(text));

/** A topic and a filter, a line each: the trie must not throw, nor match what is hidden. */
export function fuzz(input: Uint8Array): void {
  const [topic = '', filter = ''] = Buffer.from(input).toString('utf8').split('\n', 2);
  if (!isTopicName(topic) || !isTopicFilter(filter)) return;
  const trie = new FilterTrie<number, string>({ levelsMax: 64 });
  try {
    trie.set(filter, 1, filter);
  } catch (error) {
    if (error instanceof MqttError) return;
    throw error;
  }
  const found: string[] = [];
  trie.match(topic.split('/'), found);
  if (found.length > 0 && topic.startsWith('$') && /^[+#]/.test(filter))
    throw new Error('a hidden topic matched');
  trie.delete(filter, 1);
  if (!trie.isEmpty) throw new Error('a filter left nodes behind');
}
