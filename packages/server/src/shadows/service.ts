import type { Clock, ThingName, Transaction, Transactor } from '@fleetward/core';
import type { PlatformSpoke } from '../reserved-topic.ts';
import type { Actor, Trail } from '../trail/index.ts';
import { noDocument, type ShadowDocument, type ShadowKey } from './document.ts';
import { changeMessages, deletionMessages } from './messages.ts';
import type { UpdateRequest } from './read-update.ts';
import { noShadow, type Rejection, refuse } from './rejections.ts';
import { type Applied, acceptedView, applyUpdate, type DocumentView, deleted, getView } from './rules.ts';
import type { ShadowStore, StoredShadow } from './store.ts';
import { type Decided, ShadowWriter } from './writer.ts';

export interface ShadowLimits {
  readonly documentBytesMax: number;
  readonly shadowsPerThingMax: number;
  readonly updatesPendingMax: number;
  readonly updatesPerTransactionMax: number;
}

export interface ShadowsOptions {
  readonly store: ShadowStore;
  readonly transactor: Transactor;
  readonly trail: Pick<Trail, 'append'>;
  readonly clock: Clock;
  /** Whether the thing is registered. */
  readonly isThing: (thingName: ThingName) => boolean;
  readonly announce: (event: PlatformSpoke) => void;
  /** Told what each shadow holds after a commit, before others are. */
  readonly changed: (shadow: StoredShadow) => void;
  readonly limits: ShadowLimits;
}

/** An answer as devices get it. */
export type ShadowAnswer<View extends object = object> =
  | { readonly kind: 'accepted'; readonly view: View }
  | Rejection;

/** A deletion: the shadow had that version. */
interface Deletion {
  readonly view: { readonly version: number; readonly timestamp: number; readonly clientToken?: string };
  readonly current: ShadowDocument;
}

/** What things report of themselves and what is desired of them, in one classic shadow and any number of named ones of each. */
export class Shadows {
  readonly counts = { accepted: 0, rejected: 0 };
  readonly #options: ShadowsOptions;
  readonly #writer: ShadowWriter;

  constructor(options: ShadowsOptions) {
    this.#options = options;
    const { clock } = options;
    this.#writer = new ShadowWriter({ ...options, nowMs: () => clock.now() });
  }

  /** Updates and deletions under way. */
  get pending(): number {
    return this.#writer.pending;
  }

  /** Largest payload of a request: room to delete much at once besides what may be kept. */
  get payloadBytesMax(): number {
    return 2 * this.#options.limits.documentBytesMax;
  }

  async get(key: ShadowKey, clientToken?: string): Promise<ShadowAnswer<DocumentView>> {
    if (!this.#options.isThing(key.thingName)) return this.#count(refuse('thingNotFound', clientToken));
    const [shadow = noDocument] = await this.#options.store.find([key]);
    if (shadow.isDeleted) return this.#count(noShadow(key, clientToken));
    const token = clientToken === undefined ? {} : { clientToken };
    return this.#count({ kind: 'accepted', view: { ...getView(shadow, this.#nowSeconds()), ...token } });
  }

  /** Durable when it resolves, and told to all who are subscribed. `actor`: an operator, for the trail. */
  async update(key: ShadowKey, request: UpdateRequest, actor?: Actor): Promise<ShadowAnswer<DocumentView>> {
    const { clientToken } = request;
    if (!this.#options.isThing(key.thingName)) return this.#count(refuse('thingNotFound', clientToken));
    const decided = await this.#writer.write<Applied>({
      key,
      decide: (previous) => this.#decideUpdate(key, previous, request),
      ...(actor === undefined
        ? {}
        : { within: (tx: Transaction, { current }: Applied) => this.#trail(tx, key, { actor, current }) }),
    });
    if (decided.kind === 'rejected') return this.#count(withToken(decided, clientToken));
    return this.#count({ kind: 'accepted', view: acceptedView(decided.done) });
  }

  /** As `update`. */
  async delete(
    key: ShadowKey,
    { clientToken, actor }: { readonly clientToken?: string; readonly actor?: Actor } = {},
  ): Promise<ShadowAnswer<Deletion['view']>> {
    if (!this.#options.isThing(key.thingName)) return this.#count(refuse('thingNotFound', clientToken));
    const decided = await this.#writer.write<Deletion>({
      key,
      decide: (previous) => this.#decideDeletion(key, previous, clientToken),
      ...(actor === undefined
        ? {}
        : {
            within: (tx: Transaction, { current }: Deletion) => this.#trail(tx, key, { actor, current }),
          }),
    });
    if (decided.kind === 'rejected') return this.#count(withToken(decided, clientToken));
    return this.#count({ kind: 'accepted', view: decided.done.view });
  }

  /** Those that are there, by name; the classic one has an empty name. */
  async list(
    thingName: ThingName,
    { after, limit }: { readonly after?: string; readonly limit: number },
  ): Promise<readonly StoredShadow[]> {
    const { store, limits } = this.#options;
    const all = await store.ofThing(thingName, { limit: limits.shadowsPerThingMax });
    const live = all.filter(
      ({ isDeleted, shadowName }) => !isDeleted && (after === undefined || shadowName > after),
    );
    return live.slice(0, limit);
  }

  /** Removes all shadows of a thing, in the transaction that removes it: another one of its name begins anew. */
  forgetThing(tx: Transaction, thingName: ThingName): Promise<void> {
    return this.#options.store.forget(tx, thingName);
  }

  #decideUpdate(
    key: ShadowKey,
    previous: ShadowDocument,
    request: UpdateRequest,
  ): Decided<Applied> | Rejection {
    const { documentBytesMax } = this.#options.limits;
    const applied = applyUpdate(previous, request, { nowSeconds: this.#nowSeconds(), documentBytesMax });
    if (applied.kind === 'rejected') return applied;
    const announce = (): void => this.#announce(changeMessages(key, applied));
    return { kind: 'decided', next: applied.current, done: applied, announce };
  }

  #decideDeletion(
    key: ShadowKey,
    previous: ShadowDocument,
    clientToken: string | undefined,
  ): Decided<Deletion> | Rejection {
    if (previous.isDeleted) return noShadow(key);
    const { version } = previous;
    const token = clientToken === undefined ? {} : { clientToken };
    const view = { version, timestamp: this.#nowSeconds(), ...token };
    const next = deleted(previous);
    const announce = (): void => this.#announce(deletionMessages(key, view));
    return { kind: 'decided', next, done: { view, current: next }, announce };
  }

  async #trail(
    tx: Transaction,
    { thingName, shadowName }: ShadowKey,
    { actor, current }: { readonly actor: Actor; readonly current: ShadowDocument },
  ): Promise<void> {
    const { version, state, isDeleted } = current;
    const payload = { thingName, shadowName, version, ...(isDeleted ? {} : { state: { ...state } }) };
    const kind = isDeleted ? 'shadow.deleted' : 'shadow.updated';
    await this.#options.trail.append(tx, { kind, actor, payload });
  }

  #announce(messages: PlatformSpoke['messages']): void {
    this.#options.announce({ kind: 'platform-spoke', messages });
  }

  #count<Answer extends ShadowAnswer>(answer: Answer): Answer {
    this.counts[answer.kind]++;
    return answer;
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.now() / 1_000);
  }
}

function withToken(rejected: Rejection, clientToken: string | undefined): Rejection {
  return clientToken === undefined ? rejected : { ...rejected, clientToken };
}
