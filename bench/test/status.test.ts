import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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

  test('openssl as a responder answers what the bench of OCSP asks', async () => {
    using folder = temporaryFolder();
    const responder = await opensslResponder(folder);
    try {
      await untilItAnswers(responder);
      expect(await askFor(0.1, responder)).toBeGreaterThan(0);
    } finally {
      await responder.stop();
    }
  });

  test('an answer that is not `successful` ends the bench of OCSP', async () => {
    // RFC 6960 §4.2.1: malformedRequest (1)
    const server = createServer((_, answer) => answer.end(Buffer.from('30030a0101', 'hex')));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    try {
      const url = `http://127.0.0.1:${port}/`;
      const asked = askFor(0.1, { url, requests: [Buffer.from('3000', 'hex')], keepsConnections: false });
      await expect(asked).rejects.toThrow('did not answer `successful`');
    } finally {
      server.close();
    }
  });
});
