import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compilePrincipal, type PolicyRequest } from '../src/index.ts';
import { filterCovers } from '../src/language/filters.ts';
import { proveAtMost } from '../src/prove/at-most.ts';
import { proveNoCrossDevice } from '../src/prove/cross-device.ts';
import { findDead } from '../src/prove/dead.ts';
import { proveNever } from '../src/prove/never.ts';
import type { Verdict } from '../src/prove/proof.ts';
import {
  ACTIONS,
  contexts,
  matchesPattern,
  namesFor,
  patterns,
  policyOf,
  relative,
  statements,
} from './random-policies.ts';

type Context = PolicyRequest['context'];
type Policy = ReturnType<typeof policyOf>;

const CONTEXTS = contexts();
const numRuns = Number(process.env.PROOF_RUNS ?? 40);
const KINDS = ['leveled', 'tangled'] as const;
const options = { statesMax: 60_000 };

describe.each(KINDS)('a proof about %s patterns', { timeout: 180_000 }, (kind) => {
  it('that one policy is no more permissive than another is not contradicted by any small request', () => {
    const verdicts = count();
    const pair = fc.tuple(statements(kind), statements(kind), fc.nat());
    fc.assert(
      fc.property(pair, ([one, fresh, turn]) => {
        const [left, right] = [policyOf(one), policyOf(turn % 3 === 0 ? fresh : relative(one, fresh, turn))];
        const { verdict } = proveAtMost([left], [right], options);
        verdicts[verdict]++;
        if (verdict === 'yes') expect(firstBeyond(left, right)).toBeUndefined();
        if (verdict === 'undecided') return;
        // The other direction of the property: what is found by trying is never called impossible.
        if (firstBeyond(left, right) !== undefined) expect(verdict).toBe('no');
      }),
      { numRuns },
    );
    expectBoth(verdicts);
  });

  it('that something never happens is not contradicted by any small request', () => {
    const verdicts = count();
    const question = fc.record({
      action: fc.constantFrom('publish', 'receive', 'subscribe', 'connect'),
      resource: patterns,
    });
    fc.assert(
      fc.property(statements(kind), question, (one, never) => {
        const policy = policyOf(one);
        const { verdict } = proveNever([policy], never, options);
        verdicts[verdict]++;
        if (verdict === 'yes') expect(firstEvent(policy, never)).toBeUndefined();
      }),
      { numRuns },
    );
    expectBoth(verdicts);
  });

  it('that statements change nothing is not contradicted by any small request', () => {
    let dead = 0;
    fc.assert(
      fc.property(statements(kind), fc.nat(), (one, turn) => {
        const all = [...one, ...relative(one, one, turn)].slice(0, 6);
        const found = findDead([policyOf(all)], options);
        const kept = all.filter(
          (_statement, index) => !found.dead.some((statement) => statement.index === index),
        );
        dead += found.dead.length;
        if (kept.length === 0) return;
        expect(firstBeyond(policyOf(all), policyOf(kept))).toBeUndefined();
        expect(firstBeyond(policyOf(kept), policyOf(all))).toBeUndefined();
      }),
      { numRuns },
    );
    expect(dead).toBeGreaterThan(numRuns / 4);
  });

  it('that no two devices meet is not contradicted by any two small devices', () => {
    const verdicts = count();
    fc.assert(
      fc.property(statements(kind), (one) => {
        const { verdict } = proveNoCrossDevice([policyOf(one)], options);
        verdicts[verdict]++;
        if (verdict === 'yes') expect(firstMeeting(one)).toBeUndefined();
      }),
      { numRuns },
    );
    expectBoth(verdicts);
  });
});

function count(): Record<Verdict, number> {
  return { yes: 0, no: 0, undecided: 0 };
}

/** A generator that never gets both answers would prove nothing. */
function expectBoth(verdicts: Record<Verdict, number>): void {
  expect(verdicts.yes).toBeGreaterThan(0);
  expect(verdicts.no).toBeGreaterThan(0);
  expect(verdicts.undecided).toBeLessThan(numRuns / 4);
}

function firstBeyond(left: Policy, right: Policy) {
  for (const context of CONTEXTS) {
    const [a, b] = [left, right].map((policy) => compilePrincipal([policy], context));
    for (const action of ACTIONS) {
      for (const name of namesFor(action)) {
        if (action === 'iot:Connect' && context.clientId !== name) continue;
        if (a!.allows(action, name) && !b!.allows(action, name)) return { action, name, context };
      }
    }
  }
  return undefined;
}

const FILTERS = namesFor('iot:Subscribe');
const TOPICS = namesFor('iot:Publish');

function firstEvent(
  policy: Policy,
  { action, resource }: { readonly action: string; readonly resource: string },
) {
  for (const context of CONTEXTS) {
    const device = compilePrincipal([policy], context);
    const covers = (topic: string) =>
      FILTERS.some((filter) => filterCovers(filter, topic) && device.allows('iot:Subscribe', filter));
    const happens = (name: string) => {
      if (action === 'connect') return name === context.clientId && device.allows('iot:Connect', name);
      if (action === 'publish') return device.allows('iot:Publish', name);
      return covers(name) && (action === 'subscribe' || device.allows('iot:Receive', name));
    };
    const names = action === 'connect' ? namesFor('iot:Connect') : TOPICS;
    const name = names.find((candidate) => matchesPattern(resource, candidate) && happens(candidate));
    if (name !== undefined) return { name, context };
  }
  return undefined;
}

interface Device {
  readonly context: Context;
  readonly publish: ReadonlySet<string>;
  readonly receive: ReadonlySet<string>;
}

function firstMeeting(one: readonly object[]) {
  const devices = devicesWith(policyOf(one));
  const common = commonTopics(one);
  for (const a of devices) {
    for (const b of devices) {
      if (a.context.thing !== undefined && a.context.thing.name === b.context.thing?.name) continue;
      const meets = (left: ReadonlySet<string>, right: ReadonlySet<string>, except: ReadonlySet<string>) =>
        [...left].find((topic) => right.has(topic) && !except.has(topic));
      const topic =
        meets(a.publish, b.receive, new Set()) ??
        meets(a.publish, b.publish, common.publish) ??
        meets(a.receive, b.receive, common.receive);
      if (topic !== undefined) return { topic, a: a.context, b: b.context };
    }
  }
  return undefined;
}

/** What each device may do that may connect; where nothing allows to connect, all. */
function devicesWith(policy: Policy): readonly Device[] {
  const hasConnect = policy.document.statements.some(
    ({ effect, actions }) => effect === 'Allow' && actions.includes('iot:Connect'),
  );
  return CONTEXTS.filter(({ clientId }) => clientId !== undefined).flatMap((context): Device[] => {
    const device = compilePrincipal([policy], context);
    if (hasConnect && !device.allows('iot:Connect', context.clientId!)) return [];
    const filters = FILTERS.filter((filter) => device.allows('iot:Subscribe', filter));
    const publish = new Set(TOPICS.filter((topic) => device.allows('iot:Publish', topic)));
    const receive = TOPICS.filter(
      (topic) => device.allows('iot:Receive', topic) && filters.some((filter) => filterCovers(filter, topic)),
    );
    return [{ context, publish, receive: new Set(receive) }];
  });
}

interface Written {
  readonly Effect?: string;
  readonly Action?: readonly string[];
  readonly Resource?: readonly string[];
}

function commonTopics(all: readonly Written[]) {
  const written = (action: string, type: string) =>
    all
      .filter(({ Effect, Action }) => Effect === 'Allow' && Action?.includes(action))
      .flatMap(({ Resource = [] }) => Resource)
      .map((arn) => arn.split(':').slice(5).join(':'))
      .filter((tail) => tail.startsWith(`${type}/`) && !/[*?$+#]/.test(tail))
      .map((tail) => tail.slice(type.length + 1));
  return {
    publish: new Set(written('iot:Publish', 'topic')),
    receive: new Set([...written('iot:Receive', 'topic'), ...written('iot:Subscribe', 'topicfilter')]),
  };
}
