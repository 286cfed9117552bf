import { expect, test } from 'vitest';
import { loadConfig } from '../src/config.ts';

const pkcs11 = { kind: 'pkcs11', module: '/m.so', tokenLabel: 't' };

test.for([
  [{ storage: { kind: 'mysql' } }, '`storage.kind` must be one of sqlite, postgres'],
  [{ storage: { kind: 'sqlite', url: 'postgres://h' } }, '`storage` has no setting `url`'],
  [{ storage: { url: 'postgres://h' } }, '`storage` must have required properties kind'],
  [{ storage: 'postgres' }, '`storage` must be object'],
  [
    { storage: { kind: 'postgres', url: 'postgres://h', mayBeOff: ['fsyn'] } },
    '`storage.mayBeOff.0` must be one of fsync, full_page_writes',
  ],
  [
    { hsm: { ...pkcs11, pin: { kind: 'env', name: 'PIN' } } },
    '`hsm.pin.kind` must be one of file, environment, systemd-credential',
  ],
  [{ hsm: { ...pkcs11, pin: { kind: 'environment' } } }, '`hsm.pin` must have required properties name'],
] as const)('of %j one reason is told, of the form that was meant', ([overrides, reason]) => {
  expect(() => loadConfig({ overrides })).toThrow(
    expect.objectContaining({
      code: 'config.invalid',
      details: { errors: [`${reason} (in the command line)`] },
    }),
  );
});
