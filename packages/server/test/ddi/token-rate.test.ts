import { FakeClock } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import type { TokenVerdict } from '../../src/ddi/target-tokens.ts';
import { createDdiAuthentication } from '../../src/gateway/ddi/authentication.ts';
import type { RawRequestHead } from '../../src/http/index.ts';

test('a token is judged again where something goes on for long, and at most each second', async () => {
  const clock = new FakeClock();
  const verdicts: TokenVerdict[] = [
    { kind: 'good' },
    { kind: 'good' },
    { kind: 'refused', explanation: 'it was deleted' },
  ];
  const authenticate = createDdiAuthentication({
    things: { attachmentsOf: () => [] },
    targetTokens: { judge: async () => verdicts.shift()! },
    admit: () => ({ kind: 'anonymous' }),
    denials: { record: () => undefined },
    clock,
    tenant: 'default',
    tokenRequestsPerSecondMax: 3,
  });
  const { judgeAgain } = await authenticate({
    socket: { getPeerX509Certificate: () => undefined } as unknown as RawRequestHead['socket'],
    headers: { authorization: 'TargetToken secret', host: 'localhost' },
    params: { tenant: 'default', controllerId: 'lamp' },
    query: {},
    remoteAddress: '192.0.2.1',
  });
  await judgeAgain!();
  expect(verdicts).toHaveLength(2);
  clock.advance(1_000);
  await judgeAgain!();
  clock.advance(1_000);
  await expect(judgeAgain!()).rejects.toMatchObject({ code: 'http.unauthenticated' });
});

test('the requests of a target token are bounded over all its connections, and come again with time', async () => {
  const clock = new FakeClock();
  const authenticate = createDdiAuthentication({
    things: { attachmentsOf: () => [] },
    targetTokens: { judge: async () => ({ kind: 'good' }) },
    admit: () => ({ kind: 'anonymous' }),
    denials: { record: () => undefined },
    clock,
    tenant: 'default',
    tokenRequestsPerSecondMax: 3,
  });
  // A socket of its own each time.
  const ask = () =>
    authenticate({
      socket: { getPeerX509Certificate: () => undefined } as unknown as RawRequestHead['socket'],
      headers: { authorization: 'TargetToken secret', host: 'localhost' },
      params: { tenant: 'default', controllerId: 'lamp' },
      query: {},
      remoteAddress: '192.0.2.1',
    });
  for (let times = 0; times < 3; times++) expect(await ask()).toMatchObject({ thingName: 'lamp' });
  await expect(ask()).rejects.toMatchObject({ code: 'http.too_many_requests' });
  clock.advance(1_000);
  expect(await ask()).toMatchObject({
    thingName: 'lamp',
    base: 'https://localhost/default/controller/v1/lamp',
  });
});
