import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Subscriber } from './model/subscriber.ts';
import { type Happening, World } from './model/world.ts';

const RUNS = 400;

const happening: fc.Arbitrary<Happening> = fc.record({
  what: fc.oneof(
    { weight: 10, arbitrary: fc.constant('publish' as const) },
    { weight: 10, arbitrary: fc.constant('work' as const) },
    { weight: 8, arbitrary: fc.constant('turn' as const) },
    { weight: 4, arbitrary: fc.constantFrom('disk' as const, 'hold' as const) },
    { weight: 3, arbitrary: fc.constant('connect' as const) },
    { weight: 1, arbitrary: fc.constantFrom('cut' as const, 'crash' as const) },
  ),
  who: fc.nat(7),
  how: fc.nat(7),
});

/** The QoS a subscriber gets a message with: its text ends with the publisher's QoS and its number. */
function qosFor({ qos }: Subscriber, text: string): number {
  return Math.min(qos, Number(text.split(' ')[2]));
}

function expectPromisesKept({ publishers, subscribers }: World): void {
  for (const subscriber of subscribers) {
    const texts = subscriber.received.map(({ text }) => text);
    for (const text of publishers.flatMap(({ acknowledged }) => acknowledged))
      expect(texts, `acknowledged and lost for ${subscriber.id}`).toContain(text);
    const once = texts.filter((text) => qosFor(subscriber, text) === 2);
    expect(once, `${subscriber.id} got a QoS 2 message twice`).toEqual([...new Set(once)]);
    expectOrder(subscriber.id, texts);
  }
}

/** Of each publisher, topic and QoS (MQTT-4.6.0-6): what comes again with QoS 1 counts where it came first. */
function expectOrder(id: string, texts: readonly string[]): void {
  const last = new Map<string, number>();
  for (const text of new Set(texts)) {
    const stream = text.slice(0, text.lastIndexOf(' '));
    const number = Number(text.slice(stream.length));
    expect(number, `${id} got ${text} out of order`).toBeGreaterThan(last.get(stream) ?? 0);
    last.set(stream, number);
  }
}

test.each([
  ['with room for all', {}],
  ['with a window of two and a disk that is soon full', { inflightOutMax: 2, uncommittedBytesMax: 600 }],
] as const)(
  `${RUNS} schedules of disconnects, crashes and a late disk, %s: nothing acknowledged is lost, no QoS 2 message comes twice, order is kept`,
  async (_name, limits) => {
    await fc.assert(
      fc.asyncProperty(fc.array(happening, { minLength: 20, maxLength: 200 }), async (happenings) => {
        const world = new World({ ...limits, messagesPerSecondMax: 1_000_000 });
        await world.start();
        for (const each of happenings) await world.happen(each);
        await world.finish();
        expectPromisesKept(world);
      }),
      { numRuns: RUNS },
    );
  },
);
