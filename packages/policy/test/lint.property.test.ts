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
