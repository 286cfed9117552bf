import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrincipal, lintPolicy, parsePolicy } from '../src/index.ts';

const level = fc.constantFrom('a', 'b', '${iot:ClientId}', '*', '?', 'a*');
const filterLevel = fc.oneof(level, fc.constantFrom('+', '#'));
const path = (levels: fc.Arbitrary<string>) =>
  fc.array(levels, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));
const topic = path(fc.constantFrom('a', 'b', 'ab', ''));
const filter = path(fc.constantFrom('a', 'b', 'ab', '+')).chain((text) =>
  fc.constantFrom(text, `${text}/#`, '#'),
);

/** MQTT 5 §4.7, the textbook way. */
function covers(filterText: string, topicText: string): boolean {
  const levels = topicText.split('/');
  const wanted = filterText.split('/');
  return wanted.every((want, index) => {
    if (want === '#') return true;
    const have = levels[index];
    return (
      have !== undefined &&
      (want === '+' || want === have) &&
      (wanted[index + 1] === '#' || index < wanted.length - 1 || levels.length === wanted.length)
    );
  });
}

/** Documents in which Allow and Deny of both actions stand side by side. */
const statement = fc.record({
  Effect: fc.constantFrom('Allow', 'Allow', 'Deny'),
  resource: fc.oneof(
    path(filterLevel).map((text) => ({
      Action: 'iot:Subscribe',
      Resource: `arn:aws:iot:r:a:topicfilter/${text}`,
    })),
    path(level).map((text) => ({ Action: 'iot:Receive', Resource: `arn:aws:iot:r:a:topic/${text}` })),
  ),
});
function documentOf(statements: readonly object[]) {
  const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
  return parsePolicy(text, { region: 'r', accountId: 'a' }).document;
}

const written = statement.map(({ Effect, resource }) => ({ Effect, ...resource }));
const documents = fc.array(written, { minLength: 2, maxLength: 5 }).map(documentOf);
/** Mostly with a Deny that is walked around. */
const bypassed = fc
  .tuple(path(level), fc.array(written, { maxLength: 2 }))
  .map(([denied, more]) =>
    documentOf([
      { Effect: 'Allow', Action: 'iot:Subscribe', Resource: 'arn:aws:iot:r:a:topicfilter/*' },
      { Effect: 'Deny', Action: 'iot:Subscribe', Resource: `arn:aws:iot:r:a:topicfilter/${denied}` },
      { Effect: 'Allow', Action: 'iot:Receive', Resource: 'arn:aws:iot:r:a:topic/*' },
      ...more,
    ]),
  );

describe('the lint about filters', () => {
  it('finds nothing more with fewer states', () => {
    fc.assert(
      fc.property(documents, fc.nat(300), (document, statesMax) => {
        const places = new Set(lintPolicy(document).map(({ id, path: place }) => `${id} ${place}`));
        for (const { id, path: place } of lintPolicy(document, { statesMax }))
          expect(places).toContain(`${id} ${place}`);
      }),
      { numRuns: 200 },
    );
  });

  it('names a filter that is allowed, and a topic that it brings', () => {
    let found = 0;
    fc.assert(
      fc.property(bypassed, (document) => {
        const findings = lintPolicy(document).filter(({ id }) => id === 'deny-bypassed-by-filter');
        for (const { message } of findings) {
          const [, asked, sent] = /^`(.*?)`, which .* such as `(.*)`$/s.exec(message)!;
          found++;
          expect(covers(asked!.replace(/^\$share\/[^/]+\//, ''), sent!)).toBe(true);
        }
      }),
      { numRuns: 200 },
    );
    expect(found).toBeGreaterThan(10);
  });
});

describe('the lint about subscriptions that bring nothing', () => {
  it('is silent whenever some message can arrive', () => {
    let arrivals = 0;
    fc.assert(
      fc.property(path(filterLevel), path(level), filter, topic, (subscribe, receive, asked, sent) => {
        const statements = [
          { Effect: 'Allow', Action: 'iot:Subscribe', Resource: `arn:aws:iot:r:a:topicfilter/${subscribe}` },
          { Effect: 'Allow', Action: 'iot:Receive', Resource: `arn:aws:iot:r:a:topic/${receive}` },
        ];
        const text = JSON.stringify({ Version: '2012-10-17', Statement: statements });
        const { document } = parsePolicy(text, { region: 'r', accountId: 'a' });
        const policy = { name: 'p', versionId: 1, document, via: 'certificate' } as const;
        const principal = compilePrincipal([policy], { clientId: 'a' });
        const arrives =
          principal.allows('iot:Subscribe', asked) &&
          covers(asked, sent) &&
          principal.allows('iot:Receive', sent);
        fc.pre(arrives);
        arrivals++;
        expect(lintPolicy(document).map(({ id }) => id)).not.toContain('subscribe-without-receive');
      }),
      { numRuns: 400, maxSkipsPerRun: 1000 },
    );
    expect(arrivals).toBeGreaterThan(100);
  });
});
