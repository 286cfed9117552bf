import { needs, temporaryFolder } from '@fleetward/testkit';
import { expect, test } from 'vitest';
import { measureCrls } from '../src/crl/measure.ts';
import { opensslCrlMs } from '../src/crl/openssl-crl.ts';
import { askFor, untilItAnswers } from '../src/ocsp/ask.ts';
import { opensslResponder } from '../src/ocsp/responders.ts';

needs('openssl', 'openssl').describe('the benches of revocation status', () => {
  test('CRLs of the platform and of openssl are made, with the size that their entries take', async () => {
    const runs = await measureCrls({ entries: 2_500, rounds: 1, signal: new AbortController().signal });
    expect(runs).toHaveLength(1);
    expect(runs[0]?.bytes).toBeGreaterThan(2_500 * 33);
    expect(await opensslCrlMs(100)).toBeGreaterThan(0);
  });

  test('an answer that is not `successful` ends the bench of OCSP', async () => {
    using folder = temporaryFolder();
    const responder = await opensslResponder(folder);
    try {
      await untilItAnswers(responder);
      expect(await askFor(0.1, responder)).toBeGreaterThan(0);
      const broken = { ...responder, requests: [Buffer.from('3000', 'hex')] };
      await expect(askFor(0.1, broken)).rejects.toThrow();
    } finally {
      await responder.stop();
    }
  });
});
