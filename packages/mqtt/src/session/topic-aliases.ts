import type { PublishFrame } from '../codec/publish-frame.ts';
import { protocolError } from '../errors.ts';
import { REASON } from '../reason-codes.ts';
import type { Topic, TopicTable } from '../topics/topic-table.ts';

/** What a client's aliases stand for, for one network connection (MQTT 5 section 3.3.2.3.4). */
export class TopicAliases<Route> {
  readonly #aliasMax: number;
  readonly #topics = new Map<number, Topic<Route>>();

  constructor(options: { readonly aliasMax: number }) {
    this.#aliasMax = options.aliasMax;
  }

  /** The topic of a message that carries an alias: sets it, or looks it up. */
  resolve(frame: PublishFrame, alias: number, table: TopicTable<Route>): Topic<Route> {
    if (alias > this.#aliasMax) throw tooLarge(alias, this.#aliasMax); // MQTT5-3.3.2-9
    if (frame.topicStart === frame.topicEnd) {
      const known = this.#topics.get(alias);
      if (known === undefined) throw protocolError(`the topic alias \`${alias}\` stands for no topic yet`);
      return known;
    }
    const topic = table.intern(frame.bytes, frame.topicStart, frame.topicEnd);
    this.#topics.set(alias, topic);
    return topic;
  }
}

function tooLarge(alias: number, max: number): Error {
  return protocolError(`the topic alias \`${alias}\` is above \`${max}\``, REASON.topicAliasInvalid);
}
