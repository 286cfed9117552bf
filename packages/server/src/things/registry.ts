import type { CertificateId, ThingName } from '@fleetward/core';
import type { CertificateAttachment, Thing, ThingStore } from './store.ts';

const pageSize = 1000;
const none: readonly CertificateAttachment[] = [];

/** Things and their attachments in memory: what a connecting device is decided by. Changed in the tick of each commit. */
export class ThingRegistry {
  readonly #things = new Map<ThingName, Thing>();
  readonly #byCertificate = new Map<CertificateId, readonly CertificateAttachment[]>();
  readonly #byThing = new Map<ThingName, readonly CertificateAttachment[]>();

  async load(store: ThingStore): Promise<void> {
    for (const attachment of await store.attachments()) this.attach(attachment);
    for (let after: ThingName | undefined; ; ) {
      const page = await store.page(after === undefined ? { limit: pageSize } : { after, limit: pageSize });
      for (const thing of page) this.add(thing);
      after = page.at(-1)?.name;
      if (after === undefined) return;
    }
  }

  add(thing: Thing): void {
    this.#things.set(thing.name, thing);
  }

  remove(name: ThingName): void {
    this.#things.delete(name);
  }

  find(name: ThingName): Thing | undefined {
    return this.#things.get(name);
  }

  attach(attachment: CertificateAttachment): void {
    this.detach(attachment);
    this.#byCertificate.set(attachment.certificateId, [
      ...this.attachmentsOf(attachment.certificateId),
      attachment,
    ]);
    this.#byThing.set(attachment.thingName, [...this.certificatesOf(attachment.thingName), attachment]);
  }

  detach(pair: Pick<CertificateAttachment, 'certificateId' | 'thingName'>): void {
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
}
