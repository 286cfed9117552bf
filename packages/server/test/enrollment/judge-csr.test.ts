import { needs, temporaryFolder } from '@fleetward/testkit';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { judgeCsr } from '../../src/enrollment/rules.ts';
import { Trace } from '../../src/enrollment/trace.ts';
import { makeCsr, makeKey } from './device-csr.ts';

const linking = { binding: { kind: 'none', why: 'no TLS here' }, isRequired: false } as const;
const keyRules = {};
const judge = (csrDer: Uint8Array) =>
  judgeCsr(
    { csrDer, namePattern: '*', profile: 'device', linking, keyRules, givenNames: () => [] },
    new Trace('test'),
  );

test('arbitrary bytes are refused as a value', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      expect(judge(bytes).kind).toBe('refused');
    }),
    { numRuns: 1000 },
  );
});

needs('openssl', 'openssl').describe('a CSR of openssl', () => {
  test.for(['rsa:2048', 'ec:P-256'] as const)(
    'with a %s key is refused once any one byte differs',
    async (kind) => {
      using folder = temporaryFolder();
      const csr = await makeCsr(await makeKey(folder, 'key', kind), { subject: '/CN=my_iot_device' });
      expect(judge(csr).kind).toBe('accepted');
      fc.assert(
        fc.property(fc.nat(csr.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
          const altered = csr.slice();
          altered[at] = altered[at]! ^ flip;
          expect(judge(altered).kind).toBe('refused');
        }),
        { numRuns: 2000 },
      );
    },
  );
});
