import {
  addEndorsement,
  createCampaign,
  createGuardrail,
  type Route,
  updateThing,
} from '@fleetward/protocol';
import { expect, test } from 'vitest';
import { HttpError } from '../../src/http/errors.ts';
import { compileRequestCheck } from '../../src/http/validate-request.ts';

const campaign = (...shares: readonly unknown[]) => ({
  name: 'c',
  releasePath: 'fw',
  stages: shares.map((share) => ({ share, successPercentMin: 50 })),
});
const window = { fromMinute: 0, toMinute: 60, timeZone: 'UTC' };
const guardrail = (property: unknown) => ({ guardrailName: 'own', property });

const lacks = (name: string) => `must have required properties ${name}`;
const noField = 'is not a field of this request';
const oneOfThem = 'must have exactly one of `ekHash`, `certificatePem`, `rootPem`';

test.for<readonly [Route, unknown, Readonly<Record<string, string>>]>([
  [createGuardrail, guardrail({ kind: 'never', action: 'publish' }), { '/property': lacks('resource') }],
  [
    createGuardrail,
    guardrail({ kind: 'at-most', document: '{}', shared: [] }),
    { '/property/shared': noField },
  ],
  [
    createGuardrail,
    guardrail({ kind: 'nevr' }),
    { '/property/kind': 'must be one of "no-cross-device", "never", "at-most"' },
  ],
  [createGuardrail, guardrail('never'), { '/property': 'must be object' }],
  [
    createCampaign,
    campaign({ kind: 'things', count: 1 }, { kind: 'percent', percent: 101 }),
    { '/stages/1/share/percent': 'must be <= 100' },
  ],
  [
    createCampaign,
    campaign({ kind: 'things', percent: 5 }),
    { '/stages/0/share': lacks('count'), '/stages/0/share/percent': noField },
  ],
  [
    createCampaign,
    { ...campaign({ kind: 'things', count: 1 }), window: { ...window, days: Array(8).fill(7) } },
    { '/window/days': 'must not have more than 7 items' },
  ],
  [addEndorsement, { ekHash: 'x' }, { '/ekHash': 'must match pattern "^[0-9a-f]{64}$"' }],
  [
    addEndorsement,
    { rootPem: '', note: 'mine' },
    { '/rootPem': 'must not have fewer than 1 characters', '/note': noField },
  ],
  [addEndorsement, { ekHash: 'ab'.repeat(32), rootPem: 'x' }, { '': oneOfThem }],
  [addEndorsement, {}, { '': oneOfThem }],
  [addEndorsement, [], { '': 'must be object' }],
  [updateThing, { typeName: 5 }, { '/typeName': 'must be either string or null' }],
  [
    updateThing,
    { typeName: null, attributes: { floor: 2, hall: null } },
    { '/attributes/floor': 'must be either string or null' },
  ],
])('%#: of a body is told what is wrong in the form that was meant, and no more', ([route, body, errors]) => {
  expect(refusalsOf(route, body)).toEqual(errors);
});

function refusalsOf(route: Route, body: unknown): unknown {
  try {
    return compileRequestCheck({ ...route, params: undefined })({ params: {}, query: {}, body });
  } catch (error) {
    if (!(error instanceof HttpError)) throw error;
    const { errors } = error.details as { errors: readonly { path: string; message: string }[] };
    const told = Object.fromEntries(errors.map(({ path, message }) => [path, message]));
    expect(Object.keys(told)).toHaveLength(errors.length);
    return told;
  }
}
