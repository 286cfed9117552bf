import type { CertificateId, ThingName } from '@fleetward/core';
import { thingNotFound } from './errors.ts';
import type { AttachedPair, CertificateAttachment, Thing, ThingStore } from './store.ts';

const pageSize = 1000;
const none: readonly CertificateAttachment[] = [];

/** Things and their attachments in memory: what a connecting device is decided by. Changed in the tick of each commit. */
export class ThingRegistry {
  readonly #things = new Map<ThingName, Thing>();
  #revision = 0;
  readonly #byCertificate = new Map<CertificateId, readonly CertificateAttachment[]>();
  readonly #byThing = new Map<ThingName, readonly CertificateAttachment[]>();
  readonly #pastByThing = new Map<ThingName, Set<CertificateId>>();
  readonly #changed: (name: ThingName) => void;

  /** `changed` is told of each thing that is added, changed or removed, or whose certificates are others. */
  constructor(changed: (name: ThingName) => void) {
    this.#changed = changed;
  }

  async load(store: ThingStore): Promise<void> {
    for (const pair of await store.pastAttachments()) this.#remember(pair);
    for (const attachment of await store.attachments()) this.attach(attachment);
    for (let after: ThingName | undefined; ; ) {
      const page = await store.page(after === undefined ? { limit: pageSize } : { after, limit: pageSize });
      for (const thing of page) this.add(thing);
      after = page.at(-1)?.name;
      if (after === undefined) return;
    }
  }

  /** Changes whenever a thing is added, changed or removed. */
  get revision(): number {
    return this.#revision;
  }

  things(): Iterable<Thing> {
    return this.#things.values();
  }

  names(): Iterable<ThingName> {
    return this.#things.keys();
  }

  add(thing: Thing): void {
    this.#revision++;
    this.#things.set(thing.name, thing);
    this.#changed(thing.name);
  }

  remove(name: ThingName): void {
    this.#revision++;
    this.#things.delete(name);
    this.#changed(name);
  }

  find(name: ThingName): Thing | undefined {
    return this.#things.get(name);
  }

  /** Throws `things.not_found`. */
  get(name: ThingName): Thing {
    const thing = this.find(name);
    if (thing === undefined) throw thingNotFound(name);
    return thing;
  }

  attach(attachment: CertificateAttachment): void {
    this.#drop(attachment);
    this.#byCertificate.set(attachment.certificateId, [
      ...this.attachmentsOf(attachment.certificateId),
      attachment,
    ]);
    this.#byThing.set(attachment.thingName, [...this.certificatesOf(attachment.thingName), attachment]);
    this.#changed(attachment.thingName);
  }

  detach(pair: AttachedPair): void {
    this.#drop(pair);
    this.#remember(pair);
    this.#changed(pair.thingName);
  }

  #remember({ thingName, certificateId }: AttachedPair): void {
    const past = this.#pastByThing.get(thingName) ?? new Set();
    this.#pastByThing.set(thingName, past.add(certificateId));
  }

  #drop(pair: AttachedPair): void {
    const { certificateId, thingName } = pair;
    const things = this.attachmentsOf(certificateId).filter((kept) => kept.thingName !== thingName);
    const certificates = this.certificatesOf(thingName).filter(
      (kept) => kept.certificateId !== certificateId,
    );
    if (things.length === 0) this.#byCertificate.delete(certificateId);
    else this.#byCertificate.set(certificateId, things);
    if (certificates.length === 0) this.#byThing.delete(thingName);
    else this.#byThing.set(thingName, certificates);
  }

  attachmentsOf(certificateId: CertificateId): readonly CertificateAttachment[] {
    return this.#byCertificate.get(certificateId) ?? none;
  }

  certificatesOf(thingName: ThingName): readonly CertificateAttachment[] {
    return this.#byThing.get(thingName) ?? none;
  }

  certificateIdsOf(thingName: ThingName): readonly CertificateId[] {
    return this.certificatesOf(thingName).map(({ certificateId }) => certificateId);
  }

  /** All that speak for the thing, or once did. */
  everOf(thingName: ThingName): ReadonlySet<CertificateId> {
    return new Set([...this.certificateIdsOf(thingName), ...(this.#pastByThing.get(thingName) ?? [])]);
  }
}
