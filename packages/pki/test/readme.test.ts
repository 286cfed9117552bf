import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import * as pki from '../src/index.ts';
import { opensslFolder, withOpenssl } from './openssl.ts';
import { newCa, nowMs, random } from './test-ca.ts';

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8');

withOpenssl.describe('the README', () => {
  it('the example of the README runs and ends in an acceptance', async () => {
    const example = /```ts\n(.*?)```/s
      .exec(readme)?.[1]
      ?.replace(/import \{.*?;\n/s, '')
      .replace('validatePath(', 'return validatePath(');
    const folder = opensslFolder();
    try {
      folder.run('genrsa', '-out', 'k.pem', '2048');
      folder.run('req', '-new', '-key', 'k.pem', '-subj', '/CN=my_iot_device', '-out', 'c.pem');
      const ca = await newCa();
      const given = {
        issuingCa: ca.issuing,
        rootCa: ca.root,
        signer: ca.issuingKey,
        random,
        clock: { now: () => nowMs },
      };
      const scope = { ...pki, ...given, pemText: folder.read('c.pem') };
      await expect(runInNewContext(`(async () => {${example}\n})()`, scope)).resolves.toMatchObject({
        kind: 'accepted',
      });
    } finally {
      folder[Symbol.dispose]();
    }
  });
});
