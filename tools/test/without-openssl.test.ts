import { join } from 'node:path';
import { expect, test } from 'vitest';
import { filesThatNeedOpenssl } from '../without-openssl.ts';

test('test files that drive openssl, directly or by a helper, are known; those that guard themselves are not listed', () => {
  const files = filesThatNeedOpenssl(join(import.meta.dirname, '../..'), ['packages/*/test/**/*.test.ts']);
  expect(files).toContain('packages/server/test/gateway/admission.test.ts');
  expect(files).toContain('packages/server/test/http/app.test.ts'); // through its helper
  expect(files).not.toContain('packages/keys/test/signing-process.test.ts'); // guards itself
  expect(files).not.toContain('packages/policy/test/compile.test.ts');
});
